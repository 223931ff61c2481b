/** The first states of each world. More of them: explorer.long.test.ts. */
import { testExplorer } from "./tests.ts";

testExplorer({
  most: 100,
  mostOfSmall: 500,
  walks: 10,
  wrongRows: ["calls blind where a call is in doubt", "resigns before the day", "nobody may look, so nobody is there"],
});
