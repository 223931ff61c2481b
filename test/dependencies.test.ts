/** docs/dependencies.md says of every dependency why it is here. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  version: string;
  license?: string;
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
}
const { dependencies, devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
const chapters = readFileSync("docs/dependencies.md", "utf8").split(/^## /m);
const rows = (title: string) => {
  const chapter = chapters.find((one) => one.startsWith(title)) ?? "";
  return [...chapter.matchAll(/^\| `(.+?)` \| (.+) \|$/gm)].map(([, name]) => name);
};
const nameOf = (path: string) => path.replace(/^.*node_modules\//, "");

test("every dependency has its line, and no line is left over", () => {
  expect(rows("What runs in Lambda")).toEqual(Object.keys(dependencies).sort());
  expect(rows("What builds")).toEqual(Object.keys(devDependencies).sort());
});

test("whatever may run code at installation is named", () => {
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  // fsevents is for macOS alone, and comes with its binary.
  const names = scripted.map(([path]) => nameOf(path)).filter((name) => name !== "fsevents");
  expect([...new Set(names)].sort()).toEqual(rows("Who may run code"));
});

test("what runs in Lambda has permissive licences alone, all of them named", () => {
  const running = Object.entries(packages).filter(([path, { dev, optional }]) => path !== "" && !dev && !optional);
  const licences = [...new Set(running.map(([, { license }]) => license))].sort();
  const [, count, named] = /depend on: (\d+) packages, of these licences: (.+)\./.exec(chapters.join("")) ?? [];
  expect([licences.join(", "), running.length]).toEqual([named, Number(count)]);
});

test("versions are pinned", () => {
  for (const version of Object.values({ ...dependencies, ...devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+(-beta)?$/);
  }
});
