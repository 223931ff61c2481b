import { checkbox, input, password } from "@inquirer/prompts";
import { type SourceName, sourceList } from "../sources/index.ts";

/** `true`, or what is wrong with a text. */
export type Judge = (text: string) => true | string;

/** Asks for a secret, which is masked as it is typed. */
export async function askSecretly(message: string, validate: Judge): Promise<string> {
  demandTerminal(message);
  return password({ message, mask: true, validate });
}

/** Asks for what is no secret. */
export async function askOpenly(message: string): Promise<string> {
  demandTerminal(message);
  return input({ message, required: true });
}

/** Asks for what may be left out; without a terminal it is. */
export async function askOptionally(message: string): Promise<string> {
  return process.stdin.isTTY ? input({ message }) : "";
}

/** Asks which sources are to be set up. */
export async function askSources(): Promise<SourceName[]> {
  demandTerminal("which sources");
  return checkbox({
    message: "Who tells you that somebody left?",
    choices: sourceList.map(([value]) => ({ value })),
    required: true,
  });
}

function demandTerminal(what: string): void {
  if (!process.stdin.isTTY)
    throw new Error(`${what}: nobody is there to be asked. Answer in a file: --answers (docs/setup.md)`);
}
