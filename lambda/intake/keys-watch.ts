import type { Log } from "../log.ts";
import { type KeyRing, whatIsWrong } from "../sources/keys.ts";
import type { SourceName } from "../sources/names.ts";

const hourMs = 3_600_000;

/**
 * Tells of everything in the keys that is wrong or counts for nothing, each at most once an hour. Where the source
 * that was called is itself not filled in, its answer tells that.
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
