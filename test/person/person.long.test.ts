/** More of the seeds that have found something once. */
import { testLives } from "./lives.ts";

testLives([
  ["nobody is resigned against a return that was known", [202]],
  ["nobody who was called off stays suspended", [99]],
  ["nobody who left keeps access unseen", [438]],
  ["only our own suspension is lifted, and only when nothing stands on it", [96]],
  ["nobody is resigned twice, nobody in spite of a gate", [425]],
  ["what rests is right", [44, 53, 184]],
]);
