/**
 * What a browser tells of networks: that it is online again, and on some phones whether it is Wi-Fi or a
 * mobile network. It does not tell one Wi-Fi from another.
 */

interface Connection extends EventTarget {
  readonly type?: string;
}

/** What is taken from the platform; passed in by tests. */
export interface BrowserNetworkPlatform {
  addEventListener(type: "online", listener: () => void): void;
  removeEventListener(type: "online", listener: () => void): void;
  readonly navigator: { readonly connection?: Connection };
}

export function browserNetwork(platform: BrowserNetworkPlatform = globalThis as never): string {
  return platform.navigator.connection?.type ?? "";
}

/** The result stops it. */
export function watchBrowserNetwork(
  listener: () => void,
  platform: BrowserNetworkPlatform = globalThis as never,
): () => void {
  const { connection } = platform.navigator;
  platform.addEventListener("online", listener);
  connection?.addEventListener("change", listener);
  return () => {
    platform.removeEventListener("online", listener);
    connection?.removeEventListener("change", listener);
  };
}
