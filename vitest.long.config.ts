import { defineConfig } from "vitest/config";
import { long } from "./vitest.quick.config.ts";
import { common } from "./vitest.runs.ts";

/** What `npm test` leaves out; `npm run test:all` runs both. */
export default defineConfig({
  // A guard against what hangs: what is to be fast says so itself.
  test: { ...common, include: long, testTimeout: 120_000 },
});
