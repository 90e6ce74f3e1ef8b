// Where PostgreSQL's time goes, statement by statement: `pg_stat_statements`, loaded for this alone.
import { table } from "./chart.ts";
import { query } from "./world.ts";

/** What a server needs to be started with. */
export const statementSettings = { shared_preload_libraries: "pg_stat_statements" };

export type StatementCost = { statement: string; milliseconds: number; walBytes: number };

/** Begins to count in this database; what was counted before is forgotten. */
export async function countStatements(databaseUrl: string): Promise<void> {
  await query(databaseUrl, "create extension if not exists pg_stat_statements");
  await query(databaseUrl, "select pg_stat_statements_reset()");
}

/** The dearest statements so far: how long each ran in all, which is no less than its CPU, and what it logged. */
export async function dearestStatements(databaseUrl: string): Promise<StatementCost[]> {
  const rows = await query<{ text: string; ms: number; wal: number }>(
    databaseUrl,
    `select s.query as text, s.total_exec_time as ms, s.wal_bytes::float8 as wal
     from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname = current_database()
     order by s.total_exec_time desc limit 8`,
  );
  return rows.map(({ text, ms, wal }) => ({
    statement: nameOf(text),
    milliseconds: ms,
    walBytes: wal,
  }));
}

/** The tables that a statement writes, or else how it begins. */
function nameOf(text: string): string {
  const writes = [...text.matchAll(/\b(insert into|update|delete from) (\w+)/g)];
  const names = [...new Set(writes.map(([, verb, name]) => `${verb} ${name}`))];
  return names.length > 0 ? names.join(", ") : text.replace(/\s+/g, " ").slice(0, 50);
}

export function printStatements(
  costs: readonly StatementCost[],
  deliveries: number,
  say: (line?: string) => void,
): void {
  say();
  const rows = costs.map(({ statement, milliseconds, walBytes }) => [
    statement,
    ((milliseconds * 1_000) / deliveries).toFixed(1),
    (walBytes / deliveries).toFixed(0),
  ]);
  for (const line of table(["statement", "µs a delivery", "WAL, bytes"], rows)) say(line);
  say();
}
