import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { reach } from "../fault-points.ts";
import type { Database } from "./sql.ts";

/** A database that is there connects, and answers what costs nothing, in less. */
const answerMsMax = 10_000;

const directory = new URL("./migrations/", import.meta.url);

/** One numbered file of db/migrations. */
export type Migration = { number: number; name: string; text: string; sha256: string };

/** Thrown when the database cannot be brought to, or is not at, the schema this version needs. */
export class MigrationError extends Error {}

/** Reads the migrations that belong to this version, in order. */
export function readMigrations(): Migration[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file, index) => {
      const number = Number(file.slice(0, 4));
      if (number !== index + 1) throw new MigrationError(`${file} is not number ${index + 1}.`);
      const text = readFileSync(new URL(file, directory), "utf8");
      return { number, name: file, text, sha256: createHash("sha256").update(text).digest("hex") };
    });
}

/**
 * Brings the database to this version's schema; returns the names of the files it applied.
 *
 * Under an advisory lock, so that processes that start together do it once; each file in a transaction of its own.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const client = await connect(databaseUrl, {});
  try {
    await client.query("select pg_advisory_lock(hashtext('postrider.migrate'))");
    await client.query(`create table if not exists schema_migrations (
      number integer primary key,
      name text not null,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`);
    const pending = pendingMigrations(await appliedMigrations(client));
    for (const migration of pending) {
      await client.query("begin");
      try {
        await client.query(migration.text);
        reach("mid_migration");
        await client.query(
          "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)",
          [migration.number, migration.name, migration.sha256],
        );
        await client.query("commit");
      } catch (error) {
        await client.query("rollback").catch(() => {});
        throw new MigrationError(`${migration.name} failed: ${(error as Error).message}`);
      }
    }
    return pending.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** Lists this version's migrations that the database has not seen; throws when it has seen other ones. */
export async function listPendingMigrations(databaseUrl: string): Promise<string[]> {
  const client = await connect(databaseUrl, { query_timeout: answerMsMax });
  try {
    const { rows } = await client.query("select to_regclass('schema_migrations') as found");
    const applied = rows[0]?.found === null ? [] : await appliedMigrations(client);
    return pendingMigrations(applied).map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** The same over a pool's connection, for a question that is asked often. */
export async function listPendingMigrationsOf({ sql }: Database): Promise<string[]> {
  const applied = await sql<Applied>`
    select number, name, sha256 from schema_migrations order by number`;
  return pendingMigrations(applied).map((migration) => migration.name);
}

/** Connects for the time of one job; whatever becomes of the connection is told by the query under way. */
async function connect(
  databaseUrl: string,
  limits: { query_timeout?: number },
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "postrider migrate",
    connectionTimeoutMillis: answerMsMax,
    ...limits,
  });
  client.on("error", () => {}); // Without a listener a lost connection would end the process.
  await client.connect();
  return client;
}

type Applied = { number: number; name: string; sha256: string };

async function appliedMigrations(client: pg.Client): Promise<Applied[]> {
  const { rows } = await client.query<Applied>(
    "select number, name, sha256 from schema_migrations order by number",
  );
  return rows;
}

// Read once: the files of a running version do not change.
let migrations: Migration[] | undefined;
function ownMigrations(): Migration[] {
  migrations ??= readMigrations();
  return migrations;
}

function pendingMigrations(applied: readonly Applied[]): Migration[] {
  const known = new Map(ownMigrations().map((migration) => [migration.number, migration]));
  for (const { number, name, sha256 } of applied) {
    const migration = known.get(number);
    // A newer version's migrations are fine: rolling deployments only ever expand the schema.
    if (migration && migration.sha256 !== sha256) {
      throw new MigrationError(
        `${name} was applied with other contents than ${migration.name} has now; migrations are never edited.`,
      );
    }
    known.delete(number);
  }
  return [...known.values()];
}
