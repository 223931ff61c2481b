/** Random tests draw alike in every run. The long ones draw anew, and name the seed where they fail. */
import fc from "fast-check";

if (!process.env.NEW_SEEDS) fc.configureGlobal({ seed: 20261124 });
