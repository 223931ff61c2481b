import { generateKeyPairSync, randomInt } from "node:crypto";

/** Keys of every source, made anew. */
export const newKeys = () => ({
  lark: { encryptKey: localSecret(32), verificationToken: localSecret(32) },
  wechatwork: { token: localSecret(32), encodingAesKey: localSecret(43), receiveIds: ["wwlocal"] },
  slack: { signingSecret: localSecret(32) },
  api: { zapier: newApiSecret(), ops: newApiSecret(), deputy: newApiSecret() },
});

/** So marked that a search through everything printed and logged shows whether one got out (`.ci/run`). */
const localSecret = (length: number) => `SecretOf${randomText(length - 8)}`;

/** `whsec_` and the base64 of 40 letters and digits: tools that take only a text key get those 40 themselves. */
export const newApiSecret = () => `whsec_${Buffer.from(randomText(40)).toString("base64")}`;

export function randomText(length: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
}

/** An Ed25519 pair for scheme `v1a`. */
export function newApiKeyPair() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return {
    publicKey: `whpk_${raw.toString("base64")}`,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}
