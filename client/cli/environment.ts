/**
 * The only place where the command line reads `process.env`: where the vault is, how relays are reached, and
 * whether colours are wanted. No passphrase is ever taken from the environment.
 */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

interface Variables {
  readonly XDG_DATA_HOME?: string | undefined;
  readonly NO_COLOR?: string | undefined;
  readonly TERM?: string | undefined;
  readonly TUMAR_PROXY?: string | undefined;
  readonly TUMAR_TRANSPORT?: string | undefined;
}

/** `$XDG_DATA_HOME/tumar/vault`; a relative XDG_DATA_HOME is ignored, as its specification says. */
export function defaultVaultPath(
  variables: Variables = process.env,
  home: string = homedir(),
): string {
  const named = variables.XDG_DATA_HOME;
  const data = named !== undefined && isAbsolute(named) ? named : join(home, ".local", "share");
  return join(data, "tumar", "vault");
}

/** https://no-color.org: any value that is not empty means no. */
export function wantsColours(variables: Variables = process.env): boolean {
  return (variables.NO_COLOR ?? "") === "" && variables.TERM !== "dumb";
}

/** An empty value is none. */
export function defaultProxy(variables: Variables = process.env): string | undefined {
  const named = variables.TUMAR_PROXY ?? "";
  return named === "" ? undefined : named;
}

/** An empty value is none. */
export function defaultTransport(variables: Variables = process.env): string | undefined {
  const named = variables.TUMAR_TRANSPORT ?? "";
  return named === "" ? undefined : named;
}
