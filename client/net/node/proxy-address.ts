/**
 * The URL of a proxy, as people type it: `socks5://` or `socks5h://` (SOCKS5, which resolves names at the
 * proxy under either word), `http://` or `https://` (HTTP CONNECT). A login stands before the host.
 */

import { TumarError } from "../../../shared/crypto/errors.ts";

export interface ProxyAddress {
  readonly kind: "socks" | "connect";
  /** With the login, if there is one. */
  readonly url: URL;
}

const KINDS: Readonly<Record<string, ProxyAddress["kind"]>> = {
  "socks5:": "socks",
  "socks5h:": "socks",
  "http:": "connect",
  "https:": "connect",
};

/** RFC 1929: one byte tells the length. */
const MAX_LOGIN_BYTES = 255;

/** @throws TumarError PROXY_INVALID, which quotes nothing of the URL: it may hold a password */
export function parseProxy(text: string): ProxyAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url === undefined ? undefined : KINDS[url.protocol];
  if (url === undefined || kind === undefined || url.hostname === "") {
    throw invalid("it does not begin with socks5://, http:// or https:// and a host");
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    throw invalid("something follows its host and port");
  }
  if (kind === "socks") url.protocol = "socks5h:";
  for (const part of [url.username, url.password]) {
    if (loginBytes(part) > MAX_LOGIN_BYTES) throw invalid("its login is too long");
  }
  return { kind, url };
}

function loginBytes(part: string): number {
  try {
    return Buffer.byteLength(decodeURIComponent(part));
  } catch {
    throw invalid("its login has a % that is not written as %25");
  }
}

function invalid(why: string): TumarError {
  return new TumarError("PROXY_INVALID", `this is no proxy: ${why}`);
}
