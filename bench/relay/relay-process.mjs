/** `tumar relay` without the command's dispatcher. */

import { main } from "../../dist/server/main.js";

await main(process.argv.slice(2));
