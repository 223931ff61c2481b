/** What an alarm or a dashboard can watch. Each is a count. */
export type Metric =
  | "Accepted"
  | "Repeated"
  | "Returned"
  | "Refused"
  | "Malformed"
  | "TooLarge"
  | "StrangerRefused"
  | "UnusableDeparture"
  | "Renamed"
  | "ScopeNarrowed"
  | "OtherTenant"
  | "OddEvent"
  | "StartedFailing"
  | "WrongMapping"
  | "KeysNotFilledIn"
  | "Unavailable"
  | "Resigned"
  | "Suspended"
  | "NotFound"
  | "Duplicate"
  | "Held"
  | "BrakeTripped"
  | "Failed"
  | "Retried"
  | "TokenRefused"
  | "Unconfirmed"
  | "TargetsWrong"
  | "HeadcountUnknown"
  | "Forwarded"
  | "ForwardFailed"
  | "Swept"
  | "Heartbeat"
  | "WorkFailed"
  | "Stopped"
  | "Started"
  | "ClockDrift"
  | "BackAfterResigned"
  | "NotGivenBack"
  | "SessionsLeft"
  | "Unreadable";

/** What is measured beside a count. */
export type Measure =
  | "SinceEventSeconds"
  | "ForwardAgeSeconds"
  | "OpenWaiting"
  | "OldestOpenSeconds"
  | "HeldWaiting"
  | "OldestHeldSeconds"
  | "StoppedSeconds"
  | "FailedWaiting"
  | "SilentSources";

export const metricNamespace = "ResignWebhook";

export interface AlarmParts {
  readonly counts?: Partial<Record<Metric, number>>;
  readonly gauges?: Partial<Record<Measure, number>>;
}

/**
 * What turns an alarm on, by the alarm's name. AWS bills each metric that an alarm watches, so all that belongs to one
 * adds to one metric of its own as well, in the same line: a count so much, a gauge 1 from so much on.
 */
export const alarmParts = {
  // Alarm after 20 minutes: with five of the sweep and five of the alarm, an outage is heard within thirty. A stop of a
  // day is one that was forgotten: the time in which all is stopped does not count as waiting.
  OldestOpen: { gauges: { OldestOpenSeconds: 1_200, StoppedSeconds: 86_400 } },
  Held: { counts: { Held: 1 }, gauges: { OldestHeldSeconds: 86_400 } },
  Failed: { gauges: { FailedWaiting: 1 } },
  Brake: { counts: { BrakeTripped: 1, ScopeNarrowed: 1 } },
  // On from 3 on: WeCom sends a departure three times in all, so three refusals may be one lost departure.
  Refused: { counts: { Refused: 1, ClockDrift: 1, StartedFailing: 3, KeysNotFilledIn: 3 } },
  NotUnderstood: { counts: { UnusableDeparture: 1, Malformed: 1, Unreadable: 1 } },
  Silent: { gauges: { SilentSources: 1 } },
  Irreversible: { counts: { BackAfterResigned: 1, NotGivenBack: 1, Unconfirmed: 1, SessionsLeft: 1 } },
  GenAuth: { counts: { TokenRefused: 1, WrongMapping: 1, HeadcountUnknown: 1, Renamed: 1 } },
  Api: { counts: { Unavailable: 1, TooLarge: 1 } },
  Errors: { counts: { WorkFailed: 1 } },
  NotTold: { counts: { TargetsWrong: 1, ForwardFailed: 1 } },
} as const satisfies Record<string, AlarmParts>;

/** The metric of an alarm. Not its bare name: some alarms are called like a count. */
export const alarmMetric = (alarm: keyof typeof alarmParts) => `Alarm${alarm}`;

/** What a count or a measure adds to the metric of its alarm. */
function shareInAlarm(name: Metric | Measure, value: number): Readonly<Record<string, number>> {
  for (const alarm of Object.keys(alarmParts) as (keyof typeof alarmParts)[]) {
    const { counts, gauges }: AlarmParts = alarmParts[alarm];
    const from = gauges?.[name as Measure];
    const share = counts?.[name as Metric] ?? (from !== undefined && value >= from ? 1 : undefined);
    if (share !== undefined) return { [alarmMetric(alarm)]: share };
  }
  return {};
}

export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Structured lines on standard output; CloudWatch reads the metric out of them (embedded metric format). */
export interface Log {
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** Counts one and says why, in a single line. */
  count(metric: Metric, message: string, facts?: Facts, level?: "INFO" | "WARN" | "ERROR"): void;
  /** Measures something, as a metric of its own. */
  measure(measure: Measure, value: number, facts?: Facts): void;
}

/** `stack`: a dimension of every metric, so that the alarms of two stacks in one account do not hear each other. */
export function createLog(
  service: string,
  write: (line: string) => void = toStdout,
  now = () => Date.now(),
  stack = "local",
): Log {
  const line = (level: string, message: string, facts: Facts = {}, more: object = {}) =>
    write(
      JSON.stringify({
        level,
        message,
        service,
        timestamp: new Date(now()).toISOString(),
        ...facts,
        ...more,
      }),
    );
  return {
    info: (message, facts) => line("INFO", message, facts),
    warn: (message, facts) => line("WARN", message, facts),
    error: (message, facts) => line("ERROR", message, facts),
    count: (metric, message, facts, level = "INFO") =>
      line(level, message, facts, embed(metric, 1, "Count", facts?.source !== undefined)),
    measure: (measure, value, facts) =>
      line("INFO", measure, facts, embed(measure, value, measure.endsWith("Seconds") ? "Seconds" : "Count", false)),
  };

  /** In all of the stack, and by source where there is one; an alarm's metric in all of the stack alone. */
  function embed(Name: Metric | Measure, value: number, Unit: string, isBySource: boolean): object {
    const share = shareInAlarm(Name, value);
    const inAll = { Namespace: metricNamespace, Dimensions: [["Stack"]] };
    const Dimensions = isBySource ? [["Stack"], ["Stack", "source"]] : [["Stack"]];
    const CloudWatchMetrics = [
      { ...inAll, Dimensions, Metrics: [{ Name, Unit }] },
      ...Object.keys(share).map((alarm) => ({ ...inAll, Metrics: [{ Name: alarm, Unit: "Count" }] })),
    ];
    return { [Name]: value, ...share, Stack: stack, _aws: { Timestamp: now(), CloudWatchMetrics } };
  }
}

/** An item has a form that no version wrote. Told by the error's name: its class would bundle all of zod. */
export const isUnreadable = (error: unknown) => error instanceof Error && error.name === "$ZodError";

/** Counts an item of the ledger that this version cannot read: it is left as it is, and everything else goes on. */
export function countUnreadable(log: Log, id: string): void {
  log.count("Unreadable", "An item of the ledger cannot be read: it is left as it is", nameOf(id), "ERROR");
}

/** What may be logged of an item: the id of a relation or a person is personal data. */
export const nameOf = (id: string) => (id.startsWith("res_") ? { id } : { kind: id.split("|")[0] });

/** Lambda's `console.log` puts a time and an id before a line, and CloudWatch finds metrics only in pure JSON. */
const toStdout = (line: string): void => void process.stdout.write(`${line}\n`);

/** What may be logged of an unexpected error: its kind, never its text, which can quote the input. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code, cause } = error as NodeJS.ErrnoException;
  const known: unknown = (cause as NodeJS.ErrnoException | undefined)?.code ?? code;
  // A time-out's code is a number that says nothing.
  return typeof known === "string" ? known : error.name;
}

/** Where an unexpected error came from, without its text. */
export function traceOf(error: unknown): { error: string; trace: string | undefined } {
  const frames = error instanceof Error ? error.stack?.split("\n").filter((line) => /^\s+at /.test(line)) : undefined;
  return { error: kindOf(error), trace: frames?.slice(0, 8).join("\n") };
}
