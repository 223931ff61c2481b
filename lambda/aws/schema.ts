/**
 * The ledger's table: partition key `id`, and the indexes that the ledger asks. All of them from the first
 * deployment on, since CloudFormation adds only one at a time to a table that holds data.
 */
export const ledgerTable = {
  partitionKey: "id",
  sortKey: undefined,
  indexes: [
    /** What the sweep looks through: only items that are due sooner or later are in it. */
    { name: "due", partitionKey: "open", sortKey: "dueAt" },
    { name: "byStatus", partitionKey: "status", sortKey: "acceptedAt" },
    { name: "byUser", partitionKey: "userId", sortKey: "acceptedAt" },
    { name: "byMonth", partitionKey: "month", sortKey: "acceptedAt" },
  ],
} as const;

/** The quarantine's: what is kept of a source, by hour. */
export const quarantineTable = { partitionKey: "source", sortKey: "slot", indexes: [] } as const;

/** One kind of item: how its id begins, what it holds, which functions write and read it, and when it goes. */
interface ItemKind {
  readonly id: string;
  readonly holds: string;
  readonly writtenBy: string;
  readonly readBy: string;
  readonly goes: string;
}

/**
 * Every kind of item in the ledger's table. Each is read and written by its feature's file (`ledger.ts`). In any of
 * them `lastWrite` is the id of the last conditional write (`table.ts`); what was written before there were such ids
 * has none.
 */
export const ledgerItems: readonly ItemKind[] = [
  {
    id: "res_",
    holds: "a resignation: one departure, from acceptance to outcome, and the notices that are owed",
    writtenBy: "webhook and desk enter it, desk by an operator's decision, resigner at every turn, sweep its next look",
    readBy: "all functions but the forwarder",
    goes: "400 days after its end, never before its end",
  },
  {
    id: "relation|",
    holds: "what was said of a sync relation: returns, a former id, and the GenAuth user it last led to",
    writtenBy: "webhook and desk what was said, resigner the user",
    readBy: "resigner",
    goes: "800 days after it was last written",
  },
  {
    id: "person|",
    holds: "a GenAuth user: the lease, what we did to them, their relations, sessions that are to be ended",
    writtenBy: "resigner, as the holder of the lease",
    readBy: "resigner; desk the effect, for an approval",
    goes: "800 days after it was last written",
  },
  {
    id: "brake",
    holds:
      "a brake's log (`brake`, `brake|returns`): what went through without an operator, and the alert that is owed",
    writtenBy: "resigner; webhook and desk where an app's scope was narrowed",
    readBy: "resigner",
    goes: "never; its entries after a day",
  },
  {
    id: "headcount",
    holds: "how many people GenAuth told of last",
    writtenBy: "resigner",
    readBy: "resigner",
    goes: "never",
  },
  {
    id: "misses|",
    holds: "how many departures of a source, one after the other, were of people whom GenAuth does not know",
    writtenBy: "resigner",
    readBy: "resigner",
    goes: "never",
  },
  {
    id: "life|",
    holds: "when a source was last heard, whether it is off, and how often it was refused since",
    writtenBy: "webhook and desk",
    readBy: "webhook, desk and sweep",
    goes: "never",
  },
  {
    id: "ask_",
    holds: "an inquiry from Slack: who was asked about, by whom, and the secret address of the answer",
    writtenBy: "desk",
    readBy: "desk and resigner",
    goes: "an hour after it was asked",
  },
  {
    id: "reply_",
    holds: "an answer that Slack did not take at once, with its secret address",
    writtenBy: "desk",
    readBy: "resigner",
    goes: "an hour after it was asked for",
  },
  {
    id: "use|",
    holds: "what may be done once: a signed decision, the weekly line",
    writtenBy: "desk and sweep",
    readBy: "desk and sweep",
    goes: "after 400 days",
  },
  {
    id: "stop",
    holds: "the emergency stop: who stopped everything, when and why, and when it was started again (`startedAt`)",
    writtenBy: "desk by an operator, an administrator by hand",
    readBy: "resigner, at every turn and before every call; desk; sweep",
    goes: "never; while it is there without `startedAt`, nobody is cut off",
  },
];

/** Days after its end at which DynamoDB deletes a resignation. A repeat that comes later is a new departure. */
export const keptDays = 400;
