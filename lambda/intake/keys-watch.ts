import type { Log } from "../log.ts";
import type { SourceName } from "../resignation/source-names.ts";
import { type KeyRing, whatIsWrong } from "../sources/keys.ts";

const hourMs = 3_600_000;

/**
 * Counts everything in the keys that is wrong or unknown, each at most once an hour. A mistake in the called source's
 * own section is left out: its answer counts that.
 */
export function createKeysWatch({ log, now }: { log: Log; now: () => Date }) {
  const toldAtMs = new Map<string, number>();

  return (ring: KeyRing, called: SourceName & keyof KeyRing): void => {
    const at = now().getTime();
    const section = ring[called];
    const isTold = (reason: string) => section !== undefined && "wrong" in section && section.wrong === reason;
    for (const reason of whatIsWrong(ring)) {
      if (isTold(reason) || at - (toldAtMs.get(reason) ?? 0) < hourMs) continue;
      toldAtMs.set(reason, at);
      log.count("KeysNotFilledIn", "Something in the webhook keys is wrong", { reason }, "ERROR");
    }
  };
}
