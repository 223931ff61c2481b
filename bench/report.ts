/** Where the figures are written: all of them into RESULTS.md, the four that tell most into the README. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Comparison, Section } from "./measure.ts";

/** Rows of the README's table, by how each begins and what it is compared with. */
const telling = [
  /^Cold webhook.*the vendors' SDKs/,
  /^WeCom's check of the URL/,
  /^From the request to resigned/,
  /^A thousand departures/,
];

/** Writes bench/RESULTS.md and the table between the marks of each README; gives back the report. */
export function writeReport(machine: string, sections: readonly [title: string, section: Section][]): string {
  const comparisons = sections.flatMap(([, { headline }]) => headline);
  const details = sections.map(([title, { text }]) => `## ${title}\n\n\`\`\`\n${text}\n\`\`\`\n`).join("\n");
  const report = `${machine}\n\n## Compared\n\n${toTable(comparisons)}\n\n${details}`;
  writeFileSync("bench/RESULTS.md", `# Figures\n\n${report}`);
  const table = toTable(comparisons.filter((row) => telling.some((begins) => begins.test(row.join(" ")))));
  for (const page of ["README.md", "README.zh-CN.md"])
    writeFileSync(page, putBetweenMarks(readFileSync(page, "utf8"), table));
  return report;
}

function toTable(rows: readonly Comparison[]): string {
  return [
    "| | ours | beside it | ours ÷ it |",
    "|---|---|---|---|",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

function putBetweenMarks(page: string, table: string): string {
  const [before = "", after = ""] = page.split(/(?<=<!-- made by npm run bench -->\n).*(?=<!-- until here -->)/s);
  return `${before}\n${table}\n\n${after}`;
}
