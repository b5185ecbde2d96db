/**
 * One run of one command: its global options, and the ways to get at the passphrase, the client and the
 * output that all commands share. The client library is loaded only when a command needs it.
 */

import type { Command } from "commander";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Client } from "../core/client.ts";
import { parseProxy } from "../net/node/proxy-address.ts";
import type { NodeClientOptions } from "../node.ts";
import { checkPassphrase } from "../vault/passphrase.ts";
import { defaultProxy, defaultTransport, defaultVaultPath } from "./environment.ts";
import { parseTransport } from "./option-values.ts";
import {
  askInTerminal,
  askNewPassphrase,
  askPassphrase,
  passphraseFromFile,
} from "./passphrase.ts";
import type { Terminal } from "./terminal.ts";

interface GlobalOptions {
  readonly vault?: string;
  readonly passphraseFile?: string;
  readonly proxy?: string;
  readonly transport?: string;
  readonly json?: boolean;
}

export class Invocation {
  readonly terminal: Terminal;
  readonly isJson: boolean;
  readonly vaultPath: string;
  /** How relays are reached. */
  readonly network: NodeClientOptions;
  readonly #passphraseFile: string | undefined;

  constructor(command: Command, terminal: Terminal) {
    const options = command.optsWithGlobals<GlobalOptions>();
    this.terminal = terminal;
    this.isJson = options.json === true;
    this.vaultPath = options.vault ?? defaultVaultPath();
    const proxy = options.proxy ?? defaultProxy();
    if (proxy !== undefined) parseProxy(proxy);
    const transportKind = parseTransport(options.transport ?? defaultTransport() ?? "auto");
    this.network = {
      ...(proxy === undefined ? {} : { proxy }),
      ...(transportKind === undefined ? {} : { transportKind }),
    };
    this.#passphraseFile = options.passphraseFile;
  }

  /** One result: an object of json-shapes.ts on one line with `--json`, else the words. */
  print(json: object, text: () => string): Promise<void> {
    return this.terminal.print(this.isJson ? JSON.stringify(json) : text());
  }

  /** Words for a person on stderr; a script with `--json` does not need them. */
  remark(text: string): void {
    if (!this.isJson) this.terminal.notice(text);
  }

  /** Something that went wrong without ending the command. */
  warn(code: string, message: string): void {
    this.terminal.notice(
      this.isJson
        ? JSON.stringify({ warning: { code, message } })
        : `${this.terminal.styledNotice("yellow", "tumar:")} ${message}`,
    );
  }

  passphrase(): Promise<string> {
    return this.#passphraseFile === undefined
      ? askPassphrase(askInTerminal())
      : passphraseFromFile(this.#passphraseFile);
  }

  /** For a vault that is being made. */
  async newPassphrase(): Promise<string> {
    if (this.#passphraseFile === undefined) return await askNewPassphrase(askInTerminal());
    const passphrase = await passphraseFromFile(this.#passphraseFile);
    checkPassphrase(passphrase);
    return passphrase;
  }

  /** Opens the vault, does the work, and closes the vault whatever happened. */
  async withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const { openClient, vaultExists } = await import("../node.ts");
    if (!(await vaultExists(this.vaultPath))) {
      throw new TumarError("VAULT_MISSING", "there is no vault at this place");
    }
    const client = await openClient(this.vaultPath, await this.passphrase(), this.network);
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }
}
