import type { Ledger } from "./ledger.ts";
import { countUnreadable, isUnreadable, type Log } from "./log.ts";
import type { SourceName } from "./resignation.ts";
import { type KeyRing, whatIsWrong } from "./secrets.ts";

/** The sources that tell of every change in their directory, so that their silence means something. */
export const talkative = ["lark", "wechatwork"] as const satisfies readonly SourceName[];

const noteEveryMs = 3_600_000;
const dayMs = 86_400_000;

/** Notes in the ledger which sources are on and when each was last heard, at most once an hour. */
export function createHearing({ ledger, now }: { ledger: Pick<Ledger, "noteLife">; now: () => Date }) {
  const notedAtMs = new Map<SourceName, number>();

  /** `isUrlCheck`: somebody sits at the console and waits for the sign of life. */
  return async (heard: SourceName, ring: KeyRing, isUrlCheck: boolean): Promise<void> => {
    const at = now();
    if (!isUrlCheck && at.getTime() - (notedAtMs.get(heard) ?? 0) < noteEveryMs) return;
    notedAtMs.set(heard, at.getTime());
    await ledger.noteLife(heard, at, "heard");
    const others = talkative.filter((source) => source !== heard);
    // A section that is only gone switches nothing off: its source goes on being listened for.
    const present = others.flatMap((source) => (ring[source] ? [{ source, section: ring[source] }] : []));
    await Promise.all(
      present.map(({ source, section }) => ledger.noteLife(source, at, "isOff" in section ? "off" : "on")),
    );
  };
}

/** Tells of everything in the keys that is wrong or counts for nothing, each at most once an hour. */
export function createKeysWatch({ log, now }: { log: Log; now: () => Date }) {
  const toldAtMs = new Map<string, number>();

  return (ring: KeyRing): void => {
    const at = now().getTime();
    for (const reason of whatIsWrong(ring)) {
      if (at - (toldAtMs.get(reason) ?? 0) < noteEveryMs) continue;
      toldAtMs.set(reason, at);
      log.count("KeysNotFilledIn", "Something in the webhook keys is wrong", { reason }, "ERROR");
    }
  };
}

/** How long each talkative source that is on has been silent, in days. A note that cannot be read is counted. */
export async function silences(
  ledger: Pick<Ledger, "readLife">,
  log: Log,
  now: Date,
): Promise<{ source: SourceName; days: number }[]> {
  const readLife = (source: SourceName) =>
    ledger.readLife(source).catch((error) => {
      if (!isUnreadable(error)) throw error;
      countUnreadable(log, `life|${source}`);
      return undefined;
    });
  const lives = await Promise.all(talkative.map(async (source) => ({ source, life: await readLife(source) })));
  return lives.flatMap(({ source, life }) =>
    life && !life.isOff ? [{ source, days: (now.getTime() - Date.parse(life.heardAt)) / dayMs }] : [],
  );
}

/** Whether a source that worked within the last day sends what fails now: counted at the first one of an hour. */
export async function startsToFail(
  { ledger, now }: { ledger: Pick<Ledger, "readLife">; now: () => Date },
  source: SourceName,
  nthOfHour: number | undefined,
): Promise<boolean> {
  if (nthOfHour !== 1) return false;
  const life = await ledger.readLife(source);
  return life !== undefined && now().getTime() - Date.parse(life.heardAt) < dayMs;
}
