import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "{chaos,mutants}/test/**/*.test.ts"],
    // They need the built pages and a browser: npm run test:browser.
    exclude: [...configDefaults.exclude, "packages/{dashboard,site}/test/browser/**"],
    globalSetup: ["packages/server/test/support/global-setup.ts"],
    // Two cores: more workers than that only makes timings noisier.
    maxWorkers: 2,
    // A guard against what hangs: what is to be fast says so itself.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
