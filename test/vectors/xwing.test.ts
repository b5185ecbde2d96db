/** X-Wing against the vectors of its draft, through our wrappers. */

import assert from "node:assert/strict";
import { describe } from "node:test";
import { fromHex, toHex } from "../../shared/crypto/bytes.ts";
import {
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
  parseKemCiphertext,
} from "../../shared/crypto/sodium.ts";
import { itWithVectors } from "../support/vector-files.ts";

interface XWingVector {
  readonly seed: string;
  readonly eseed: string;
  readonly ss: string;
  readonly pk: string;
  readonly ct: string;
}

describe("X-Wing", () => {
  itWithVectors(
    "draft-connolly-cfrg-xwing-kem",
    "xwing.json",
    "dconnolly/draft-connolly-cfrg-xwing-kem spec/test-vectors.json",
    (file) => {
      const vectors = file as readonly XWingVector[];
      assert.equal(vectors.length, 3);
      for (const { seed, eseed, ss, pk, ct } of vectors) {
        const pair = kemKeyPair(fromHex(seed));
        assert.equal(toHex(pair.publicKey), pk);
        const made = kemEncapsulate(pair.publicKey, fromHex(eseed));
        assert.equal(toHex(made.ciphertext), ct);
        assert.equal(toHex(made.sharedSecret), ss);
        const ciphertext = parseKemCiphertext(fromHex(ct));
        assert.equal(toHex(kemDecapsulate(ciphertext, pair.secretKey)), ss);
      }
    },
  );
});
