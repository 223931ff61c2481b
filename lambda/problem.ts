/**
 * Every way a request can fail: a small closed family, each with its HTTP status and a stable code.
 * Made where the fact is known, turned into an answer in `http.ts`.
 */
const family = {
  malformed: [400, "The request is malformed"],
  bad_header: [400, "A header of the proof is missing or has another form"],
  clock_off: [400, "webhook-timestamp is too far from now"],
  unauthorized: [401, "The request could not be verified"],
  forbidden: [403, "The caller may not do this"],
  second_operator_needed: [403, "A second operator must approve this one"],
  not_found: [404, "Not found"],
  conflict: [409, "The resignation's status does not allow this"],
  too_large: [413, "The request is too large"],
  unsupported_media_type: [415, "The body must be JSON"],
  id_reused: [422, "This webhook-id was used before with another request"],
  invalid_user_id: [422, "The user id is no sync relation of an allowed provider"],
  occurred_in_future: [422, "occurredAt lies in the future"],
  occurred_out_of_range: [422, "occurredAt lies outside the years 2000 to 2100"],
  keys_not_filled_in: [503, "The keys of this source are not filled in yet"],
  unavailable: [503, "The departure could not be written down; send it again"],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof family;

interface Facts {
  detail: string;
  reason: string;
  shape: string;
  isHopeless: boolean;
  members: Record<string, string>;
  location: string;
}

/** An expected failure. `reason` is for the log alone and is never part of an answer. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly reason: string | undefined;
  /** More for the log: the shape of something, never its value. */
  readonly shape: string | undefined;
  /** No key could ever verify the request, so it is not kept. */
  readonly isHopeless: boolean;
  /** Further members of the answer. */
  readonly members: Readonly<Record<string, string>>;
  /** The answer's `Location`: where the resignation can be seen that the problem is about. */
  readonly location: string | undefined;

  constructor(code: ProblemCode, facts: Partial<Facts> = {}) {
    super(facts.reason ?? facts.detail ?? family[code][1]);
    this.code = code;
    [this.status, this.title] = family[code];
    this.detail = facts.detail;
    this.reason = facts.reason;
    this.shape = facts.shape;
    this.isHopeless = facts.isHopeless ?? false;
    this.members = facts.members ?? {};
    this.location = facts.location;
  }
}

/** A failed proof. `reason` names the failed check for the log; the sender sees the same 401 for all of them. */
export const refused = (reason: string, shape?: string) =>
  new Problem("unauthorized", { reason, ...(shape !== undefined && { shape }) });

/** A failed proof of what no key could ever verify: looks the same to the sender, and is not kept. */
export const hopeless = (reason: string) => new Problem("unauthorized", { reason, isHopeless: true });

/** The request is authentic, and what it says cannot be understood. */
export const malformed = (detail: string) => new Problem("malformed", { detail });
