import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { readMigrations } from "../../src/db/migrate.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startFaulty } from "../support/process.ts";

const names = readMigrations().map(({ name }) => name);

test.each(names.map((name, index) => [name, index + 1] as const))(
  "kill -9 at mid_migration of %s: the next migrate begins where the dead one was",
  async (name, nth) => {
    const env = productionEnvironment(await emptyDatabase());
    const faulty = startFaulty({ point: "mid_migration", fault: "die", nth }, ["migrate"], env);
    expect((await faulty.ended).signal).toBe("SIGKILL");

    const { code, stdout } = await runCommand(["migrate", "--json"], env);
    expect(code).toBe(0);
    // Neither half of it stays, nor is anything before it done twice.
    expect(JSON.parse(stdout).applied).toEqual(names.slice(names.indexOf(name)));
  },
);

async function emptyDatabase(): Promise<string> {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("drop schema public cascade; create schema public");
  await client.end();
  return database.url;
}
