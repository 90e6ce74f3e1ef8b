import { defineConfig } from "vitest/config";
import { common } from "./vitest.runs.ts";

/** What `npm run test:packages` runs, on the tarballs that `npm run pack` has just written. */
export default defineConfig({
  test: {
    ...common,
    include: ["release/test/*.test.ts"],
    // One after the other: they share dist, and one of them measures how long a start takes.
    fileParallelism: false,
    // A guard against what hangs: an installation may wait for the registry.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
