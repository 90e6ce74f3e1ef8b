import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "{chaos,mutants}/test/**/*.test.ts"],
    globalSetup: ["packages/server/test/support/global-setup.ts"],
    // Two cores: more workers than that only makes timings noisier.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
