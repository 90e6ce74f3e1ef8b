import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject, onTestFinished } from "vitest";
import { type Database, openDatabase } from "../../src/db/pool.ts";
import { emptyDatabase, runOn } from "./emptied-databases.ts";
import "./global-setup.ts";

/** A database of a test's own. */
export type TestDatabase = { url: string; drop(): Promise<void> };

let asked = false;
let spare: Promise<string> | undefined;
let leaving: Promise<unknown> = Promise.resolve();

/**
 * Gives an empty, migrated database; `drop` ends it for its test, together with connections left open.
 *
 * A file that asks twice will ask again: the next database is made ready while the test works. Leaving goes on while the
 * next test begins, one database at a time; what is left at the end of the run is removed by the global set-up.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const name = await (spare ?? takeDatabase());
  spare = asked ? takeDatabase() : undefined;
  spare?.catch(() => {}); // Whoever takes it is told.
  asked = true;
  return {
    url: urlOf(name),
    async drop() {
      const before = leaving;
      leaving = before.then(() => leaveDatabase(name));
      leaving.catch(() => {}); // The next drop is told.
      await before;
    },
  };
}

/** Opens an empty, migrated database with the rights of its owner, until the test is over. */
export async function openOwnDatabase({ connectionsMax = 1 } = {}): Promise<Database> {
  const home = await createDatabase();
  const database = openDatabase({
    url: home.url,
    name: "test",
    role: "owner",
    connectionsMax,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
  onTestFinished(async () => {
    await database.close();
    await home.drop();
  });
  return database;
}

/** Takes one that an earlier test has left and that is empty again, which is cheaper than a new one; or makes a new one. */
async function takeDatabase(): Promise<string> {
  const table = inject("emptiedTable");
  const [emptied] = await maintain<{ name: string }>(`
    delete from ${table} where name = (select name from ${table} limit 1 for update skip locked)
    returning name`);
  if (emptied) return emptied.name;
  const name = newName();
  await maintain(`create database ${name} template ${inject("templateName")}`);
  return name;
}

/**
 * Makes a database ready for another test; one that is not as it was, rows aside, is removed.
 *
 * It gets another name: what the test has left running by mistake does not find it again.
 */
async function leaveDatabase(name: string): Promise<void> {
  const [there] = await maintain(`select from pg_database where datname = '${name}'`);
  if (!there) return; // The test has removed it.
  const next = newName();
  await maintain(
    `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${name}'`,
    `alter database ${name} rename to ${next}`,
  );
  const asBefore = await emptyDatabase(urlOf(next), inject("untouched"));
  await maintain(
    asBefore
      ? `insert into ${inject("emptiedTable")} values ('${next}')`
      : `drop database ${next} with (force)`,
  );
}

const newName = () => `${inject("databasePrefix")}${randomBytes(8).toString("hex")}`;

function urlOf(name: string): string {
  const url = new URL(inject("maintenanceUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

/** The connections to the maintenance database, kept because to open one costs more than what is asked over it. */
let connections: pg.Pool | undefined;

function maintain<Row extends pg.QueryResultRow>(...statements: string[]): Promise<Row[]> {
  if (!connections) {
    connections = new pg.Pool({
      connectionString: inject("maintenanceUrl"),
      // One database may leave while another is taken.
      max: 2,
      idleTimeoutMillis: 0,
      // They do not keep a worker alive that has no more tests.
      allowExitOnIdle: true,
    });
    connections.on("error", () => {}); // The next statement gets another one.
  }
  return runOn<Row>(connections, statements);
}
