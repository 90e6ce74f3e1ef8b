import { readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { migrate } from "../packages/server/src/db/migrate.ts";
import type { EmbeddedPostgres } from "../packages/server/src/embedded-postgres/open.ts";
import { processStartedAt } from "../packages/server/src/embedded-postgres/process.ts";
import { openPostgres } from "../packages/server/test/support/postgres-server.ts";

/** A PostgreSQL that can be crashed, and asked past every proxy. */
export type CrashableDatabase = {
  /** Opens a connection to it, for a proxy to lead to. */
  connect(): net.Socket;
  /** Runs one statement over a connection of its own. */
  ask<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Ends all its processes at once, as `pg_ctl restart -m immediate` does, and starts it again. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

/** Opens a migrated PostgreSQL of its own in a directory. */
export async function openCrashableDatabase(directory: string): Promise<CrashableDatabase> {
  const dataDirectory = path.join(directory, "postgres");
  const open = () => openPostgres({ dataDirectory });
  let server: EmbeddedPostgres = await open();
  await migrate(server.url);

  return {
    connect() {
      const socketDirectory = new URL(server.url).searchParams.get("host") ?? "";
      return net.connect(path.join(socketDirectory, ".s.PGSQL.5432"));
    },
    async ask<Row extends object>(text: string, values: unknown[] = []) {
      const client = new pg.Client({
        connectionString: server.url,
        application_name: "chaos",
        // By statistics of before the round nothing is new, and joining it row by row is cheap: it never ends.
        options: "-c enable_nestloop=off",
        query_timeout: 60_000,
      });
      client.on("error", () => {}); // The statement's own promise tells.
      try {
        await client.connect();
        return (await client.query<Row & pg.QueryResultRow>(text, values)).rows;
      } finally {
        await client.end().catch(() => {});
      }
    },
    async crash() {
      const pid = Number(
        readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0],
      );
      process.kill(pid, "SIGQUIT");
      while (processStartedAt(pid) !== undefined) await sleep(10);
      await server.close();
      server = await open();
    },
    close: () => server.close(),
  };
}
