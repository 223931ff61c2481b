/** Random tests draw alike in every run of `npm test`. The long tests draw anew, and name the seed where they fail. */
import fc from "fast-check";
import { isLong } from "./long.ts";

if (!isLong) fc.configureGlobal({ seed: 20261124 });
