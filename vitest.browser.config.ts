import { defineConfig } from "vitest/config";
import { common } from "./vitest.runs.ts";

/** What `npm run test:browser` runs: the built pages in a real browser, before a real service. */
export default defineConfig({
  test: {
    ...common,
    include: ["packages/{dashboard,site}/test/browser/**/*.test.ts"],
    // The files of a worker share its browser, and the modules that they all load.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // As long as the browser waits for an element.
    expect: { poll: { timeout: 15_000 } },
  },
});
