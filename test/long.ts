import { test } from "vitest";

/** In `npm run test:long`. */
export const isLong = process.env.LONG === "yes";

/** A test that takes so long that `npm test` skips it. */
export const longTest = test.runIf(isLong);
