/** Where the commands look unless they are told otherwise: at the stack that `npm start` runs on this machine. */

const port = process.env.PORT ?? "3000";

/** Where its webhook is. */
export const localUrl = `http://127.0.0.1:${port}`;

/** Where its GenAuth is, a simulator: on the next port. */
export const localGenAuthUrl = `http://127.0.0.1:${process.env.GENAUTH_PORT ?? Number(port) + 1}`;

/** What that GenAuth takes. No secret: it serves on loopback alone, and holds nobody real. */
export const simulatorCredentials = {
  userPoolId: "local-user-pool",
  accessKeyId: "local-access-key",
  accessKeySecret: "local-access-key-secret",
} as const;
