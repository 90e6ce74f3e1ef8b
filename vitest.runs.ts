import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig, type ViteUserConfig } from "vitest/config";

/** What every run of tests has in common. */
export const common = {
  globalSetup: ["packages/server/test/support/global-setup.ts"],
  // Two cores: more workers than that only makes timings noisier.
  maxWorkers: 2,
  // A guard against what hangs: what is to be fast says so itself.
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

const home = fileURLToPath(new URL(".", import.meta.url));
const suites = [
  "chaos",
  "mutants",
  ...readdirSync(path.join(home, "packages")).map((name) => `packages/${name}`),
]
  .map((name) => `${name}/test`)
  .filter((suite) => existsSync(path.join(home, suite)));
/** They need the built pages and a browser: npm run test:browser. */
const inBrowser = "packages/{dashboard,site}/test/browser/**";

/** A test that replaces a module, or a variable of the environment for good. */
const replaces = /\bvi\.(mock|doMock)\(|\bprocess\.env\.\w+ = /;

/** The files whose tests replace something that other files use: what they replace of another kind is put back. */
const replacing = suites
  .flatMap((suite) =>
    readdirSync(path.join(home, suite), { recursive: true, encoding: "utf8" }).map((name) =>
      path.join(suite, name),
    ),
  )
  .filter(
    (file) =>
      file.endsWith(".test.ts") && replaces.test(readFileSync(path.join(home, file), "utf8")),
  );

/**
 * A run of all tests but those that `without` names, as two projects on one PostgreSQL.
 *
 * Loading the modules of the service takes a third of the time. So each worker loads them once for all of its files, except
 * the files whose tests replace a module, and those that `isolated` names: each of these has modules of its own.
 */
export function runOf({
  without = [],
  isolated = [],
}: {
  without?: readonly string[];
  isolated?: readonly string[];
}): ViteUserConfig {
  const left = [...configDefaults.exclude, inBrowser, ...without];
  const own = [...replacing, ...isolated];
  // The root's set-up is that of its projects too: once more in each would be one more PostgreSQL.
  const { globalSetup: _, ...each } = common;
  return defineConfig({
    test: {
      // mutants/runner.ts runs files in the root project.
      ...common,
      projects: [
        {
          test: {
            ...each,
            name: "shared modules",
            isolate: false,
            // What a test has put in the place of a method, a global or a variable is gone before the next test.
            restoreMocks: true,
            unstubEnvs: true,
            unstubGlobals: true,
            include: suites.map((suite) => `${suite}/**/*.test.ts`),
            exclude: [...left, ...own],
          },
        },
        { test: { ...each, name: "own modules", include: own, exclude: left } },
      ],
    },
  });
}
