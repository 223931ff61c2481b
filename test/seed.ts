/** Random tests draw from it, and keys, nonces and ids: the same in every run of `npm test`, a new one in the long tests. */
export const seed = Number(process.env.SEED ?? 20261124);
