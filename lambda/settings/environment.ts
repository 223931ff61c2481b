/** The environment variables through which the stack tells the functions where things are. Declared only here. */
export type Variable =
  | "RESIGN_SETTINGS"
  | "STACK_NAME"
  | "KEYS_SECRET_ID"
  | "TOKEN_SECRET_ID"
  | "LEDGER_TABLE"
  | "QUARANTINE_TABLE"
  | "QUEUE_URL"
  | "DEAD_LETTERS_URL"
  | "NOTICES_URL"
  | "FORWARDS_URL"
  | "TARGETS_SECRET_ID";

export type Environment = Readonly<Partial<Record<Variable, string>>>;

/** Throws an error that names the variable when it is missing: the function was not deployed by this stack. */
export function readVariable(environment: NodeJS.ProcessEnv, name: Variable): string {
  const value = environment[name];
  if (!value) throw new Error(`The environment variable ${name} is not set`);
  return value;
}
