import { configDefaults, defineConfig, mergeConfig } from "vitest/config";
import all from "./vitest.config.ts";

/**
 * What `npm test` leaves to `npm run test:long`: what is long by nature.
 *
 * A file belongs here when it waits for real time or starts many processes or servers, or when it tries thousands of
 * inputs. No guarantee is tested here alone that a test of the quick run could hold.
 */
export const long = [
  // Services and databases that are killed, frozen and cut off, at each step of a delivery.
  "chaos/test/{chaos,start}.test.ts",
  "packages/server/test/fire/*.test.ts",
  "packages/server/test/e2e/{crash,calls}.test.ts",
  // Services and examples as processes of their own; the first delivery of a newcomer stays in the quick run.
  "packages/server/test/e2e/{production,examples}.test.ts",
  // Breaks copies of the tree, and runs tests on each.
  "mutants/test/judge.test.ts",
  // Fuzzing with thousands of requests.
  "packages/server/test/api/{never-500,never-500-bodies}.test.ts",
  "packages/server/test/security/{contract-fuzz,canaries}.test.ts",
  // Retries and traffic in real time.
  "packages/server/test/e2e/{retries,simulate}.test.ts",
  // A PostgreSQL server is created, killed and adopted in each test.
  "packages/server/test/embedded-postgres/*.test.ts",
  "packages/server/test/db/roles.test.ts",
  // Waits for news that come every few seconds; services behind a pooler in each of its modes.
  "packages/server/test/e2e/{silence,pgbouncer}.test.ts",
];

export default mergeConfig(
  all,
  defineConfig({
    test: { exclude: [...configDefaults.exclude, ...long] },
  }),
);
