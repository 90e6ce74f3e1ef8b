import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type pg from "pg";
import { reach } from "../fault-points.ts";
import { packageFile } from "../package-file.ts";
import { clientOf } from "./connect.ts";
import { isRetryable } from "./errors.ts";
import { type Database, openDatabase } from "./pool.ts";
import { backendOf, insistOnSessions } from "./pooler.ts";
import { ensureRoles } from "./roles.ts";
import { prepareSession } from "./session.ts";
import { restoreWall } from "./team-wall.ts";

/** An available database connects and answers a trivial statement in less time. */
const answerMsMax = 10_000;

const directory = packageFile("src/db/migrations/");

/** One numbered file of db/migrations. */
export type Migration = { number: number; name: string; text: string; sha256: string };

/** Thrown when the database does not have this version's schema and cannot get it. */
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

/** What `migrate` has done. */
export type Migrated = {
  /** The names of the files that it applied. */
  applied: string[];
  /** The statements that it ran to set up roles and missing rules of row security. */
  repaired: string[];
};

export type MigrateOptions = {
  /** Cancels the running statement; earlier migrations stay, the running one is rolled back. */
  stop?: AbortSignal;
  /** Called with what it waits for. */
  onStep?: (step: string) => void;
  /** Called with the name of each applied file. */
  onApplied?: (name: string) => void;
};

/**
 * Brings the database to this version's schema, with its roles and rules of row security.
 *
 * It holds an advisory lock, so that processes that start together do it once. Each file runs in its own transaction.
 */
export async function migrate(
  databaseUrl: string,
  { stop, onStep = () => {}, onApplied = () => {} }: MigrateOptions = {},
): Promise<Migrated> {
  await insistOnSessions(databaseUrl);
  const client = await connect(databaseUrl, {});
  let cancel = () => {};
  try {
    await prepareSession(client, { statementTimeoutMs: 0 });
    const backend = await backendOf(client);
    cancel = () => void cancelStatement(databaseUrl, backend);
    stop?.addEventListener("abort", cancel);
    await takeTurn(client, onStep);
    const roles = await ensureRoles(client);
    await client.query(`create table if not exists schema_migrations (
      number integer primary key,
      name text not null,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`);
    const pending = pendingMigrations(await appliedMigrations(client));
    for (const migration of pending) {
      stop?.throwIfAborted();
      onStep(`applying ${migration.name}`);
      await applyUnlessDeadlocked(client, migration);
      onApplied(migration.name);
    }
    const repaired = [...roles, ...(await repairWall(databaseUrl))];
    return { applied: pending.map((migration) => migration.name), repaired };
  } finally {
    stop?.removeEventListener("abort", cancel);
    await client.end();
  }
}

/** Waits until no other process migrates. */
async function takeTurn(client: pg.Client, onStep: (step: string) => void): Promise<void> {
  const key = "hashtext('postrider.migrate')";
  const { rows } = await client.query(`select pg_try_advisory_lock(${key}) as taken`);
  if (rows[0]?.taken) return;
  onStep("another process migrates this database");
  await client.query(`select pg_advisory_lock(${key})`);
}

/** How often a migration is tried if it and a process that serves wait for each other's locks. */
const triesMax = 5;

async function applyUnlessDeadlocked(client: pg.Client, migration: Migration): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await apply(client, migration);
    } catch (error) {
      // Everything of it was rolled back, so it can begin again.
      const { cause } = error as MigrationError;
      if (tries === triesMax || !isRetryable(cause)) throw error;
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(migration.text);
    reach("mid_migration");
    await client.query("insert into schema_migrations (number, name, sha256) values ($1, $2, $3)", [
      migration.number,
      migration.name,
      migration.sha256,
    ]);
    const { command } = await client.query("commit");
    if (command !== "COMMIT") throw new Error("the transaction was rolled back");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw new MigrationError(`${migration.name} failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function repairWall(databaseUrl: string): Promise<string[]> {
  const database = openDatabase({
    url: databaseUrl,
    name: "migrate",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 30_000,
    onError: () => {},
  });
  try {
    return await restoreWall(database);
  } catch (error) {
    throw new MigrationError(
      `the row security between teams could not be restored: ${(error as Error).message}`,
    );
  } finally {
    await database.close();
  }
}

/** Cancels the statement of a connection: otherwise the server would continue it after this process has ended. */
async function cancelStatement(databaseUrl: string, backend: number | undefined): Promise<void> {
  const other = await connect(databaseUrl, { query_timeout: answerMsMax }).catch(() => undefined);
  await other?.query("select pg_cancel_backend($1)", [backend]).catch(() => {});
  await other?.end().catch(() => {});
}

/** Lists this version's migrations that the database has not applied; throws when an applied one differs. */
export async function listPendingMigrations(databaseUrl: string): Promise<string[]> {
  await insistOnSessions(databaseUrl);
  const client = await connect(databaseUrl, { query_timeout: answerMsMax });
  try {
    await prepareSession(client, { statementTimeoutMs: answerMsMax });
    const { rows } = await client.query("select to_regclass('schema_migrations') as found");
    const applied = rows[0]?.found === null ? [] : await appliedMigrations(client);
    return pendingMigrations(applied).map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

/** The same over a pool's connection, for frequent checks. */
export async function listPendingMigrationsOf({ sql }: Database): Promise<string[]> {
  const applied = await sql<Applied>`
    select number, name, sha256 from schema_migrations order by number`;
  return pendingMigrations(applied).map((migration) => migration.name);
}

/** Reads this version's migrations, those that the database lacks, and how many of later versions it has. */
export async function readMigrationState({ sql }: Database): Promise<{
  known: number;
  pending: string[];
  later: number;
}> {
  const [table] = await sql<{ there: boolean }>`
    select to_regclass('schema_migrations') is not null as there`;
  const applied = table?.there
    ? await sql<Applied>`select number, name, sha256 from schema_migrations order by number`
    : [];
  const pending = pendingMigrations(applied).map((migration) => migration.name);
  const known = ownMigrations().length;
  return { known, pending, later: applied.filter(({ number }) => number > known).length };
}

/** Connects for one job; a lost connection is reported by the running query. */
async function connect(
  databaseUrl: string,
  limits: { query_timeout?: number },
): Promise<pg.Client> {
  const client = clientOf(databaseUrl, {
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

// Cached: the files of a running version do not change.
let migrations: Migration[] | undefined;
function ownMigrations(): Migration[] {
  migrations ??= readMigrations();
  return migrations;
}

function pendingMigrations(applied: readonly Applied[]): Migration[] {
  const known = new Map(ownMigrations().map((migration) => [migration.number, migration]));
  for (const { number, name, sha256 } of applied) {
    const migration = known.get(number);
    // A newer version's migrations are allowed: rolling deployments only expand the schema.
    if (migration && migration.sha256 !== sha256) {
      throw new MigrationError(
        `${name} was applied with a different content than ${migration.name} has now. Never edit a migration that was applied.`,
      );
    }
    known.delete(number);
  }
  return [...known.values()];
}
