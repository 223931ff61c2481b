import { play, type SampleEvent } from "../event.ts";
import { readKeys } from "../keys.ts";
import { sourceList } from "../sources/index.ts";
import type { Finding } from "./finding.ts";

/** Plays the harmless events of every source that has keys: whether the webhook takes them, and agrees on the time. */
export async function askWebhook({ url, keys: file }: { url: string; keys?: string }): Promise<Finding[]> {
  const keys = readKeys(file);
  const findings: Finding[] = [];
  for (const [name, source] of sourceList) {
    const section = keys[name];
    if (!section) continue;
    if (source.form) findings.push({ what: `${source.title}, form`, found: source.form(section), isWell: true });
    for (const event of source.checks(section)) findings.push(...(await tryEvent(event, url)));
  }
  return findings;
}

async function tryEvent({ title, request, expected }: SampleEvent, url: string): Promise<Finding[]> {
  const played = await play(request, url).catch(() => undefined);
  // A source that is off answers 404 as well, but does not say of what.
  const isOff = expected === 404 && played !== undefined && !played.text.includes('"detail"');
  const isWell = played?.status === expected && !isOff;
  const found = isWell ? "the webhook takes its keys" : `the webhook answers ${played?.status ?? "nothing"}`;
  return [{ what: title, found, isWell, advice: advice(played?.status) }, ...(played ? findSkew(played.dateMs) : [])];
}

function findSkew(dateMs: number): Finding[] {
  const skewSeconds = Math.round(Math.abs(Date.now() - dateMs) / 1000);
  if (Number.isNaN(skewSeconds) || skewSeconds <= 60) return [];
  const found = `this machine's is ${skewSeconds} s off`;
  return [{ what: "clock", found, isWell: false, advice: "Signatures are good for 5 minutes." }];
}

const advice = (status: number | undefined): string =>
  ({
    400: "A clock is wrong, here or where the webhook runs.",
    401: "The keys here are not those in the secret, or a clock is wrong. The webhook's log names the check.",
    404: "This source has no section in the secret, or the address is wrong.",
    503: "The secret is not filled in, or a field of it is wrong. The webhook's log names it.",
  })[status ?? 0] ?? "Is the address right, and does it reach AWS?";
