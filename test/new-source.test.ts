/** docs/new-source.md, carried out: the example is built by the page's own steps, and lacks one of them at a time. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Source as CliSource } from "../cli/sources/source.ts";
import type { Source } from "../lambda/sources/source.ts";
import { makeFolder } from "./folder.ts";
import { gist, now, problemOf, settings, toRequest } from "./parts.ts";

const page = readFileSync("docs/new-source.md", "utf8");

/** A step of the page: the file that its heading names, and the code under it. */
const steps = [...page.matchAll(/^## (\d)\. .*`(.+)`$[\s\S]*?^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, number = "", path = "", kind = "", code = ""]) => ({ number, path, kind, code }),
);
type Step = (typeof steps)[number];

/** A file that is new, or one with lines taken out and put in. Throws where the page and the file differ. */
function carryOut({ path, kind, code }: Step, tree: string): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  if (kind === "ts") {
    if (existsSync(file)) throw new Error(`${path} is there already`);
    writeFileSync(file, code);
    return;
  }
  let text = readFileSync(file, "utf8");
  for (const hunk of code.split(/^@@\n/m)) {
    const lines = (sign: string) => hunk.split("\n").flatMap((line) => (line.startsWith(sign) ? [line.slice(1)] : []));
    const [before, after] = [lines("-").join("\n"), lines("+").join("\n")];
    if (text.split(`${before}\n`).length !== 2) throw new Error(`${path} has not once: ${before}`);
    text = text.replace(`${before}\n`, `${after}\n`);
  }
  writeFileSync(file, text);
}

const folder = makeFolder();
const whole = join(folder, "whole");
const lacking = ({ number }: Step) => `without-${number}`;
/** What the compiler says, by the tree that it says it of. */
let errors: Map<string, string[]>;

beforeAll(() => {
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  // All that the two lists need; the whole of it where nothing is left out.
  const rooms = { whole: ["lambda", "cli", "lib", "local"], lists: ["lambda", "cli"] };
  const plant = (name: string, given: readonly Step[], folders: readonly string[]) => {
    for (const one of folders) cpSync(one, join(folder, name, one), { recursive: true });
    for (const step of given) carryOut(step, join(folder, name));
  };
  plant("whole", steps, rooms.whole);
  for (const left of steps)
    plant(
      lacking(left),
      steps.filter((step) => step !== left),
      rooms.lists,
    );
  const include = [
    "whole",
    ...steps.flatMap((step) => ["lambda", "cli"].map((one) => `${lacking(step)}/${one}/sources`)),
  ];
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: resolve("tsconfig.json"), include }));
  errors = compile();
});

function compile(): Map<string, string[]> {
  const tsc = resolve("node_modules/.bin/tsc");
  let said = "";
  try {
    execFileSync(tsc, ["--project", folder, "--pretty", "false"], { cwd: folder, encoding: "utf8" });
  } catch (error) {
    said = String((error as { stdout?: string }).stdout);
  }
  const found = new Map<string, string[]>();
  for (const line of said.split("\n").filter((one) => /\): error TS/.test(one))) {
    const [tree = ""] = line.split("/");
    found.set(tree, [...(found.get(tree) ?? []), line]);
  }
  return found;
}

test("has its five steps", () => {
  expect(steps.map(({ number, path }) => `${number} ${path}`)).toEqual([
    ...["1 lambda/resignation/source-names.ts", "2 lambda/sources/acme.ts", "3 lambda/sources/index.ts"],
    ...["4 cli/sources/acme.ts", "5 cli/sources/index.ts"],
  ]);
});

test("with all of them everything typechecks", () => {
  expect(errors.get("whole") ?? []).toEqual([]);
});

test.each(steps.map((step) => [step.path, step] as const))("without %s it is a type error", (_, step) => {
  expect(errors.get(lacking(step)) ?? []).not.toEqual([]);
});

describe("the example", () => {
  interface Built {
    readonly directories: Record<string, Source>;
    readonly parseKeys: (text: string) => Record<string, { keys?: unknown }>;
    readonly sourceOf: (name: string) => CliSource | undefined;
  }
  let built: Built;
  beforeAll(async () => {
    const load = (path: string) => import(/* @vite-ignore */ join(whole, path)) as Promise<Partial<Built>>;
    built = { ...(await load("lambda/sources/index.ts")), ...(await load("cli/sources/index.ts")) } as Built;
  });

  /** What the source makes of it. */
  const receive = (request: Parameters<typeof toRequest>[0], section: object) => {
    const { keys } = built.parseKeys(JSON.stringify({ acme: section })).acme ?? {};
    const { acme } = built.directories;
    const told = acme?.routes["POST /acme"]?.(toRequest(request), { keys, settings: settings(), now });
    return told && gist(told);
  };

  test("reads what its commands sign, and refuses what other keys signed", () => {
    const acme = built.sourceOf("acme");
    const section = acme?.newKeys() ?? {};
    const sign = (given: object, user = "a") =>
      acme && "sign" in acme.sends ? acme.sends.sign(section, user, given) : expect.unreachable();
    expect(receive(sign({ at: now }), section)).toMatchObject({
      departures: [{ source: "acme", userId: "acme:a", occurredAt: now, requestedBy: "acme" }],
    });
    expect(receive(sign({ check: true }), section)).toMatchObject({ isUrlCheck: true });
    expect(receive(sign({}, "a b"), section)).toMatchObject({ keepAs: "not understood" });
    const rotated = { secret: ["new", ...Object.values(section)] };
    expect(receive(sign({}), rotated)).toMatchObject({ departures: [{ userId: "acme:a" }] });
    expect(problemOf(() => receive(sign({}), { secret: "other" }))).toBe("unauthorized: signature");
  });
});
