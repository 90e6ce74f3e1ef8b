import pg from "pg";

/** The superuser of the server. */
export const superuser = "postgres";

/** The connection URL of a database; it leads through the socket in `socketDirectory`. */
export function urlOf(socketDirectory: string, name: string): string {
  return `postgresql://${superuser}@localhost:5432/${name}?host=${encodeURIComponent(socketDirectory)}`;
}

/** Creates a database if there is none with this name. */
export async function createDatabase(socketDirectory: string, name: string): Promise<void> {
  const found = await query(socketDirectory, `select 1 from pg_database where datname = '${name}'`);
  if (found.rowCount === 0) await query(socketDirectory, `create database ${name}`);
}

/** Runs one statement in the maintenance database, on its own connection. */
export async function query(socketDirectory: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({
    connectionString: urlOf(socketDirectory, "postgres"),
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
  });
  client.on("error", () => {}); // The query's own promise tells; without a listener it would be thrown.
  try {
    await client.connect();
    return await client.query(text);
  } finally {
    await client.end().catch(() => {});
  }
}
