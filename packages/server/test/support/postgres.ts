import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import "./global-setup.ts";

/** A database of a test's own. */
export type TestDatabase = { url: string; drop(): Promise<void> };

let asked = false;
let spare: Promise<string> | undefined;
let removing: Promise<unknown> = Promise.resolve();

/**
 * Gives a fresh, migrated database; `drop` removes it, together with connections left open.
 *
 * A file that asks twice will ask again: the next database is made while the test works. Removing goes on while the
 * next test begins, one database at a time; what is left at the end of the run is removed by the global set-up.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const name = await (spare ?? copyTemplate());
  spare = asked ? copyTemplate() : undefined;
  spare?.catch(() => {}); // Whoever takes it is told.
  asked = true;
  const url = new URL(inject("maintenanceUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      const before = removing;
      removing = before.then(() => maintain(`drop database if exists ${name} with (force)`));
      removing.catch(() => {}); // The next drop is told.
      await before;
    },
  };
}

async function copyTemplate(): Promise<string> {
  const name = `${inject("databasePrefix")}${randomBytes(8).toString("hex")}`;
  // A copy fails while another copy reads the template, so they take turns.
  await maintain(
    "select pg_advisory_lock(hashtext('copy the template'))",
    `create database ${name} template ${inject("templateName")}`,
  );
  return name;
}

/** Runs statements one by one in the maintenance database, over a connection of their own. */
async function maintain(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: inject("maintenanceUrl") });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
