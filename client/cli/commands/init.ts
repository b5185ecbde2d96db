/** `tumar init`: a new identity, registered at a relay; its recovery phrase is shown once. */

import { type Command, Option } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { WordListName } from "../../../shared/crypto/phrase.ts";
import { Invocation } from "../invocation.ts";
import { identityJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import { phrasePage } from "../phrase-page.ts";
import type { Terminal } from "../terminal.ts";

/** The same names as in shared/crypto/phrase.ts, which `--help` must not load. */
const WORD_LISTS: Readonly<Record<WordListName, true>> = {
  english: true,
  spanish: true,
  french: true,
  italian: true,
  portuguese: true,
  czech: true,
  japanese: true,
  korean: true,
  "simplified-chinese": true,
  "traditional-chinese": true,
};

interface InitOptions {
  readonly relay: readonly string[];
  readonly list: WordListName;
}

export function defineInit(program: Command, terminal: Terminal): void {
  program
    .command("init")
    .description("make a new identity and its vault, and show the recovery phrase, once")
    .requiredOption(
      "--relay <address>",
      "the relay's address, as it prints it when it starts; up to three, the option each time",
      (address: string, before: readonly string[] = []) => [...before, address],
    )
    .addOption(
      new Option("--list <language>", "the language of the 8 words")
        .choices(Object.keys(WORD_LISTS))
        .default("english"),
    )
    .addHelpText(
      "after",
      examples(
        "init --relay 'https://relay.example#k=AAAAAAAAAAAAAAAAAAAAAA'",
        "init --vault ./aigul.vault --relay 'http://127.0.0.1:8787#k=AAAAAAAAAAAAAAAAAAAAAA'",
      ),
    )
    .action((options: InitOptions, command: Command) =>
      init(new Invocation(command, terminal), options),
    );
}

async function init(invocation: Invocation, { relay, list }: InitOptions): Promise<void> {
  const { createClient, vaultExists } = await import("../../node.ts");
  const { parseRelayAddress } = await import("../../../shared/e2ee/relay-address.ts");
  const { vaultPath, terminal } = invocation;
  const [first = "", ...moreRelays] = relay;
  for (const address of relay) parseRelayAddress(address);
  if (await vaultExists(vaultPath)) {
    throw new TumarError("VAULT_EXISTS", "there is a vault at this place already");
  }
  const passphrase = await invocation.newPassphrase();
  const identity = {
    relay: first,
    moreRelays,
    wordList: list,
  };
  const { client, created } = await createClient(
    vaultPath,
    passphrase,
    identity,
    invocation.network,
  );
  try {
    const json = identityJson(created);
    await invocation.print(json, () =>
      [
        `Your identity: ${json.identity}`,
        "",
        phrasePage(created.phrase, created.digits, terminal),
      ].join("\n"),
    );
    invocation.remark("\nNext: `tumar card` prints what you hand to others.");
  } finally {
    await client.close();
  }
}
