/** One run from its seed: what happened, and what the judge says of it. */
import { judge, type Violation } from "./judge.ts";
import { type Plan, planOf } from "./steps.ts";
import { type Stage, startWorld } from "./world.ts";

export interface Outcome {
  readonly plan: Plan;
  readonly violations: Violation[];
  /** What the test itself could not make sense of. */
  readonly problems: readonly string[];
  readonly story: readonly string[];
}

export const runSeed = (stage: Stage, seed: number) => runPlan(stage, planOf(seed));

export async function runPlan(stage: Stage, plan: Plan): Promise<Outcome> {
  const world = await startWorld(stage, plan);
  try {
    for (const step of plan.steps) await world.take(step);
    const rests = await world.settle();
    const finals = await world.final();
    const { facts, user, label, story, problems } = world;
    for (const { id, status, heldFor } of finals)
      story.push(`at rest: ${label(id)} is ${status}${heldFor ? ` for ${heldFor}` : ""}`);
    const violations = judge({ facts, finals, items: await world.items(), rests, settleSeconds: 30, user, label });
    return { plan, violations, problems, story };
  } catch (error) {
    return { plan, violations: [], problems: [...world.problems, String((error as Error).stack)], story: world.story };
  } finally {
    await world.close();
  }
}

/** The same rule broken with as few steps as can be found in so many tries. */
export async function shorten(stage: Stage, outcome: Outcome, tries = 60): Promise<Outcome> {
  const rule = outcome.violations[0]?.rule;
  let best = outcome;
  let left = tries;
  for (let size = Math.ceil(best.plan.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best.plan.steps.length && left > 0; ) {
      left -= 1;
      const steps = best.plan.steps.toSpliced(from, size);
      const next = await runPlan(stage, { ...best.plan, steps });
      if (next.violations.some((one) => one.rule === rule)) best = next;
      else from += size;
    }
  }
  return best;
}

/** The counter-example, one line a step. */
export function tellStory({ plan, violations, problems, story }: Outcome): string {
  const { seed, graceDays, isBrakeSmall, endsSessions, skews } = plan;
  const head = `seed ${seed}: graceDays ${graceDays}${isBrakeSmall ? ", a small brake" : ""}${endsSessions ? ", sessions are ended" : ""}, clocks ${JSON.stringify(skews)}`;
  const found = violations.map(({ rule, why }) => `✘ ${rule}: ${why}`);
  return [head, ...story.map((line) => `  ${line}`), ...found, ...problems.map((line) => `? ${line}`)].join("\n");
}
