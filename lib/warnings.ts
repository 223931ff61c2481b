import { directoryNames } from "../lambda/resignation/source-names.ts";
import type { Settings } from "./settings.ts";

/** Who holds our address, and has to be given another one. */
const consoles = `the consoles of ${directoryNames.join(", ")} and slack, and whatever sends signed orders`;

/** What is allowed, and leaves a safeguard practically off or holds everybody: to be told at synth. */
export function warningsOf(settings: Settings): string[] {
  const { brake, concurrency, domain, dryRun, maxEventAgeSeconds, protected: patterns, retry } = settings;
  const day = 86_400;
  const warnings: [boolean, string][] = [
    [brake.perHour === 0 || brake.perDay === 0, "brake.perHour or brake.perDay is 0: everybody is held"],
    [brake.percentPerDay === 0, "brake.percentPerDay is 0: no more than 3 people a day go through by themselves"],
    [
      brake.percentPerDay === 100 && brake.perDay >= 400,
      "brake.percentPerDay is 100 and brake.perDay 400 or more: the brake of a day is practically off",
    ],
    [
      brake.perHour >= 400 && brake.perHour >= brake.perDay,
      "brake.perHour is 400 or more, and no less than brake.perDay: the brake of an hour is off",
    ],
    [
      typeof brake.headcount === "number" && (brake.headcount * brake.percentPerDay) / 100 < 1,
      "brake.percentPerDay of brake.headcount is less than one person: no more than 3 a day go through by themselves",
    ],
    [maxEventAgeSeconds > 7 * day, "maxEventAgeSeconds is more than a week: who left then may have been hired again"],
    [maxEventAgeSeconds < 60, "maxEventAgeSeconds is less than a minute: nearly everybody is held"],
    [
      patterns.some((pattern) => pattern.endsWith(":*")),
      "protected names a whole provider: all of its people are held",
    ],
    [
      concurrency.webhookReserved === 0,
      "concurrency.webhookReserved is 0: whatever else runs in the account can take the executions that departures need, and a new account has about ten in all (docs/setup.md#concurrency)",
    ],
    [
      domain?.only === false,
      `domain.only is false: the address that AWS gave works beside the new one. Put the new one into ${consoles}; then set domain.only`,
    ],
    [
      domain?.only === true,
      `domain.only is true: the address that AWS gave is off. ${domain?.name} must stand in ${consoles}`,
    ],
    [dryRun, "dryRun is on: everybody is held"],
    [retry.giveUpAfterSeconds < 3_600, "retry.giveUpAfterSeconds is less than an hour: a short outage makes failures"],
  ];
  return warnings.flatMap(([isSo, message]) => (isSo ? [message] : []));
}
