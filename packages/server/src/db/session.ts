import pg from "pg";

/** The settings of one connection. */
export type Session = {
  /** A statement that takes longer is cancelled, and one that waits for a lock for 10 s; 0: none is. */
  statementTimeoutMs: number;
  /** Its role; undefined: the user of the URL. */
  role?: string;
  /** Further settings, such as planner switches. */
  settings?: Readonly<Record<string, string>>;
};

const lockTimeoutMsMax = 10_000;
/** An available database prepares a connection in less time. */
const answerMsMax = 10_000;
const triesMax = 20;

/**
 * Settings that the service relies on. A server, a database, a role or a URL may set others, so each connection sets these.
 *
 * Not here, because the operator decides: memory, planner costs, tablespaces, logging. Also not
 * `default_transaction_read_only`: operators use it to fence a replaced primary, or when a disk is full.
 */
const reliedOn: Readonly<Record<string, string>> = {
  // CPU cores are kept free for deliveries.
  max_parallel_workers_per_gather: "0",
  plan_cache_mode: "auto",
  join_collapse_limit: "8",
  from_collapse_limit: "8",
  enable_nestloop: "on",
  enable_indexscan: "on",
  enable_indexonlyscan: "on",
  enable_bitmapscan: "on",
  enable_partition_pruning: "on",
  // Each statement sees what was committed when it began.
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  // Names mean the service's tables, and row security hides rows without errors.
  search_path: "public, pg_temp",
  row_security: "on",
  // The formats in which driver and service exchange values.
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
  // A pool keeps idle connections, and the service's transactions are never idle for long.
  idle_session_timeout: "0",
  idle_in_transaction_session_timeout: "60000",
  transaction_timeout: "0",
  exit_on_error: "off",
};

/**
 * Prepares a new connection in one round trip; nothing else may use it before.
 *
 * Not with the startup packet: poolers refuse most of its parameters. Settings that an old server does not know are left out.
 */
export async function prepareSession(client: pg.ClientBase, session: Session): Promise<void> {
  const statement = { text: statementFor(session), query_timeout: answerMsMax };
  await despiteTimeouts(() => client.query(statement));
}

/**
 * Runs a statement that removes a configured timeout. The timeout may cancel it first; then it is run again.
 *
 * With `exit_on_error` the connection ends, and its user needs another one.
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
  // First the settings that could delay the rest: a configured timeout, and JIT. The service's statements are short: to
  // compile one takes longer than to run it. Names are qualified with pg_catalog, because a schema may have functions
  // with these names. A commit is answered when it is on disk, or later.
  return `
    set statement_timeout = ${statementTimeoutMs};
    set jit = off;
    select pg_catalog.set_config(name, value, false)
    from (values ${values.join(", ")}) as wanted (name, value)
    where pg_catalog.current_setting(name, true) is not null;
    select pg_catalog.set_config('synchronous_commit', 'on', false)
    where pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.<>) 'remote_apply'`;
}
