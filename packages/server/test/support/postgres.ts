import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import "./global-setup.ts";

/** A database of a test's own. */
export type TestDatabase = { url: string; drop(): Promise<void> };

/** Creates a fresh, migrated database; `drop` removes it, together with connections left open. */
export async function createDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template = inject("templateName");
  // A copy fails while another copy reads the template, so they take turns.
  await maintain(
    "select pg_advisory_lock(hashtext('copy the template'))",
    `create database ${name} template ${template}`,
  );
  const url = new URL(inject("maintenanceUrl"));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => maintain(`drop database if exists ${name} with (force)`),
  };
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
