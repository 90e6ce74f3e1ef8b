import type pg from "pg";
import { isObjectId } from "../ids.ts";
import { poolOf } from "./connect.ts";
import { type PoolWatch, watchPool } from "./pool-watch.ts";
import { prepareSession } from "./session.ts";
import { type Sql, statementRunner } from "./sql.ts";
import { type Tx, transact } from "./transaction.ts";

/** The one database, as far as its holder may reach into it. */
export type Database = {
  sql: Sql;
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
  begin<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * As `begin`, but BEGIN travels with the first statements of `work`. They must only read and lock: should BEGIN
   * itself fail, they run outside of a transaction. `tx.now` is there when it has not; write after waiting for it.
   */
  beginReading<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
};

/** A pool of connections to it. */
export type DatabasePool = Database & { close(): Promise<void> };

/** A pool that reaches the teams it is asked for, and is of no use without asking. */
export type TeamDatabase = {
  /** The rows of these teams only, whatever a statement says: the database itself hides all others. */
  forTeams(teamIds: readonly string[]): Database;
  close(): Promise<void>;
};

/**
 * The role under which connections work; db/migrations/0006_row_level_security.sql says what each may.
 *
 * The `owner` is whom the URL names: it makes partitions and tidies up, and no wall stands in its way.
 */
export type DatabaseRole = "postrider_team" | "postrider_keys" | "postrider_all_teams" | "owner";

export type DatabaseOptions = {
  url: string;
  /** Shown in pg_stat_activity, so that an operator sees which part is busy. */
  name: string;
  role: DatabaseRole;
  connectionsMax: number;
  /** A statement that takes longer is cancelled: nothing waits for ever. */
  statementTimeoutMs: number;
  /** Settings of each connection, such as planner switches. */
  settings?: Record<string, string>;
  onError: (error: Error) => void;
  watch?: PoolWatch;
};

/** Opens a pool. Connections are made when first needed and made again after the database was away. */
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

/** Opens a pool whose every transaction names the teams that it is about. */
export function openTeamDatabase(
  options: DatabaseOptions & { role: "postrider_team" | "postrider_keys" },
): TeamDatabase {
  const { pool, close } = openPool(options);
  return {
    forTeams(teamIds) {
      // Their names go into the statement as text: nothing but ids may get there.
      if (!teamIds.every(isObjectId)) throw new Error("a team has no such id");
      const names = teamIds.map((id) => `"${id}":0`).join(",");
      const opening = `begin; select now(), set_config('postrider.teams', '{${names}}', true)`;
      return {
        // One round trip. Should BEGIN fail, the statement runs without a team's name, and reaches nothing.
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
    // The server cancels at its limit; one that does not answer at all is given up a little later.
    query_timeout: statementTimeoutMs + 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // Statements of one transaction need not wait for each other's answers.
    pipeline: true,
    // Awaited before anybody gets the connection: without its role there would be no wall.
    onConnect: (client) => prepareSession(client, session),
  });
  if (options.watch) watchPool(pool, options.name, options.watch);
  let closing = false;
  // An idle connection that dies must not take the process with it; one that dies at the end is no news.
  pool.on("error", (error) => {
    if (!closing) options.onError(error);
  });
  // Checked out, a connection's errors do not reach that handler; its statements tell them, and nobody has to listen.
  // From the first moment on: one that is ended as soon as it is made says so before its holder has it in hand.
  pool.on("connect", (client) => client.on("error", () => {}));
  return {
    pool,
    async close() {
      closing = true;
      await pool.end();
    },
  };
}
