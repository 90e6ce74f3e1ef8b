import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

/**
 * Runs the suites that meet PostgreSQL on a distribution's server, which is what `serve` meets in production: another
 * version, compiled otherwise, with JIT. `-- <files>` runs these only.
 */
const suites = ["api", "db", "engine", "e2e", "fire", "hostile"].map(
  (name) => `packages/server/test/${name}`,
);

const home = "/usr/lib/postgresql";
const versions = existsSync(home) ? readdirSync(home).map(Number) : [];
const programs = path.join(home, String(Math.max(...versions)), "bin");
if (!existsSync(path.join(programs, "initdb"))) {
  console.error(`There is no PostgreSQL in ${home}; install one: apt-get install postgresql`);
  process.exit(1);
}
const files = process.argv.slice(2);
const vitest = spawn(
  "npx",
  ["vitest", "run", ...(files.length > 0 ? files : [...suites, "chaos"])],
  {
    env: { ...process.env, POSTRIDER_TEST_POSTGRES_BIN: programs },
    stdio: "inherit",
  },
);
vitest.once("exit", (code) => process.exit(code ?? 1));
