import type pg from "pg";
import { isObjectId } from "../ids.ts";
import { poolOf } from "./connect.ts";
import { type PoolWatch, watchPool } from "./pool-watch.ts";
import { prepareSession } from "./session.ts";

/** A row as the driver gives it: columns by name. */
type Row = Record<string, unknown>;

/**
 * Runs one statement written as a template; every `${value}` is a parameter, never text.
 *
 * `sql("name")` gives the same statement a name: it is parsed once per connection, which is worth it for the few
 * statements of the hot path and wrong for lists, whose best plan depends on their filters.
 */
export type Sql = {
  <T extends object = Row>(strings: TemplateStringsArray, ...values: unknown[]): Promise<T[]>;
  (
    name: string,
  ): <T extends object = Row>(strings: TemplateStringsArray, ...values: unknown[]) => Promise<T[]>;
};

/** A piece of a statement with its own parameters; as a value of a statement, or of another piece, it becomes part of it. */
export class SqlPart {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.strings = strings;
    this.values = values;
  }
}

/** Writes a piece of a statement as a template, to be used in several statements. */
export const part = (strings: TemplateStringsArray, ...values: unknown[]): SqlPart =>
  new SqlPart(strings, values);

/** Puts pieces one behind the other, with the same words between them. */
export const joined = (
  parts: readonly SqlPart[],
  between: " and " | " or " | " union all ",
): SqlPart =>
  new SqlPart(parts.length === 0 ? [""] : ["", ...parts.slice(1).map(() => between), ""], parts);

/** All of these conditions; false stands for none. */
export const allOf = (conditions: readonly (SqlPart | false)[]): SqlPart =>
  joined([part`true`, ...conditions.filter((condition) => condition !== false)], " and ");

/**
 * A statement runner inside somebody's transaction. Who takes a `Tx` cannot be called outside of one.
 *
 * Statements started without waiting for the one before travel together and run in their order; when one fails, those
 * behind it do too.
 */
export type Tx = Sql & {
  /** When the transaction began by the database's clock, which is the one that counts, in whole milliseconds. */
  readonly now: Promise<Date>;
  /**
   * Sends COMMIT right behind the statements on their way, which `written` waits for; no statement may follow.
   * `beforeCommit` is called when they have left and COMMIT has not.
   */
  commitBehind<T>(written: Promise<T>, beforeCommit?: () => void): Promise<T>;
};

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

/** Says whether no answer came over a connection within `query_timeout`: the next one would not come either. */
const fellSilent = (error: unknown): error is Error =>
  error instanceof Error && error.message === "Query read timeout";

/** Says whether the server takes no writes (25006). */
const leadsToStandby = (error: unknown): error is Error => sqlState(error) === "25006";

type RunQuery = (query: pg.QueryConfig) => Promise<pg.QueryResult>;

async function transact<T>(
  pool: pg.Pool,
  opening: string,
  work: (tx: Tx, run: RunQuery) => Promise<T>,
  mayStartAtOnce: boolean,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  let transaction: Transaction | undefined;
  try {
    const now = begin(client, opening);
    transaction = openTransaction(client, now);
    const { tx, run, committed } = transaction;
    if (mayStartAtOnce) now.catch(() => {});
    else await now;
    const result = await work(tx, run);
    if (!committed()) await tx.commitBehind(Promise.resolve());
    await now;
    return result;
  } catch (error) {
    // A connection that cannot even roll back is thrown away; one that fell silent is not asked to. One that leads to a
    // standby goes as well: the next may lead to the primary.
    if (fellSilent(error) || leadsToStandby(error)) broken = error;
    else {
      await client.query("rollback").catch((failure: Error) => {
        broken = failure;
      });
    }
    throw isFollowUp(error) ? (transaction?.firstFailure() ?? error) : error;
  } finally {
    client.release(broken);
  }
}

/**
 * Lets what is sent from now on, until all that can run has run, leave in one write: each write wakes PostgreSQL, which
 * costs both sides as much as a small statement.
 */
function sendTogether({ connection: { stream } }: pg.PoolClient): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Begins, and asks for the time in the same round trip. */
async function begin(client: pg.PoolClient, opening: string): Promise<Date> {
  sendTogether(client);
  const results: unknown = await client.query(opening);
  const [, { rows }] = results as [pg.QueryResult, pg.QueryResult<{ now: Date }>];
  const [row] = rows;
  if (!row) throw new Error("select now() returned no row");
  return row.now;
}

/** Says whether a statement was refused only because one before it in its transaction had failed (25P02). */
const isFollowUp = (error: unknown): boolean => sqlState(error) === "25P02";

type Transaction = {
  tx: Tx;
  run: RunQuery;
  committed: () => boolean;
  /** What the first statement that failed has failed with; whoever waits for several may see a later one first. */
  firstFailure: () => unknown;
};

function openTransaction(client: pg.PoolClient, now: Promise<Date>): Transaction {
  let committed = false;
  let firstFailure: unknown;
  const run: RunQuery = (query) => {
    // It would run on its own, outside of the transaction.
    if (committed) throw new Error("a statement came after the commit");
    sendTogether(client);
    const answer = client.query(query);
    answer.catch((error) => {
      firstFailure ??= error;
    });
    return answer;
  };
  const tx = Object.defineProperties(statementRunner(run), {
    now: { value: now },
    commitBehind: {
      async value<T>(written: Promise<T>, beforeCommit?: () => void): Promise<T> {
        committed = true;
        let failed = false;
        written.catch(() => {
          failed = true;
        });
        // What fails before it leaves aborts nothing in PostgreSQL; it is known when all that can run has run. By then
        // what is on its way has left: `sendTogether` waits for the same turn, and did so before.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        if (failed) return await written;
        beforeCommit?.();
        // The statement that failed has more to say than a commit that became a rollback because of it.
        const [result, commit] = await Promise.allSettled([written, client.query("commit")]);
        if (result.status === "rejected") throw result.reason;
        if (commit.status === "rejected") throw commit.reason;
        if (commit.value.command !== "COMMIT") throw new Error("the transaction was rolled back");
        return result.value;
      },
    },
  }) as Tx;
  return { tx, run, committed: () => committed, firstFailure: () => firstFailure };
}

function statementRunner(query: RunQuery): Sql {
  const run = (name: string | undefined, strings: TemplateStringsArray, values: unknown[]) =>
    query({
      ...(name === undefined ? {} : { name }),
      ...(values.some((value) => value instanceof SqlPart)
        ? compose(strings, values)
        : { text: statementText(strings), values }),
    }).then((result) => result.rows);
  return ((first: TemplateStringsArray | string, ...values: unknown[]) =>
    typeof first === "string"
      ? (strings: TemplateStringsArray, ...named: unknown[]) => run(first, strings, named)
      : run(undefined, first, values)) as Sql;
}

// A template's strings are one frozen array per place in the source: its text is made once.
const texts = new WeakMap<TemplateStringsArray, string>();

function statementText(strings: TemplateStringsArray): string {
  let text = texts.get(strings);
  if (text === undefined) {
    text = strings.reduce((sofar, part, index) => `${sofar}$${index}${part}`);
    texts.set(strings, text);
  }
  return text;
}

/** Puts pieces into their statement; parameters are numbered in the order in which they stand there. */
function compose(strings: readonly string[], values: readonly unknown[]) {
  const parameters: unknown[] = [];
  const textOf = (texts: readonly string[], given: readonly unknown[]): string =>
    texts.reduce((sofar, text, index) => {
      const value = given[index - 1];
      if (value instanceof SqlPart) return sofar + textOf(value.strings, value.values) + text;
      return `${sofar}$${parameters.push(value)}${text}`;
    });
  return { text: textOf(strings, values), values: parameters };
}

/** The SQLSTATE of a database error, such as "23505"; undefined when the error is none of the database's. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Says whether the transaction may simply be run again: serialization failure or deadlock (SQLSTATE class 40). */
export const isRetryable = (error: unknown): boolean => sqlState(error)?.startsWith("40") ?? false;

/** Says whether a row of this key is there already (SQLSTATE 23505): it was inserted since it was looked for. */
export const isDuplicate = (error: unknown): boolean => sqlState(error) === "23505";

/**
 * Says whether an error means "the database is not there or will not write", as opposed to "this statement is wrong".
 *
 * Connection errors (class 08, sockets), refused connections (28, 3D, 55000), shutdown and start-up (57P), resources
 * (53), read-only standby (25006), a connection that the server ended for standing still (25P03).
 */
export function isStorageUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  if (state !== undefined && /^(08|28|3D|53|55000|57P|25006|25P03)/.test(state)) return true;
  const code = (error as { code?: unknown }).code;
  if (
    typeof code === "string" &&
    /^(ECONN|ETIMEDOUT|EPIPE|ENOENT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(code)
  )
    return true;
  return /connection terminated|timeout expired|timeout exceeded when trying to connect|client has encountered a connection error|pool after calling end|query read timeout/i.test(
    error.message,
  );
}

/**
 * Says whether an error means "the database will soon be there again": it restarts, fails over, or ended our connection. No
 * place for one more connection, a full disk and a wrong password do not pass by themselves.
 */
export const isAway = (error: unknown): boolean =>
  isStorageUnavailable(error) && !/^(28|3D|53|55000)/.test(sqlState(error) ?? "");

/** Says whether a statement was cancelled because it took too long (statement or lock timeout). */
export function isTimeout(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "55P03";
}
