/** A holder dies before every third of its steps. Before each of them: crash.long.test.ts. */
import { testCrashes } from "../crashes.ts";

testCrashes(3);
