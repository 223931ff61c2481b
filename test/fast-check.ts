/** fast-check, which draws from our seed in every test. */
import fc from "fast-check";
import { isLong } from "./long.ts";
import { seed } from "./seed.ts";

fc.configureGlobal({ seed });

export { fc };

/** How often a property is tried: a quarter of it in `npm test`. */
export const fewer = (many: number) => (isLong ? many : Math.ceil(many / 4));
