/** Which file is in which bundle, and so which function may know which secret: as a table, checked. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { buildOptions } from "../lib/bundling.ts";

const files = readdirSync("lambda", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .toSorted();

/** What a file imports of `lambda/`; types count for the rooms, and not for the bundles. */
const importsOf = (file: string, { withTypes = true } = {}): string[] => {
  const text = readFileSync(join("lambda", file), "utf8");
  const imports = [...text.matchAll(/^import (type )?[^;]*?from "(\.[^"]+)";/gms)];
  return imports.flatMap(([, isType, path = ""]) =>
    isType && !withTypes ? [] : [normalize(join(dirname(file), path))],
  );
};

describe("a bundle has exactly the files that are listed here", async () => {
  const listed = readBundles(readFileSync("test/fixtures/bundles.txt", "utf8"));

  test.each(Object.entries(listed))("%s", async (name, expected) => {
    const { metafile } = await build({ ...buildOptions(`lambda/${name}.ts`), write: false, metafile: true });
    const own = Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.keys(inputs).filter((input) => input.startsWith("lambda/")),
    );
    expect(own.map((file) => file.slice("lambda/".length)).toSorted()).toEqual(expected);
  });
});

/** A bundle's name in brackets, then its files, one a line. */
function readBundles(text: string): Record<string, string[]> {
  const bundles: Record<string, string[]> = {};
  let current: string[] = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const name = /^\[(\w+)\]$/.exec(line)?.[1];
    if (name) bundles[name] = current = [];
    else current.push(line);
  }
  return bundles;
}

test("outside aws/ no file imports an SDK", () => {
  const outside = files.filter((file) => !file.startsWith("aws/"));
  const withSdk = outside.filter((file) => /from "@aws-sdk\//.test(readFileSync(join("lambda", file), "utf8")));
  expect(withSdk).toEqual([]);
});

/** What the files of a room may import of other rooms; the files at the root they may all import. */
const neighbours: Readonly<Record<string, readonly string[]>> = {
  settings: [],
  resignation: ["settings"],
  aws: ["resignation", "settings"],
  genauth: ["aws", "resignation", "settings"],
  notices: ["genauth", "resignation", "settings"],
  sources: ["resignation", "settings"],
  departure: ["aws", "genauth", "resignation", "settings"],
  intake: ["aws", "departure", "resignation", "settings", "sources"],
  operators: ["aws", "departure", "genauth", "intake", "notices", "resignation", "settings", "sources"],
};

test("a room imports of its neighbours alone", () => {
  const roomOf = (file: string) => (file.includes("/") ? (file.split("/")[0] as string) : "");
  const strangers = files.flatMap((file) => {
    const room = roomOf(file);
    if (room === "") return [];
    const allowed = ["", room, ...(neighbours[room] ?? [])];
    return importsOf(file).flatMap((path) => (allowed.includes(roomOf(path)) ? [] : [`${file} > ${path}`]));
  });
  expect(strangers).toEqual([]);
});

test("the resigner has nothing of the sources", () => {
  const ofSources = readBundles(readFileSync("test/fixtures/bundles.txt", "utf8")).resigner?.filter((file) =>
    file.startsWith("sources/"),
  );
  expect(ofSources).toEqual([]);
});

test("cli/ imports nothing of local/: the commands run against any stack", () => {
  const commands = readdirSync("cli", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  expect(commands.filter((file) => /"[./]+local\//.test(readFileSync(join("cli", file), "utf8")))).toEqual([]);
});

test("no files import each other in a circle", () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      circles.push([...way.slice(way.indexOf(file)), file].join(" > "));
      return;
    }
    if (done.has(file)) return;
    for (const next of importsOf(file, { withTypes: false })) walk(next, [...way, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(circles).toEqual([]);
});
