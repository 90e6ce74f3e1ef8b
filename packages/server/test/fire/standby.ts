import { cpSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { until } from "../support/house.ts";
import { type OwnPostgres, openOwnPostgres } from "./own-postgres.ts";

/** Copies the running primary as a base backup, and starts the copy as its synchronous standby. */
export async function openStandby(
  primary: OwnPostgres,
  dataDirectory: string,
): Promise<OwnPostgres> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  await client.query("select pg_backup_start('standby', fast => true)");
  cpSync(primary.dataDirectory, dataDirectory, { recursive: true });
  const { rows } = await client.query(
    "select labelfile from pg_backup_stop(wait_for_archive => false)",
  );
  await client.end();
  for (const own of ["postmaster.pid", "postmaster.opts"]) {
    rmSync(path.join(dataDirectory, own), { force: true });
  }
  writeFileSync(path.join(dataDirectory, "backup_label"), rows[0].labelfile);
  writeFileSync(path.join(dataDirectory, "standby.signal"), "");

  const host = new URL(primary.url).searchParams.get("host");
  const standby = await openOwnPostgres(dataDirectory, {
    primary_conninfo: `host=${host} port=5432 user=postgres application_name=standby`,
  });
  // From now on a commit is answered when the standby has it as well.
  await query(primary.url, "alter system set synchronous_standby_names = 'standby'");
  await query(primary.url, "select pg_reload_conf()");
  await until("the standby is synchronous", async () => {
    const [row] = await query(primary.url, "select sync_state from pg_stat_replication");
    return row?.sync_state === "sync";
  });
  return standby;
}

/** Asks one statement on a connection of its own. */
export async function query(url: string, text: string, values?: unknown[]) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
