/**
 * Seeds that have found something once, and a few more: people leave, come back, are ordered out and given back by
 * hand, while GenAuth fails and workers die. `node test/person/run.ts` draws new ones.
 */
import { testLives } from "./lives.ts";

// The others: person.long.test.ts.
testLives([
  ["nobody is resigned against a return that was known", [157]],
  ["only our own suspension is lifted, and only when nothing stands on it", [6]],
  ["nobody is cancelled and resigned without a word", [487]],
  ["nobody is resigned twice, nobody in spite of a gate", [368]],
]);
