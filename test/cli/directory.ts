/** A directory as a file, of people whom GenAuth's simulator knows or not. */
import { writeFileSync } from "node:fs";

export function writeCsv(file: string, ids: Iterable<string>, header = "name,userIdInIdp"): string {
  writeFileSync(file, `\uFEFF${header}\r\n${[...ids].map((id) => `"Somebody, ${id}",${id}`).join("\r\n")}\r\n`);
  return file;
}

export const demoIds = (from: number, to = 500) =>
  Array.from({ length: to - from + 1 }, (_, index) => `ou_demo_${from + index}`);
