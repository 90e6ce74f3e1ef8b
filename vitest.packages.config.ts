import { defineConfig, mergeConfig } from "vitest/config";
import all from "./vitest.config.ts";

/** What `npm run test:packages` runs, on the tarballs that `npm run pack` has just written. */
export default mergeConfig(
  { test: { ...all.test, include: [] } },
  // A guard against what hangs: an installation may wait for the registry.
  defineConfig({
    test: {
      include: ["release/test/*.test.ts"],
      // One after the other: they share dist, and one of them measures how long a start takes.
      fileParallelism: false,
      testTimeout: 180_000,
      hookTimeout: 180_000,
    },
  }),
);
