/**
 * Keys, nonces, ids and jitter are drawn from the seed too, so that no test sees other bytes in one run than in another:
 * vitest.config.ts reads this in before each file. A process that a test starts draws its own.
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { seed } from "./seed.ts";

let blocks = 0;
let left = Buffer.alloc(0);

function draw(size: number): Buffer {
  while (left.length < size) {
    blocks += 1;
    left = Buffer.concat([left, crypto.createHash("sha512").update(`${seed} ${blocks}`).digest()]);
  }
  const drawn = Buffer.from(left.subarray(0, size));
  left = left.subarray(size);
  return drawn;
}

function randomUUID() {
  const bytes = draw(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function randomInt(...given: number[]) {
  const [from, to] = given.length > 1 ? given : [0, ...given];
  return Number(from) + (draw(6).readUIntBE(0, 6) % (Number(to) - Number(from)));
}

const generateKeyPairSync = (type: "ed25519") => {
  if (type !== "ed25519") throw new Error(`draw.ts draws no ${type}`);
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  const privateKey = crypto.createPrivateKey({ key: Buffer.concat([head, draw(32)]), format: "der", type: "pkcs8" });
  return { privateKey, publicKey: crypto.createPublicKey(privateKey) };
};

Object.assign(crypto, { randomBytes: draw, randomUUID, randomInt, generateKeyPairSync });
syncBuiltinESMExports();
Math.random = () => draw(6).readUIntBE(0, 6) / 2 ** 48;
