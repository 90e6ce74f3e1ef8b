import pg from "pg";

/** What one connection is for. */
export type Session = {
  /** A statement that takes longer is cancelled, and one that waits for a lock for 10 s; 0: none is. */
  statementTimeoutMs: number;
  /** Under which role it works; without one it stays who it is. */
  role?: string;
  /** Further settings, such as planner switches. */
  settings?: Readonly<Record<string, string>>;
};

const lockTimeoutMsMax = 10_000;
/** A database that is there prepares a connection in less. */
const answerMsMax = 10_000;
const triesMax = 20;

/**
 * What the service relies on. A server, a database, a role or a URL may say otherwise: each connection says it itself.
 *
 * Not here, because it is the operator's: memory, costs of pages and rows, where tables lie, what is logged. And not
 * `default_transaction_read_only`: it fences a primary that was replaced, or saves a full disk.
 */
const reliedOn: Readonly<Record<string, string>> = {
  // Cores are for deliveries.
  max_parallel_workers_per_gather: "0",
  plan_cache_mode: "auto",
  join_collapse_limit: "8",
  from_collapse_limit: "8",
  enable_nestloop: "on",
  enable_indexscan: "on",
  enable_indexonlyscan: "on",
  enable_bitmapscan: "on",
  enable_partition_pruning: "on",
  // A transaction sees what was committed when each of its statements began.
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  // Names mean our tables, and rows are hidden rather than refused.
  search_path: "public, pg_temp",
  row_security: "on",
  // How the driver reads values, and how ours are read.
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  bytea_output: "hex",
  extra_float_digits: "1",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  array_nulls: "on",
  transform_null_equals: "off",
  quote_all_identifiers: "off",
  client_min_messages: "warning",
  // A pool keeps what is idle, and a transaction of ours is never idle for long.
  idle_session_timeout: "0",
  idle_in_transaction_session_timeout: "60000",
  transaction_timeout: "0",
  exit_on_error: "off",
};

/**
 * Makes a new connection ours, in one round trip: until it has, nothing else may use it.
 *
 * Not by the startup packet: poolers refuse most of what can stand there. What this server is too old to know is left out.
 */
export async function prepareSession(client: pg.ClientBase, session: Session): Promise<void> {
  const statement = { text: statementFor(session), query_timeout: answerMsMax };
  await despiteTimeouts(() => client.query(statement));
}

/**
 * Runs what lifts a time-out of theirs, which may end it before it has: then again.
 *
 * Not with `exit_on_error` of theirs as well: that ends the connection, and whoever asked for it asks for another.
 */
export async function despiteTimeouts<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "57014" || tries === triesMax) throw error;
    }
  }
}

function statementFor({ statementTimeoutMs, role, settings }: Session): string {
  const all = {
    ...reliedOn,
    lock_timeout: String(Math.min(statementTimeoutMs, lockTimeoutMsMax)),
    ...settings,
    ...(role !== undefined && { role }),
  };
  const values = Object.entries(all).map(
    ([name, value]) => `(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)})`,
  );
  // First what would hold up the rest: a time-out of theirs, and the compiler. Our statements are short: compiling one
  // takes longer than running it. Names of PostgreSQL's own, as a schema of theirs may have functions of these names.
  // And a commit is answered when it is on disk, or later.
  return `
    set statement_timeout = ${statementTimeoutMs};
    set jit = off;
    select pg_catalog.set_config(name, value, false)
    from (values ${values.join(", ")}) as wanted (name, value)
    where pg_catalog.current_setting(name, true) is not null;
    select pg_catalog.set_config('synchronous_commit', 'on', false)
    where pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.<>) 'remote_apply'`;
}
