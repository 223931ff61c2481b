/**
 * The ledger's table: partition key `id`, and the indexes that the ledger asks. All of them from the first
 * deployment on, since CloudFormation adds only one at a time to a table that holds data.
 */
export const ledgerIndexes = [
  /** What the sweep looks through: only items that are due sooner or later are in it. */
  { name: "due", partitionKey: "open", sortKey: "dueAt" },
  { name: "byStatus", partitionKey: "status", sortKey: "acceptedAt" },
  { name: "byUser", partitionKey: "userId", sortKey: "acceptedAt" },
  { name: "byMonth", partitionKey: "month", sortKey: "acceptedAt" },
] as const;
