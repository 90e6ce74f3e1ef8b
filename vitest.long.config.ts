import { defineConfig, mergeConfig } from "vitest/config";
import all from "./vitest.config.ts";
import { long } from "./vitest.quick.config.ts";

/** What `npm test` leaves out; `npm run test:all` runs both. */
export default mergeConfig(
  { test: { ...all.test, include: [] } },
  // A guard against what hangs: what is to be fast says so itself.
  defineConfig({ test: { include: long, testTimeout: 120_000 } }),
);
