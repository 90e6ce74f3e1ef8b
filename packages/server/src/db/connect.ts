import pg from "pg";
import { type DatabaseHosts, parseDatabaseUrl } from "../database-url.ts";

/** How long a server may take to answer whether it accepts writes. */
const lookMsMax = 3_000;

/** The last server that was used for a database URL: the others are tried when it fails. */
const lastUrls = new Map<string, string>();

/** Makes a client for the database of a URL. */
export function clientOf(
  databaseUrl: string,
  options: Omit<pg.ClientConfig, "connectionString">,
): pg.Client {
  return new (clientClassOf(databaseUrl))({ ...options, connectionString: databaseUrl });
}

/** Makes a pool of connections to the database of a URL. */
export function poolOf(
  databaseUrl: string,
  options: Omit<pg.PoolConfig, "connectionString">,
): pg.Pool {
  const Client = clientClassOf(databaseUrl);
  return new pg.Pool({ ...options, connectionString: databaseUrl, Client });
}

/**
 * The driver's client, which supports one host. For several hosts, or if it must be a primary: a client that finds a
 * server first.
 *
 * libpq checks on the connection itself. The driver's client cannot change its host after it has begun, so another client
 * checks first: connections are kept, so this is rare.
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
      // The pool calls it with a callback.
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

/** Finds the server to connect to: the last one that was used, or the first suitable one in order. */
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

/** Why a server is not suitable; undefined when it is. */
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
  client.on("error", () => {}); // The statement's promise reports the error.
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

/** Thrown when no server of a database URL accepts writes; `code` is PostgreSQL's code for a write there. */
class ReadOnlyError extends Error {
  readonly code = "25006";

  constructor() {
    super("no host in DATABASE_URL is read-write");
  }
}

/** Chooses the most useful error: an answer of PostgreSQL before a timeout, and a standby before a missing host. */
function theMostTelling(reasons: readonly (Error | undefined)[]): Error {
  const errors = reasons.filter((reason) => reason !== undefined);
  const said = errors.find((error) => error instanceof pg.DatabaseError && error.code !== "57P03");
  const readOnly = errors.find((error) => error instanceof ReadOnlyError);
  return said ?? readOnly ?? errors[0] ?? new ReadOnlyError();
}
