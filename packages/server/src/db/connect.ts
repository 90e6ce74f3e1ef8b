import pg from "pg";
import { type DatabaseHosts, parseDatabaseUrl } from "../database-url.ts";

/** So long a server may take to say whether it can be written to. */
const lookMsMax = 3_000;

/** The server that a database URL led to last: the others are asked when this one fails. */
const lastUrls = new Map<string, string>();

/** Makes a client of the database that a URL leads to. */
export function clientOf(
  databaseUrl: string,
  options: Omit<pg.ClientConfig, "connectionString">,
): pg.Client {
  return new (clientClassOf(databaseUrl))({ ...options, connectionString: databaseUrl });
}

/** Makes a pool of connections to the database that a URL leads to. */
export function poolOf(
  databaseUrl: string,
  options: Omit<pg.PoolConfig, "connectionString">,
): pg.Pool {
  const Client = clientClassOf(databaseUrl);
  return new pg.Pool({ ...options, connectionString: databaseUrl, Client });
}

/**
 * The driver's client, which knows one host; where there are several, or it has to be a primary, one that looks first.
 *
 * libpq looks on the connection itself. A client of the driver cannot turn to another host once it has begun, so another
 * one looks: connections are kept, and a new one is rare.
 */
function clientClassOf(databaseUrl: string): typeof pg.Client {
  const hosts = parseDatabaseUrl(databaseUrl);
  if (!hosts || (hosts.urls.length === 1 && !hosts.mustWrite)) return pg.Client;
  const { urls } = hosts;
  return class extends pg.Client {
    readonly #options: pg.ClientConfig;

    constructor(options: pg.ClientConfig) {
      super({ ...options, connectionString: urls[0] });
      this.#options = options;
    }

    override connect(callback?: unknown): Promise<pg.Client> {
      const connecting = findServer(databaseUrl, hosts, this.#options).then((url) => {
        const { host, port } = new pg.Client({ connectionString: url });
        Object.assign(this, { host, port });
        return super.connect();
      });
      // The pool asks in this way.
      if (typeof callback === "function") {
        connecting.then(
          () => callback(),
          (error) => callback(error),
        );
      }
      return connecting;
    }
  };
}

/** Finds the server to connect to: the one of last time, or the first in their order that will do. */
async function findServer(
  databaseUrl: string,
  { urls, mustWrite }: DatabaseHosts,
  options: pg.ClientConfig,
): Promise<string> {
  const last = lastUrls.get(databaseUrl);
  const look = (url: string) => whyNot(url, mustWrite, options);
  if (last !== undefined && (await look(last)) === undefined) return last;
  const reasons = await Promise.all(urls.map(look));
  const found = urls[reasons.indexOf(undefined)];
  if (found === undefined) throw theMostTelling(reasons);
  lastUrls.set(databaseUrl, found);
  return found;
}

/** What keeps a server from being the one to connect to; undefined when nothing does. */
async function whyNot(
  url: string,
  mustWrite: boolean,
  options: pg.ClientConfig,
): Promise<Error | undefined> {
  const client = new pg.Client({
    ...options,
    connectionString: url,
    connectionTimeoutMillis: lookMsMax,
    query_timeout: lookMsMax,
  });
  client.on("error", () => {}); // The statement's own promise tells.
  try {
    await client.connect();
    const { rows } = await client.query<{ readOnly: boolean }>(
      `select pg_catalog.pg_is_in_recovery()
         or pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool as "readOnly"`,
    );
    return mustWrite && rows[0]?.readOnly ? new ReadOnlyError() : undefined;
  } catch (error) {
    return error as Error;
  } finally {
    client.end().catch(() => {});
  }
}

/** Thrown when no server of a database URL can be written to: `code` is what PostgreSQL says to a writer there. */
class ReadOnlyError extends Error {
  readonly code = "25006";

  constructor() {
    super("no host in DATABASE_URL is read-write");
  }
}

/** What PostgreSQL says tells more than silence; and a standby that answers more than a host that is gone. */
function theMostTelling(reasons: readonly (Error | undefined)[]): Error {
  const errors = reasons.filter((reason) => reason !== undefined);
  const said = errors.find((error) => error instanceof pg.DatabaseError && error.code !== "57P03");
  const readOnly = errors.find((error) => error instanceof ReadOnlyError);
  return said ?? readOnly ?? errors[0] ?? new ReadOnlyError();
}
