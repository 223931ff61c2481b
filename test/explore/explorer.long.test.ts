/** The small worlds as a whole, and more of the large ones. */
import { testExplorer } from "./tests.ts";

testExplorer({
  most: 500,
  mostOfSmall: 2_500,
  walks: 40,
  wrongRows: [
    "calls blind where a call is in doubt",
    "holds what is called off where nobody may look",
    "takes no place at the returns' brake",
    "gives nothing back",
    "its day is not waited for",
    "a gate is not asked",
    "joins without being written in for",
    "resigns before the day",
    "nobody may look, so nobody is there",
    "takes no place at the brake",
  ],
});
