import { AppError } from "../errors.ts";
import { isTimeout } from "./errors.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** Which part of a list: the rows to skip and to take. */
export type Page = { offset: number; limit: number };

/** The same page and one row more, where there is one: that tells whether others follow. */
export const withOneMore = <Part extends Page>(page: Part): Part => ({
  ...page,
  limit: page.limit + 1,
});

/** Rows of a list, and whether others follow them. */
export type PageOfRows<Row> = { rows: Row[]; more: boolean };

/** One page of a list, and how many rows the whole of it has. */
export type Listed<Row> = PageOfRows<Row> & { total: number; totalIsEstimate: boolean };

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

type PageQuery<Row> = {
  /** Reads the page `withOneMore`. */
  page: (sql: Sql) => Promise<Row[]>;
  limit: number;
};

/** Reads one page without a total, within 1.8 s; a page that takes longer is `query_too_slow`. */
export async function readPage<Row>(
  database: Database,
  { page, limit }: PageQuery<Row>,
): Promise<PageOfRows<Row>> {
  const rows = await bounded(database, page);
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** How a list is read: `offset` says where the page begins. */
export type ListQueries<Row> = PageQuery<Row> & { count: Count; offset: number };

/**
 * Reads one page and the total side by side, each within 1.8 s; a page that takes longer is `query_too_slow`.
 *
 * `count` is one `select count(*)::int as count from (select … limit n) matching`. Beyond 10,000 matches the total is
 * the planner's estimate; when counting takes too long it is what the page has shown to exist. A page that begins
 * beyond 10,000 is not counted at all unless it is empty.
 */
export async function readList<Row>(
  database: Database,
  queries: ListQueries<Row>,
): Promise<Listed<Row>> {
  const { count, offset } = queries;
  const [page, alongside] = await Promise.all([
    readPage(database, queries),
    offset < exactTotalMax ? countMatches(database, count) : "many",
  ]);
  const known = page.rows.length === 0 ? 0 : offset + page.rows.length + Number(page.more);
  const isBeyond = offset >= exactTotalMax && known === 0;
  const matches = isBeyond ? await countMatches(database, count) : alongside;
  if (typeof matches === "number") {
    return { ...page, total: Math.max(known, matches), totalIsEstimate: false };
  }
  // So many were counted, or lie before this page: no estimate may say less.
  const many = matches === "many" ? [exactTotalMax + 1, await estimate(database, count)] : [];
  return { ...page, total: Math.max(known, ...many), totalIsEstimate: true };
}

/** Counts the matches: `many` are more than are counted, and `unknown` is what takes too long to count. */
async function countMatches(
  database: Database,
  count: Count,
): Promise<number | "many" | "unknown"> {
  try {
    const [row] = await bounded(database, (sql) => count(sql, exactTotalMax + 1));
    const total = (row as { count: number } | undefined)?.count ?? 0;
    return total <= exactTotalMax ? total : "many";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return "unknown";
  }
}

type Plan = { "Plan Rows": number; Plans?: Plan[] };

/** Asks the planner how many rows there are. */
async function estimate(database: Database, count: Count): Promise<number> {
  const [row] = await bounded(database, (sql) => count(explaining(sql), null));
  const [explained] = (row as { "QUERY PLAN": { Plan: Plan }[] })["QUERY PLAN"];
  // The top of the plan is the aggregate; what it counts lies below.
  return explained?.Plan.Plans?.[0]?.["Plan Rows"] ?? 0;
}

/** Runs each statement as `explain (format json)`, which plans it for the given values and reads nothing. */
function explaining(sql: Sql): Sql {
  return ((strings: TemplateStringsArray, ...values: unknown[]) => {
    const [head = "", ...rest] = strings;
    const explained = [`explain (format json) ${head}`, ...rest];
    return sql(Object.assign(explained, { raw: explained }), ...values);
  }) as Sql;
}

/** Reads in one transaction, within 1.8 s and along indexes; what takes longer is `query_too_slow`. */
export async function bounded<T>(database: Database, read: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await database.begin(async (tx) => {
      // Lists walk along indexes, in order: the planner would rather read all that matches and sort it, because it
      // expects few where there are many.
      await tx`
        select set_config('statement_timeout', ${String(statementTimeoutMs)}, true),
               set_config('enable_seqscan', 'off', true),
               set_config('enable_bitmapscan', 'off', true)`;
      return await read(tx);
    });
  } catch (error) {
    if (isTimeout(error)) throw new AppError("query_too_slow");
    throw error;
  }
}
