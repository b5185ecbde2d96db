/** `tumar relay` without the command's dispatcher: the program that relay.ts starts as a child. */

import { main } from "../../server/main.ts";

await main(process.argv.slice(2));
