/** A holder dies before every fifth of its steps. Before each of them: crash.long.test.ts. */
import { testCrashes } from "../crashes.ts";

testCrashes(5);
