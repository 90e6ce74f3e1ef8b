import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

/**
 * Runs the suites that meet PostgreSQL on a distribution's server, which is what `serve` meets in production: another
 * version, compiled otherwise, with JIT. `npm run test:stock -- <files>` runs these only.
 */
const suites = ["api", "db", "engine", "e2e"].map((name) => `packages/server/test/${name}`);
/** Nothing in them depends on the server, or they bring one of their own. */
const elsewhere = ["**/never-500*.test.ts", "**/e2e/{development,examples,newcomer}.test.ts"];

const home = "/usr/lib/postgresql";
const versions = existsSync(home) ? readdirSync(home).map(Number) : [];
const programs = path.join(home, String(Math.max(...versions)), "bin");
if (!existsSync(path.join(programs, "initdb"))) {
  console.error(`There is no PostgreSQL in ${home}; install one: apt-get install postgresql`);
  process.exit(1);
}
const given = process.argv.slice(2);
const files =
  given.length > 0
    ? given
    : [...suites, "chaos", ...elsewhere.flatMap((pattern) => ["--exclude", pattern])];
const vitest = spawn("npx", ["vitest", "run", ...files], {
  env: { ...process.env, POSTRIDER_TEST_POSTGRES_BIN: programs },
  stdio: "inherit",
});
vitest.once("exit", (code) => process.exit(code ?? 1));
