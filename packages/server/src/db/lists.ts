import { AppError } from "../errors.ts";
import { type Database, isTimeout, type Sql, type Tx } from "./sql.ts";

/** Which part of a list: the rows to skip and to take. */
export type Page = { offset: number; limit: number };

/** One page of a list, and how many rows the whole of it has. */
export type Listed<Row> = { rows: Row[]; total: number; totalIsEstimate: boolean };

/** From the first to the last moment at which these rows can have been made, in whole milliseconds. */
export function daysOf(rows: readonly { createdAt: Date }[]): [from: Date, to: Date] {
  let [from, to] = [Number.POSITIVE_INFINITY, 0];
  for (const { createdAt } of rows) {
    from = Math.min(from, createdAt.getTime());
    to = Math.max(to, createdAt.getTime());
  }
  // The driver cuts microseconds off.
  return [new Date(Math.min(from, to)), new Date(to + 1)];
}

/** Counts what a list holds, up to a limit; null counts without one. */
type Count = (sql: Sql, limit: number | null) => Promise<object[]>;

/** Matches are counted exactly up to this many. */
const exactTotalMax = 10_000;

/** Page and count run side by side, so this is how long a list takes; an estimate, which only plans, comes on top. */
const statementTimeoutMs = 1_800;

/**
 * Reads one page and the total side by side, each within 1.8 s; a page that takes longer is `query_too_slow`.
 *
 * `count` is one `select count(*)::int as count from (select … limit n) matching`. Beyond 10,000 matches, or when
 * counting takes too long, the total is the planner's estimate. A page that begins beyond them is not counted at all
 * unless it is empty; `offset` says where it begins.
 */
export async function readList<Row>(
  database: Database,
  queries: { page: (sql: Sql) => Promise<Row[]>; count: Count; offset?: number },
): Promise<Listed<Row>> {
  const { page, count, offset = 0 } = queries;
  if (offset < exactTotalMax) {
    const [rows, total] = await Promise.all([
      bounded(database, page),
      countMatches(database, count),
    ]);
    return { rows, ...total };
  }
  const rows = await bounded(database, page);
  if (rows.length === 0) return { rows, ...(await countMatches(database, count)) };
  const total = Math.max(offset + rows.length, await estimate(database, count));
  return { rows, total, totalIsEstimate: true };
}

async function countMatches(
  database: Database,
  count: Count,
): Promise<{ total: number; totalIsEstimate: boolean }> {
  try {
    const [row] = await bounded(database, (sql) => count(sql, exactTotalMax + 1));
    const total = (row as { count: number } | undefined)?.count ?? 0;
    if (total <= exactTotalMax) return { total, totalIsEstimate: false };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  return { total: await estimate(database, count), totalIsEstimate: true };
}

type Plan = { "Plan Rows": number; Plans?: Plan[] };

/** Asks the planner how many rows there are; never fewer than were counted. */
async function estimate(database: Database, count: Count): Promise<number> {
  const [row] = await bounded(database, (sql) => count(explaining(sql), null));
  const [explained] = (row as { "QUERY PLAN": { Plan: Plan }[] })["QUERY PLAN"];
  // The top of the plan is the aggregate; what it counts lies below.
  return Math.max(exactTotalMax + 1, explained?.Plan.Plans?.[0]?.["Plan Rows"] ?? 0);
}

/** Runs each statement as `explain (format json)`, which plans it for the given values and reads nothing. */
function explaining(sql: Sql): Sql {
  return ((strings: TemplateStringsArray, ...values: unknown[]) => {
    const [head = "", ...rest] = strings;
    const explained = [`explain (format json) ${head}`, ...rest];
    return sql(Object.assign(explained, { raw: explained }), ...values);
  }) as Sql;
}

async function bounded<T>(database: Database, read: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await database.begin(async (tx) => {
      // One process for one list: a list must not take the cores that deliver. And lists walk along indexes, in order:
      // the planner would rather read all that matches and sort it, because it expects few where there are many.
      await tx`
        select set_config('statement_timeout', ${String(statementTimeoutMs)}, true),
               set_config('max_parallel_workers_per_gather', '0', true),
               set_config('enable_seqscan', 'off', true),
               set_config('enable_bitmapscan', 'off', true)`;
      return await read(tx);
    });
  } catch (error) {
    if (isTimeout(error)) throw new AppError("query_too_slow");
    throw error;
  }
}
