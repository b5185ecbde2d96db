/**
 * A process that commits to a vault until it has done so `times` times, printing each number once
 * `transaction` has answered. Run by processes.test.ts, which kills it.
 *
 * Arguments: path, own name, times, size of what each commit carries.
 */

import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { u32 } from "../../../shared/crypto/bytes.ts";
import { openVault } from "./support.ts";

const [path = "", name = "", times = "0", size = "0"] = process.argv.slice(2);
const vault = await openVault(new FileStorage(path));
process.stdout.write("open\n");
for (let i = 1; i <= Number(times); i++) {
  await vault.transaction((tx) => {
    const old = tx.get("count");
    const count = (old ? new DataView(old.buffer).getUint32(0) : 0) + 1;
    tx.put("count", u32(count));
    tx.put("mirror", u32(count));
    tx.put(`by ${name}`, u32(i));
    tx.put(`load ${name}`, new Uint8Array(Number(size) * (i % 4)).fill(i));
  });
  process.stdout.write(`${i}\n`);
}
await vault.close();
