/** Comparing a proof takes a time that tells nothing: by reading, since a stop-watch on a shared machine tells nothing either. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { findEvery, isSame, isSameDigest } from "../../../lambda/sources/proof.ts";

/** The files that compare proofs. */
const files = ["lambda/sources", "lambda/operators"]
  .flatMap((folder) => readdirSync(folder).map((file) => `${folder}/${file}`))
  .filter((file) => /proof\.ts"|proof\.ts$/.test(readFileSync(file, "utf8") + file));

describe.each(files)("%s", (file) => {
  const lines = readFileSync(file, "utf8").split("\n");

  test("compares no signature, digest or token by an operator", () => {
    const proof = "(?:signature|digest|mac|given|token|expected|\\w+\\.digest\\(.*?\\))";
    const byOperator = new RegExp(`(?<!typeof )\\b${proof}\\s*[!=]==?(?!=|\\s*undefined)|[!=]==?\\s*${proof}\\b`);
    expect(lines.filter((line) => byOperator.test(line))).toEqual([]);
  });

  test("makes a signature only to compare it in constant time", () => {
    const made = lines.filter(
      (line) => /\bsign\(|createHmac\(/.test(line) && !/function sign\(|return `?.*createHash/.test(line),
    );
    const isCompared = (line: string) => /isSame(Digest)?\(|timingSafeEqual\(/.test(line);
    // Slack's `sign` makes what `verify` compares, and an answer of ours is signed for its reader.
    const isMeant = (line: string) => line.includes("return `v0=$") || /return { msg_signature: sign\(/.test(line);
    const others = made.filter((line) => !isCompared(line) && !isMeant(line));
    expect(others).toEqual([]);
  });
});

test("looks at every key, whichever of them serves", () => {
  const seen: string[] = [];
  const found = findEvery(["old", "new", "newest"], (key) => {
    seen.push(key);
    return key === "old";
  });
  expect([found, seen]).toEqual(["old", ["old", "new", "newest"]]);
});

test("compares digests of one length", () => {
  expect([
    isSameDigest("ab", "ab"),
    isSameDigest("ab", "ac"),
    isSameDigest("ab", "abc"),
    isSameDigest("", "a"),
  ]).toEqual([true, ...[false, false, false]]);
});

test("compares texts of any lengths", () => {
  expect([isSame("a", "a"), isSame("", ""), isSame("a", "b"), isSame("a", "aa"), isSame("", "a")]).toEqual([
    ...[true, true],
    ...[false, false, false],
  ]);
});
