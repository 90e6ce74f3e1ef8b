import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { migrate } from "../packages/server/src/db/migrate.ts";
import { openEmbeddedPostgres } from "../packages/server/src/embedded-postgres/open.ts";

/** What a benchmark builds and must not leave behind. */
export type World = {
  /** A directory of its own, removed at the end. */
  directory: string;
  /** Has something closed at the end, last opened first, however the benchmark ends. */
  own<T extends { close(): unknown }>(thing: T): T;
};

/** Runs a benchmark in a world of its own and closes all of it afterwards: after an error and after Ctrl-C as well. */
export async function inWorld<T>(work: (world: World) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-bench-"));
  const owned: { close(): unknown }[] = [];
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      while (owned.length > 0) {
        try {
          await owned.pop()?.close();
        } catch (error) {
          console.error(`could not be closed: ${(error as Error).message}`);
        }
      }
      rmSync(directory, { recursive: true, force: true });
    })();
    return closed;
  };
  const onSignal = () => {
    // Ended while it still opens something, that would be left behind: it is closed when it is there.
    close().finally(() => process.exit(130));
  };
  // Such as a pipe that is closed, by `| head`: what was built must go then, too.
  const onCrash = (error: unknown) => {
    if ((error as { code?: string }).code !== "EPIPE") console.error(error);
    close().finally(() => process.exit(1));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("uncaughtException", onCrash);
  try {
    return await work({
      directory,
      own(thing) {
        if (closed) closed = closed.then(() => thing.close()).then(() => {});
        else owned.push(thing);
        return thing;
      },
    });
  } catch (error) {
    // After a signal everything fails; that is no news.
    if (closed) return await new Promise(() => {});
    throw error;
  } finally {
    await close();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.off("uncaughtException", onCrash);
  }
}

/** One PostgreSQL server, started with the product's own settings, durable. */
export type Postgres = {
  /** The process id of its first process: the others are below it. */
  pid: number;
  /** The version as the server tells it. */
  version: string;
  /** Makes a database, empty or with the service's schema, after all that is dirty was written; returns its URL. */
  newDatabase(name: string, options?: { migrated: boolean }): Promise<string>;
  dropDatabase(name: string): Promise<void>;
};

/** Starts PostgreSQL in the world's directory; `settings` come over the product's own. */
export async function openPostgres(
  world: World,
  settings: Record<string, string> = {},
): Promise<Postgres> {
  const dataDirectory = path.join(world.directory, "postgres");
  const postgres = world.own(await openEmbeddedPostgres({ dataDirectory, settings }));
  const [pid = ""] = readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8").split("\n");
  const [server] = await query<{ server_version: string }>(postgres.url, "show server_version");
  return {
    pid: Number(pid),
    version: server?.server_version ?? "",
    async newDatabase(name, { migrated } = { migrated: true }) {
      await query(postgres.url, `create database ${name}`);
      const url = postgres.url.replace(/\/postrider(?=\?|$)/, `/${name}`);
      if (migrated) await migrate(url);
      await query(postgres.url, "checkpoint");
      return url;
    },
    async dropDatabase(name) {
      await query(postgres.url, `drop database ${name} with (force)`);
    },
  };
}

/** Runs one statement over a connection of its own. */
export async function query<Row extends object>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // The statement's own promise tells.
  try {
    await client.connect();
    return (await client.query(text, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}
