/**
 * `tumar relay`: named here so that `tumar --help` lists it. bin/tumar.ts hands it to the relay before the
 * command line sees it; client/ and server/ do not know each other.
 */

import type { Command } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { examples } from "../option-values.ts";

export function defineRelay(program: Command): void {
  program
    .command("relay")
    .description("run a relay (`tumar relay --help` tells its options)")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", examples("relay --data ./data --port 8787"))
    .action(() => {
      throw new TumarError("USAGE", "`relay` is the first word after `tumar`, its options follow");
    });
}
