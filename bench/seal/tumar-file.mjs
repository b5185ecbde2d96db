/**
 * One file through our path, as a process of its own: `tumar-file.mjs seal IN FOLDER` seals it into
 * a blob storage in FOLDER, as a client does before it uploads (durable at the end), and prints name and key;
 * `tumar-file.mjs open FOLDER NAME KEY OUT` writes the plaintext of it.
 */

import { open } from "node:fs/promises";
import { argv } from "node:process";
import { FileBlobStorage } from "../../dist/client/vault/node/file-blob-storage.js";
import { fromHex, toHex } from "../../dist/shared/crypto/bytes.js";
import { systemRandom } from "../../dist/shared/crypto/sodium.js";
import {
  BLOB_CHUNK_BYTES,
  BLOB_CHUNK_DATA_BYTES,
  BlobCipher,
  BlobHash,
  blobHeader,
  checkBlobHeader,
  chunkOffset,
  generateBlobKey,
  paddedBlobBytes,
  parseBlobKey,
} from "../../dist/shared/e2ee/blob.js";

/** Read, and given to the storage, at once. */
const CHUNKS_AT_ONCE = 16;

async function seal(input, folder) {
  const blobs = new FileBlobStorage(folder);
  const { name, release } = await blobs.create();
  const key = generateBlobKey(systemRandom);
  const cipher = new BlobCipher(key);
  const hash = new BlobHash();
  const put = async (bytes) => {
    hash.update(bytes);
    await blobs.append(name, bytes);
  };
  const file = await open(input, "r");
  const { size } = await file.stat();
  const count = Math.max(1, Math.ceil(size / BLOB_CHUNK_DATA_BYTES));
  const data = new Uint8Array(CHUNKS_AT_ONCE * BLOB_CHUNK_DATA_BYTES);
  await put(blobHeader(key));
  for (let index = 0; index < count; ) {
    const { bytesRead } = await file.read(data, 0, data.length);
    const batch = new Uint8Array(Math.ceil(bytesRead / BLOB_CHUNK_DATA_BYTES) * BLOB_CHUNK_BYTES);
    for (let at = 0; at < batch.length; at += BLOB_CHUNK_BYTES, index++) {
      const from = (at / BLOB_CHUNK_BYTES) * BLOB_CHUNK_DATA_BYTES;
      const piece = data.subarray(from, Math.min(from + BLOB_CHUNK_DATA_BYTES, bytesRead));
      const chunk = { kind: index === count - 1 ? "last" : "data", data: piece, elapsedMs: 0 };
      batch.set(cipher.seal(index, chunk, systemRandom), at);
    }
    await put(batch);
  }
  const room = CHUNKS_AT_ONCE * BLOB_CHUNK_BYTES;
  for (let left = paddedBlobBytes(count) - chunkOffset(count); left > 0; left -= room) {
    await put(systemRandom(Math.min(left, room)));
  }
  await blobs.sync(name);
  hash.digest();
  cipher.wipe();
  await file.close();
  await release();
  console.log(`${name} ${toHex(key)}`);
}

async function unseal(folder, name, hexKey, output) {
  const blobs = new FileBlobStorage(folder);
  const key = parseBlobKey(fromHex(hexKey));
  const cipher = new BlobCipher(key);
  checkBlobHeader(key, await blobs.read(name, 0, chunkOffset(0)));
  const file = await open(output, "w");
  for (let index = 0, isLast = false; !isLast; ) {
    const sealed = await blobs.read(name, chunkOffset(index), CHUNKS_AT_ONCE * BLOB_CHUNK_BYTES);
    const pieces = [];
    for (let at = 0; at < sealed.length && !isLast; at += BLOB_CHUNK_BYTES, index++) {
      const { kind, data } = cipher.open(index, sealed.subarray(at, at + BLOB_CHUNK_BYTES));
      pieces.push(data);
      isLast = kind === "last";
    }
    await file.writev(pieces);
  }
  await file.sync();
  await file.close();
  cipher.wipe();
}

const [, , action, ...given] = argv;
await (action === "seal" ? seal(...given) : unseal(...given));
