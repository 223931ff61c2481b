/** A holder dies before each of its steps. */
import { testCrashes } from "../crashes.ts";

testCrashes(1);
