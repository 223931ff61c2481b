/** The primitives as we use them, on the vectors that Project Wycheproof publishes to catch bad implementations. */
import { describe, expect, test } from "vitest";
import { decipher } from "../../../lambda/sources/lark.ts";
import { isSignedByAny } from "../../../lambda/sources/standard-webhooks.ts";
import { readVectors } from "../../vectors.ts";

interface Vectors {
  testGroups: {
    keySize?: number;
    tagSize?: number;
    publicKey?: { pk: string };
    tests: {
      tcId: number;
      comment: string;
      msg: string;
      result: string;
      key?: string;
      iv?: string;
      ct?: string;
      tag?: string;
      sig?: string;
    }[];
  }[];
}
const hex = (text = "") => Buffer.from(text, "hex");

const ed25519 = readVectors<Vectors>("wycheproof/ed25519_test.json");
describe.skipIf(!ed25519)("Ed25519", () => {
  for (const { publicKey, tests } of ed25519?.testGroups ?? []) {
    test.each(tests)("$tcId $comment", ({ msg, sig, result }) => {
      const bytes = hex(sig);
      const key = `whpk_${hex(publicKey?.pk).toString("base64")}`;
      // What is not 64 bytes long does not come this far.
      const isTaken = bytes.length === 64 && isSignedByAny(key, hex(msg), [{ version: "v1a", bytes }]);
      expect(isTaken).toBe(result === "valid");
    });
  }
});

const hmac = readVectors<Vectors>("wycheproof/hmac_sha256_test.json");
describe.skipIf(!hmac)("HMAC-SHA256", () => {
  for (const { tagSize, tests } of (hmac?.testGroups ?? []).filter((group) => group.tagSize === 256)) {
    test.each(tests)(`${tagSize} $tcId $comment`, ({ key, msg, tag, result }) => {
      const secret = `whsec_${hex(key).toString("base64")}`;
      expect(isSignedByAny(secret, hex(msg), [{ version: "v1", bytes: hex(tag) }])).toBe(result === "valid");
    });
  }
});

const aes = readVectors<Vectors>("wycheproof/aes_cbc_pkcs5_test.json");
describe.skipIf(!aes)("AES-256-CBC with PKCS#7", () => {
  for (const { tests } of (aes?.testGroups ?? []).filter((group) => group.keySize === 256)) {
    test.each(tests)("$tcId $comment", ({ key, iv, ct, msg, result }) => {
      const open = () => decipher(hex(key), hex(iv), hex(ct)).toString("hex");
      if (result === "valid") expect(open()).toBe(msg);
      else expect(open).toThrow();
    });
  }
});
