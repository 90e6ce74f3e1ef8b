import { long } from "./vitest.quick.config.ts";
import { runOf } from "./vitest.runs.ts";

/** Every test but those that need built pages and a browser: for single files, and for `npm run test:stock`. */
export default runOf({ isolated: long });
