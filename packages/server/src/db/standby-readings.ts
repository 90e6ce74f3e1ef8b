import { setTimeout as pause } from "node:timers/promises";
import type { Origin } from "../domain/diagnosis/standby.ts";
import type { Sql } from "./sql.ts";

/** How long the standby has to reach the end that the log had before: longer than lists wait. */
const behindMsMax = 1_000;
const lookEveryMs = 20;

/** Reads which database this is; a physical copy says the same. */
export async function readOrigin(sql: Sql): Promise<Origin> {
  const [row] = await sql<Origin>`
    select (select system_identifier::text from pg_control_system()) as system,
           (select oid::int8::float8 from pg_database where datname = current_database()) as database`;
  if (!row) throw new Error("PostgreSQL did not say which cluster it is");
  return row;
}

/** Reads whether this server is a standby, receives its primary's log and tells it which rows its queries need. */
export async function readStandby(
  sql: Sql,
): Promise<{ isStandby: boolean; isReceiving: boolean; feedback: boolean }> {
  const [row] = await sql<{ isStandby: boolean; isReceiving: boolean; feedback: boolean }>`
    select pg_is_in_recovery() as "isStandby",
           exists (select from pg_stat_wal_receiver where pid is not null) as "isReceiving",
           current_setting('hot_standby_feedback')::bool as feedback`;
  if (!row) throw new Error("the standby said nothing about itself");
  return row;
}

/** Waits for the standby to replay what the primary has written until now; returns how many bytes are left. */
export async function readBehindBytes(primary: Sql, standby: Sql): Promise<number> {
  const [end] = await primary<{ lsn: string }>`select pg_current_wal_flush_lsn()::text as lsn`;
  const endMs = performance.now() + behindMsMax;
  for (;;) {
    const [row] = await standby<{ bytes: number }>`
      select greatest(pg_wal_lsn_diff(${end?.lsn ?? "0/0"}::pg_lsn, pg_last_wal_replay_lsn()), 0)::float8 as bytes`;
    const bytes = row?.bytes ?? Number.POSITIVE_INFINITY;
    if (bytes === 0 || performance.now() >= endMs) return bytes;
    await pause(lookEveryMs);
  }
}
