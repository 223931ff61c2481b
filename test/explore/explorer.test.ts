/** The first states of each world. More of them: explorer.long.test.ts. */
import { testExplorer } from "./tests.ts";

testExplorer({
  most: 150,
  mostOfSmall: 800,
  walks: 10,
  wrongRows: [
    "calls blind where a call is in doubt",
    "joins without being written in for",
    "resigns before the day",
    "nobody may look, so nobody is there",
  ],
});
