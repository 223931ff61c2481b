/** Prices of us-east-1 in dollars, on demand, without the free tier (aws.amazon.com, November 2026). */
export const prices = {
  httpRequest: 1e-6,
  lambdaRequest: 0.2e-6,
  /** arm64. */
  lambdaGbSecond: 13.3334e-6,
  /** arm64, kept warm. */
  provisionedGbSecond: 3.3334e-6,
  sqsRequest: 0.4e-6,
  /** Of 1 kB. */
  tableWrite: 0.625e-6,
  /** Of 4 kB, consistent. */
  tableRead: 0.125e-6,
  /** A month. */
  tableGb: 0.25,
  /** A month. */
  recoveryGb: 0.2,
  secretCall: 5e-6,
  /** A month. */
  secret: 0.4,
  /** Taken in. */
  logGb: 0.5,
  /** A month. */
  alarm: 0.1,
  /** A month of hours in which it was sent. */
  metric: 0.3,
  kmsKey: 1,
  kmsCall: 3e-6,
  /** A month, and a GB. */
  natGateway: 32.85,
  natGb: 0.045,
  /** A month and zone. */
  endpoint: 7.3,
};

/** Of all functions. */
export const memoryGb = 0.5;

/**
 * What Lambda itself writes for one call (START, END and REPORT), and what CloudWatch counts for each line besides: by
 * AWS's documents, since no line of Lambda's is made here.
 */
export const lambdaLogBytes = 300;
export const lineBytes = 26;

/** One line of the access log (`lib/api.ts`), with ids and an address of full length. */
export const accessLogBytes = 330;

/** `npm run bench` measures it at 437 ms of a function's share of a core; Node's own start comes on top. */
export const coldStartSeconds = 0.6;
