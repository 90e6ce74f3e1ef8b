import pg from "pg";

/** Thrown when a connection of ours is not a session of its own. */
export class PoolerError extends Error {}

const answerMsMax = 10_000;
/** Others that use the same pooler may take a connection in between: then one look is not enough. */
const looks = 3;

/**
 * Refuses a pooler that lends a connection for one transaction, or one statement, at a time.
 *
 * Behind it another's statements run between ours: settings, the role that keeps teams apart, prepared statements and
 * LISTEN would be theirs as well, or lost. Nothing is set here that could stay behind for them.
 */
export async function insistOnSessions(databaseUrl: string): Promise<void> {
  const clients = [clientOf(databaseUrl), clientOf(databaseUrl)] as const;
  try {
    for (const client of clients) await client.connect();
    for (let look = 0; look < looks; look++) {
      if (await isLent(...clients)) {
        throw new PoolerError(
          "a pooler in transaction mode stands before it, but Postrider needs a session for each connection; set its pool_mode to session, or let DATABASE_URL lead to PostgreSQL itself",
        );
      }
    }
  } finally {
    for (const client of clients) await client.end().catch(() => {});
  }
}

/** Two connections have two backends, and keep them: also while one of them is in a transaction. */
async function isLent(one: pg.Client, other: pg.Client): Promise<boolean> {
  const ours = await backendOf(one);
  if ((await backendOf(other)) === ours) return true;
  await other.query("begin");
  const theirs = await backendOf(other);
  const stillOurs = await backendOf(one);
  await other.query("rollback");
  return theirs === ours || stillOurs !== ours;
}

/** Asks for the process that serves a connection. */
export async function backendOf(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>("select pg_catalog.pg_backend_pid() as pid");
  return rows[0]?.pid;
}

function clientOf(databaseUrl: string): pg.Client {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "postrider start",
    connectionTimeoutMillis: answerMsMax,
    query_timeout: answerMsMax,
  });
  client.on("error", () => {}); // The statement's own promise tells.
  return client;
}
