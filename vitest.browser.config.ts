import { defineConfig } from "vitest/config";
import { common } from "./vitest.runs.ts";

/** What `npm run test:browser` runs: the built pages in a real browser, before a real service. */
export default defineConfig({
  test: {
    ...common,
    include: ["packages/{dashboard,site}/test/browser/**/*.test.ts"],
    // A browser and a service each: side by side they would only wait for each other.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
