import type pg from "pg";
import { clientOf } from "./connect.ts";
import { despiteTimeouts } from "./session.ts";

/** Thrown when a connection of ours is not a session of its own. */
export class PoolerError extends Error {}

const answerMsMax = 10_000;
/** Others that use the same pooler may take a connection in between: then one look is not enough. */
const looks = 3;
const withoutTimeouts =
  "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";

/**
 * Refuses a pooler that lends a connection for one transaction, or one statement, at a time.
 *
 * Behind it another's statements run between ours: settings, the role that keeps teams apart, prepared statements and
 * LISTEN would be theirs as well, or lost. Nothing is set here that could stay behind for them.
 */
export async function insistOnSessions(databaseUrl: string): Promise<void> {
  const clients = [openClient(databaseUrl), openClient(databaseUrl)] as const;
  try {
    for (const client of clients) await client.connect();
    for (let look = 0; look < looks; look++) {
      if (await isLent(...clients)) {
        throw new PoolerError(
          "a pooler in transaction mode is in front of it, but Postrider needs a session for each connection. Set its pool_mode to session, or point DATABASE_URL at PostgreSQL itself",
        );
      }
    }
  } finally {
    for (const client of clients) await client.end().catch(() => {});
  }
}

/**
 * Two connections have two backends, and keep them: also while one of them is in a transaction. A pooler that lends the
 * last one that came back lends both the same; one that lends them in turn lends one of ours another each time.
 */
async function isLent(one: pg.Client, other: pg.Client): Promise<boolean> {
  const ours = [await backendOf(one), await backendOf(one)];
  const theirs = [await backendOf(other)];
  if (ours[0] !== ours[1] || ours.includes(theirs[0])) return true;
  // In a transaction a time-out of theirs is the end of it: at first there is none.
  await despiteTimeouts(() => other.query(`rollback; begin; ${withoutTimeouts}`));
  theirs.push(await backendOf(other));
  ours.push(await backendOf(one));
  await other.query("rollback");
  return new Set(ours).size > 1 || new Set(theirs).size > 1 || ours.includes(theirs[1]);
}

/** Asks for the process that serves a connection, however short their time-outs are; nothing stays behind. */
export async function backendOf(client: pg.Client): Promise<number | undefined> {
  const statements = "set local statement_timeout = 0; select pg_catalog.pg_backend_pid() as pid";
  const results: unknown = await despiteTimeouts(() => client.query(statements));
  const [, { rows }] = results as [pg.QueryResult, pg.QueryResult<{ pid: number }>];
  return rows[0]?.pid;
}

function openClient(databaseUrl: string): pg.Client {
  const client = clientOf(databaseUrl, {
    application_name: "postrider start",
    connectionTimeoutMillis: answerMsMax,
    query_timeout: answerMsMax,
  });
  client.on("error", () => {}); // The statement's own promise tells.
  return client;
}
