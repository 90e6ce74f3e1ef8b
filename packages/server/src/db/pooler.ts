import type pg from "pg";
import { clientOf } from "./connect.ts";
import { despiteTimeouts } from "./session.ts";

/** Thrown when a connection does not have a session of its own. */
export class PoolerError extends Error {}

const answerMsMax = 10_000;
/** Other clients of the same pooler may take a connection in between, so one check is not enough. */
const looks = 3;
const withoutTimeouts =
  "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";

/**
 * Refuses a pooler that works by transaction or by statement.
 *
 * Behind such a pooler, other clients' statements run between the service's: settings, the role that separates teams,
 * prepared statements and LISTEN would apply to others too, or be lost. This check sets nothing that could remain for
 * other clients.
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
 * Two connections must have two backends and keep them, also while one of them is in a transaction. A pooler that reuses
 * the last returned backend gives both the same; a pooler that takes backends in turn gives one connection a different
 * one each time.
 */
async function isLent(one: pg.Client, other: pg.Client): Promise<boolean> {
  const ours = [await backendOf(one), await backendOf(one)];
  const theirs = [await backendOf(other)];
  if (ours[0] !== ours[1] || ours.includes(theirs[0])) return true;
  // A configured timeout would end a transaction, so timeouts are switched off first.
  await despiteTimeouts(() => other.query(`rollback; begin; ${withoutTimeouts}`));
  theirs.push(await backendOf(other));
  ours.push(await backendOf(one));
  await other.query("rollback");
  return new Set(ours).size > 1 || new Set(theirs).size > 1 || ours.includes(theirs[1]);
}

/** Reads the id of the process that serves a connection, however short its configured timeouts are; changes no settings. */
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
  client.on("error", () => {}); // The statement's promise reports the error.
  return client;
}
