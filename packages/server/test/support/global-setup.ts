import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { migrate } from "../../src/db/migrate.ts";
import { readUntouched, run, type Untouched } from "./emptied-databases.ts";
import { openPostgres } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The maintenance database of the run's PostgreSQL. */
    maintenanceUrl: string;
    /** A migrated database that nobody connects to. */
    templateName: string;
    /** What the names of this run's databases begin with. */
    databasePrefix: string;
    /** The table, in the maintenance database, of databases that tests have left and that are empty again. */
    emptiedTable: string;
    /** What the template is like, rows aside. */
    untouched: Untouched;
  }
}

const directoryPrefix = "postrider-test-";

/** Starts one PostgreSQL for the whole run, or uses POSTRIDER_TEST_DATABASE_URL, and makes the template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await openRunServer();
  const named = `${process.pid}_${Date.now()}`;
  const templateName = `template_${named}`;
  const databasePrefix = `test_${named}_`;
  const emptiedTable = `${databasePrefix}emptied`;
  const close = async () => {
    await dropDatabases(server.url, [templateName, databasePrefix]);
    await run(server.url, `drop table if exists ${emptiedTable}`);
    await server.close();
  };
  try {
    const template = new URL(server.url);
    template.pathname = `/${templateName}`;
    await run(server.url, `create database ${templateName}`);
    await migrate(template.href);
    project.provide("untouched", await readUntouched(template.href));
    await run(server.url, `create table ${emptiedTable} (name text primary key)`);
    // A connection to it would make every copy fail.
    await run(server.url, `alter database ${templateName} with allow_connections false`);
  } catch (error) {
    await close();
    throw error;
  }
  project.provide("maintenanceUrl", server.url);
  project.provide("templateName", templateName);
  project.provide("databasePrefix", databasePrefix);
  project.provide("emptiedTable", emptiedTable);
  return close;
}

async function openRunServer(): Promise<{ url: string; close(): Promise<void> }> {
  const url = process.env.POSTRIDER_TEST_DATABASE_URL;
  if (url) return { url, close: async () => {} };
  await removeLeftovers();
  const directory = mkdtempSync(path.join(tmpdir(), directoryPrefix));
  const server = await openPostgres({
    dataDirectory: path.join(directory, "postgres"),
    // Two workers with several pools each. Otherwise it is as durable as the one that is shipped.
    settings: { max_connections: "300" },
  });
  const close = async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  return { url: server.url, close };
}

/** Stops the servers of runs that were killed. The one that opens a server's directory may stop it. */
async function removeLeftovers(): Promise<void> {
  const beingMadeMs = 60_000;
  for (const name of readdirSync(tmpdir()).filter((name) => name.startsWith(directoryPrefix))) {
    const directory = path.join(tmpdir(), name);
    try {
      if (Date.now() - statSync(directory).mtimeMs < beingMadeMs) continue;
      const server = await openPostgres({
        dataDirectory: path.join(directory, "postgres"),
      });
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    } catch {
      // It belongs to a run that is still going on.
    }
  }
}

/** Removes the databases whose names begin so, whoever was stopped before it could. */
async function dropDatabases(url: string, beginnings: readonly string[]): Promise<void> {
  const names = await run<{ datname: string }>(url, "select datname from pg_database");
  for (const { datname } of names) {
    if (!beginnings.some((beginning) => datname.startsWith(beginning))) continue;
    await run(url, `drop database if exists ${datname} with (force)`);
  }
}
