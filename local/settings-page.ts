import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { API, type Checker, type Type } from "typescript/unstable/sync";
import * as z from "zod/mini";
import { settingsSchema } from "../lib/settings.ts";

/** The page of all settings: made from their declaration. `npm run settings` makes it anew. */
export const settingsFile = "docs/settings.md";

/** What stands in a setting's comment. */
interface Comment {
  readonly text: string;
  readonly tags: Readonly<Record<string, string | undefined>>;
}

type Json = z.core.JSONSchema.JSONSchema;

/** One table a section, then one of the settings that stand in none. */
export function drawSettings(): string {
  const comments = readComments();
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: "input", unrepresentable: "any" });
  const tables: string[] = [];
  const singles: string[] = [];
  const gone: string[] = [];
  for (const [name, given] of Object.entries(properties)) {
    const field = given as Json;
    const comment = commentOf(comments, name);
    if (comment.tags.deprecated !== undefined) {
      gone.push(`- \`${name}\`: ${comment.tags.deprecated} \`cdk synth\` and settings files refuse it: leave it out.`);
    } else if (field.properties) {
      const rows = Object.entries(field.properties).map(([inner, one]) => {
        const isNeeded = field.required?.includes(inner) === true;
        return row(`${name}.${inner}`, one as Json, commentOf(comments, `${name}.${inner}`), isNeeded);
      });
      tables.push(`## ${name}`, "", withLinks(comment.text), "", ...head, ...rows, "");
    } else singles.push(row(name, field, comment, false));
  }
  return [
    ...intro,
    "",
    ...tables,
    ...["## Settings in no section", "", ...head, ...singles, ""],
    ...["## Gone", "", ...gone, ""],
  ].join("\n");
}

const intro = [
  "# Settings",
  "",
  "In `cdk.json`, context `resignWebhook`; or as the props of the construct `ResignWebhook` in a CDK app of your own. Validated at `cdk synth`: what is wrong is named, and a warning says where a safeguard is practically off, or everybody is held. A change takes effect with the next `npx cdk deploy`.",
  "",
  "Made from the comments in `lambda/settings/settings.ts` and `lib/settings.ts` by `npm run settings`, and compared with them in the tests.",
];
const head = ["| setting | default | unit | allowed | what it does |", "|---|---|---|---|---|"];

function row(name: string, field: Json, { text, tags }: Comment, isNeeded: boolean): string {
  if (text === "") throw new Error(`The setting ${name} has no comment`);
  return `| \`${name}\` | ${defaultOf(name, field, tags.default, isNeeded)} | ${tags.unit ?? ""} | ${allowed(field)} | ${withLinks(text)} |`;
}

/** As it is in the schema. The comment must say the same, or in words what becomes of it. */
function defaultOf(name: string, field: Json, said: string | undefined, isNeeded: boolean): string {
  const words = said?.startsWith("- ") ? said.slice(2) : undefined;
  const value = field.default === undefined ? undefined : JSON.stringify(field.default);
  if (words === undefined && said !== value) throw new Error(`The setting ${name}: its comment says @default ${said}`);
  if (words === undefined && value === undefined && !isNeeded) throw new Error(`The setting ${name} has no @default`);
  if (value !== undefined) return `\`${value}\``;
  return words === undefined ? "none" : `none (${words})`;
}

function allowed(field: Json): string {
  if (field.enum) return field.enum.map((one) => `\`${JSON.stringify(one)}\``).join(", ");
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.anyOf) return field.anyOf.map((one) => allowed(one as Json)).join(" or ");
  if (field.properties)
    return Object.keys(field.properties)
      .map((name) => `\`${name}\``)
      .join(" and ");
  switch (field.type) {
    case "array":
      return `list of ${allowed(field.items as Json)}${range(field.minItems, field.maxItems)}`;
    case "boolean":
      return "`true`, `false`";
    case "integer":
      return `whole number${range(field.minimum, field.maximum)}`;
    case "number":
      return `number${range(field.minimum, field.maximum)}`;
    default:
      return field.format === "email" ? "e-mail address" : "text";
  }
}

function range(least: number | undefined, most: number | undefined): string {
  const hasMost = most !== undefined && most < Number.MAX_SAFE_INTEGER;
  if (least !== undefined && hasMost) return `, ${least} to ${most}`;
  if (least !== undefined) return `, at least ${least}`;
  return hasMost ? `, at most ${most}` : "";
}

/** A page of `docs/` that a comment names becomes a link, as seen from this page. */
const withLinks = (text: string) => text.replace(/\bdocs\/([\w-]+\.md)(#[\w-]+)?/g, "[$1]($1$2)");

const commentOf = (comments: ReadonlyMap<string, Comment>, name: string): Comment =>
  comments.get(name) ?? { text: "", tags: {} };

/** The comments of `ResignWebhookProps` as an editor shows them, by the setting's name. */
function readComments(): ReadonlyMap<string, Comment> {
  const file = resolve("lib/settings.ts");
  // A project of this one file: the compiler reads no other of ours.
  const config = resolve("settings-page.tsconfig.json");
  const text = JSON.stringify({ extends: "./tsconfig.json", include: [], files: [file] });
  const api = new API({
    fs: {
      fileExists: (path) => (path === config ? true : undefined),
      readFile: (path) => (path === config ? text : undefined),
    },
  });
  try {
    const [project] = api.updateSnapshot({ openProjects: [config] }).getProjects();
    if (!project) throw new Error("TypeScript opened no project");
    const source = project.program.getSourceFile(file);
    const module = source && project.checker.getSymbolAtLocation(source);
    const props =
      module && project.checker.getExportsOfModule(module).find(({ name }) => name === "ResignWebhookProps");
    if (!props) throw new Error("lib/settings.ts exports no ResignWebhookProps");
    return new Map(commentsOf(project.checker, project.checker.getDeclaredTypeOfSymbol(props), ""));
  } finally {
    api.close();
  }
}

function commentsOf(checker: Checker, type: Type, prefix: string): [string, Comment][] {
  return checker.getPropertiesOfType(type).flatMap((property) => {
    const name = prefix + property.name;
    const text = checker.getDocumentationCommentOfSymbol(property).replaceAll("\n", " ");
    const tags = checker.getJsDocTagsOfSymbol(property).map((tag) => [tag.name, tag.text?.replaceAll("\n", " ")]);
    const comment: [string, Comment] = [name, { text, tags: Object.fromEntries(tags) }];
    const declared = checker.getTypeOfSymbol(property);
    const inner = declared && checker.getNonNullableType(declared);
    if (prefix !== "" || !inner || checker.isArrayLikeType(inner)) return [comment];
    return [comment, ...commentsOf(checker, inner, `${name}.`)];
  });
}

if (import.meta.main) writeFileSync(settingsFile, drawSettings());
