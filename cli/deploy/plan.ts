/** A resource that holds data, and what a deployment would do to it. */
export interface Loss {
  readonly id: string;
  readonly type: string;
  /** In the words of `cdk diff`: `replace`, `may be replaced`, `destroy`, `orphan`. */
  readonly impact: string;
}

/** What holds departures, keys or a trail. One that is made anew starts empty, even where the former one stays. */
const stateful = new Set([
  ...["AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"],
  ...["AWS::SQS::Queue", "AWS::SecretsManager::Secret"],
]);

/**
 * Which resources that hold data a deployment would replace, delete or let go, by the text of `cdk diff`. What it says
 * of one in words that are not known counts as a loss. Throws an error where the text is no whole answer.
 */
export function lossesOf(diff: string): Loss[] {
  if (!/Number of stacks with differences: \d+/.test(diff)) throw new Error("cdk diff gave no whole answer");
  return diff.split("\n").flatMap((line) => {
    const [, change, type = "", rest = ""] = /^\[([-+~])\] (AWS::\S+) (.*)$/.exec(line.trimEnd()) ?? [];
    if (!stateful.has(type)) return [];
    const words = rest.split(" ");
    // Before the id stands the path in the app, or nothing where the resource is no longer in it.
    const idAt = /[0-9A-F]{8}$/.test(words[1] ?? "") ? 1 : 0;
    const impact = words.slice(idAt + 1).join(" ");
    const isHarmless = change !== "-" && (impact === "" || impact === "import");
    return isHarmless ? [] : [{ id: words[idAt] ?? "", type, impact: impact || "destroy" }];
  });
}

export interface Deployment {
  /** Runs `cdk` with these arguments, shows what it prints, and gives that back. Throws an error if it fails. */
  readonly cdk: (args: readonly string[]) => Promise<string>;
  /** For `cdk diff` and `cdk deploy` alike. */
  readonly shared: readonly string[];
  /** For `cdk deploy` alone. */
  readonly more: readonly string[];
  /** The resources whose loss is meant, by their ids in the template. */
  readonly letGo: readonly string[];
}

/** Deploys, unless that would take away what holds data. Throws an error that names each, and deploys nothing then. */
export async function deploy({ cdk, shared, more, letGo }: Deployment): Promise<void> {
  const losses = lossesOf(await cdk(["diff", ...shared])).filter(({ id }) => !letGo.includes(id));
  if (losses.length === 0) return void (await cdk(["deploy", ...shared, ...more]));
  throw new Error(
    [
      "Nothing was deployed, since this would take away what holds data:",
      ...losses.map(({ id, type, impact }) => `  ${id} (${type}): ${impact}`),
      "Undo the change that does it. Where it is meant, and docs/upgrade.md says so:",
      `  npm run deploy -- ${losses.map(({ id }) => `--let-go ${id}`).join(" ")}`,
    ].join("\n"),
  );
}
