import type pg from "pg";
import { isObjectId } from "../ids.ts";
import { poolOf } from "./connect.ts";
import { type PoolWatch, watchPool } from "./pool-watch.ts";
import { prepareSession } from "./session.ts";
import { closeIdleAfterSilence } from "./silence.ts";
import { type Sql, statementRunner } from "./sql.ts";
import { type Tx, transact } from "./transaction.ts";

/** The database, limited to what its holder may reach. */
export type Database = {
  sql: Sql;
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
  begin<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Like `begin`, but BEGIN is sent together with the first statements of `work`. They must only read and lock: if BEGIN
   * itself fails, they run outside of a transaction. `tx.now` resolves when BEGIN has succeeded; await it before writing.
   */
  beginReading<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
};

/** A pool of connections to the database. */
export type DatabasePool = Database & { close(): Promise<void> };

/** A pool that reaches only the teams that each use names. */
export type TeamDatabase = {
  /** The rows of these teams only, whatever a statement says: row security hides all others. */
  forTeams(teamIds: readonly string[]): Database;
  close(): Promise<void>;
};

/**
 * The role under which connections work; db/migrations/0006_row_level_security.sql says what each may.
 *
 * `owner` is the user of the URL: it makes partitions and deletes old rows, and row security does not apply to it.
 */
export type DatabaseRole = "postrider_team" | "postrider_keys" | "postrider_all_teams" | "owner";

export type DatabaseOptions = {
  url: string;
  /** Shown in pg_stat_activity, so that an operator sees which part is busy. */
  name: string;
  role: DatabaseRole;
  connectionsMax: number;
  /** A statement that takes longer is cancelled. */
  statementTimeoutMs: number;
  /** Settings of each connection, such as planner switches. */
  settings?: Record<string, string>;
  onError: (error: Error) => void;
  watch?: PoolWatch;
};

/** Opens a pool. Connections are opened when needed, and again after the database was away. */
export function openDatabase(
  options: DatabaseOptions & { role: "postrider_all_teams" | "owner" },
): DatabasePool {
  const { pool, close } = openPool(options);
  const opening = "begin; select now()";
  return {
    sql: statementRunner((query) => pool.query(query)),
    begin: (work) => transact(pool, opening, work, false),
    beginReading: (work) => transact(pool, opening, work, true),
    close,
  };
}

/** Opens a pool in which every transaction names its teams. */
export function openTeamDatabase(
  options: DatabaseOptions & { role: "postrider_team" | "postrider_keys" },
): TeamDatabase {
  const { pool, close } = openPool(options);
  return {
    forTeams(teamIds) {
      // The ids are part of the statement's text, so only valid ids are allowed.
      if (!teamIds.every(isObjectId)) throw new Error("a team has no such id");
      const names = teamIds.map((id) => `"${id}":0`).join(",");
      const opening = `begin; select now(), set_config('postrider.teams', '{${names}}', true)`;
      return {
        // One round trip. If BEGIN fails, the statement runs without a team, and reaches nothing.
        sql: statementRunner((query) =>
          transact(pool, opening, (tx, run) => tx.commitBehind(run(query)), true),
        ),
        begin: (work) => transact(pool, opening, work, false),
        beginReading: (work) => transact(pool, opening, work, true),
      };
    },
    close,
  };
}

function openPool(options: DatabaseOptions): { pool: pg.Pool; close(): Promise<void> } {
  const { statementTimeoutMs, role, settings = {} } = options;
  const session = { statementTimeoutMs, settings, ...(role !== "owner" && { role }) };
  const pool = poolOf(options.url, {
    application_name: `postrider ${options.name}`,
    max: options.connectionsMax,
    connectionTimeoutMillis: 10_000,
    // The server cancels at its limit; if it does not answer at all, the client gives up a little later.
    query_timeout: statementTimeoutMs + 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // Statements of one transaction are sent without waiting for each other's answers.
    pipeline: true,
    // Awaited before the connection is used: without its role, row security would not apply.
    onConnect: (client) => prepareSession(client, session),
  });
  const afterSilence = closeIdleAfterSilence(pool, options.url);
  if (options.watch) watchPool(pool, options.name, options.watch);
  let closing = false;
  // A lost idle connection must not end the process; while the pool closes, it is not reported.
  pool.on("error", (error) => {
    if (!closing) options.onError(error);
  });
  // Errors of a connection in use do not reach that handler; its statements report them. The listener is added at once: a
  // connection may end before its user gets it.
  pool.on("connect", (client) => client.on("error", () => {}));
  return {
    pool,
    async close() {
      closing = true;
      afterSilence.forget();
      await pool.end();
    },
  };
}
