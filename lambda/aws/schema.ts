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
