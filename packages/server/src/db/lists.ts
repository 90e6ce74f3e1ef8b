import { AppError } from "../errors.ts";
import { isTimeout } from "./errors.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** Which part of a list: the rows to skip and to take. */
export type Page = { offset: number; limit: number };

/** The same page with one more row, which shows whether others follow. */
export const withOneMore = <Part extends Page>(page: Part): Part => ({
  ...page,
  limit: page.limit + 1,
});

/** Rows of a list, and whether others follow them. */
export type PageOfRows<Row> = { rows: Row[]; more: boolean };

/** One page of a list, and how many rows the whole of it has. */
export type Listed<Row> = PageOfRows<Row> & { total: number; totalIsEstimate: boolean };

/** The period in which these rows were made, in whole milliseconds. */
export function daysOf(rows: readonly { createdAt: Date }[]): [from: Date, to: Date] {
  let [from, to] = [Number.POSITIVE_INFINITY, 0];
  for (const { createdAt } of rows) {
    from = Math.min(from, createdAt.getTime());
    to = Math.max(to, createdAt.getTime());
  }
  // The driver truncates microseconds.
  return [new Date(Math.min(from, to)), new Date(to + 1)];
}

/** Counts the rows of a list, up to a limit; null: no limit. */
type Count = (sql: Sql, limit: number | null) => Promise<object[]>;

/** Runs a query of a list within its limits. */
type Read = <T>(query: (sql: Sql) => Promise<T>) => Promise<T>;

/** The most matches that are counted exactly. */
const exactTotalMax = 10_000;

/** Page and count run at the same time, so this is the time limit of a list; an estimate, which only plans, is added. */
const statementTimeoutMs = 1_800;

type PageQuery<Row> = {
  /** Reads the page and one more row (`withOneMore`). */
  page: (sql: Sql) => Promise<Row[]>;
  limit: number;
  /** An index of ranges of pages (BRIN) may be used: few rows of a long table are found and sorted. */
  ranges?: boolean;
};

/** Reads one page without a total, within 1.8 s; throws `query_too_slow` when it takes longer. */
export async function readPage<Row>(
  database: Database,
  { page, limit, ranges }: PageQuery<Row>,
): Promise<PageOfRows<Row>> {
  const rows = await bounded(database, page, { ranges });
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** How a list is read; `offset`: where the page begins. */
export type ListQueries<Row> = PageQuery<Row> & { count: Count; offset: number };

/**
 * Reads one page and the total at the same time, each within 1.8 s; throws `query_too_slow` when the page takes longer.
 *
 * `count` is one `select count(*)::int as count from (select … limit n) matching`. Beyond 10,000 matches the total is
 * the planner's estimate; when the count takes too long, it is the number of rows that the page shows to exist. A page
 * that begins
 * beyond 10,000 is not counted at all unless it is empty.
 */
export async function readList<Row>(
  database: Database,
  queries: ListQueries<Row>,
): Promise<Listed<Row>> {
  const { count, offset, ranges } = queries;
  const read: Read = (query) => bounded(database, query, { ranges });
  const [page, alongside] = await Promise.all([
    readPage(database, queries),
    offset < exactTotalMax ? countMatches(read, count) : "many",
  ]);
  const known = page.rows.length === 0 ? 0 : offset + page.rows.length + Number(page.more);
  const isBeyond = offset >= exactTotalMax && known === 0;
  const matches = isBeyond ? await countMatches(read, count) : alongside;
  if (typeof matches === "number") {
    return { ...page, total: Math.max(known, matches), totalIsEstimate: false };
  }
  // At least this many rows were counted or are before this page: the estimate must not be lower.
  const many = matches === "many" ? [exactTotalMax + 1, await estimate(read, count)] : [];
  return { ...page, total: Math.max(known, ...many), totalIsEstimate: true };
}

/** Counts the matches; `many`: more than the limit; `unknown`: the count takes too long. */
async function countMatches(read: Read, count: Count): Promise<number | "many" | "unknown"> {
  try {
    const [row] = await read((sql) => count(sql, exactTotalMax + 1));
    const total = (row as { count: number } | undefined)?.count ?? 0;
    return total <= exactTotalMax ? total : "many";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return "unknown";
  }
}

type Plan = { "Plan Rows": number; Plans?: Plan[] };

/** Reads the planner's estimate of the rows. */
async function estimate(read: Read, count: Count): Promise<number> {
  const [row] = await read((sql) => count(explaining(sql), null));
  const [explained] = (row as { "QUERY PLAN": { Plan: Plan }[] })["QUERY PLAN"];
  // The top of the plan is the aggregate; the counted rows are one level below.
  return explained?.Plan.Plans?.[0]?.["Plan Rows"] ?? 0;
}

/** Runs each statement as `explain (format json)`, which plans it for the given values and reads no rows. */
function explaining(sql: Sql): Sql {
  return ((strings: TemplateStringsArray, ...values: unknown[]) => {
    const [head = "", ...rest] = strings;
    const explained = [`explain (format json) ${head}`, ...rest];
    return sql(Object.assign(explained, { raw: explained }), ...values);
  }) as Sql;
}

/** Reads in one transaction, within 1.8 s and along indexes; throws `query_too_slow` when it takes longer. */
export async function bounded<T>(
  database: Database,
  read: (tx: Tx) => Promise<T>,
  { ranges = false }: { ranges?: boolean | undefined } = {},
): Promise<T> {
  try {
    return await database.begin(async (tx) => {
      // Lists must be read in index order: the planner would prefer to read and sort all matches, because it expects too few.
      await tx`
        select set_config('statement_timeout', ${String(statementTimeoutMs)}, true),
               set_config('enable_seqscan', 'off', true),
               set_config('enable_bitmapscan', ${ranges ? "on" : "off"}, true)`;
      return await read(tx);
    });
  } catch (error) {
    if (isTimeout(error)) throw new AppError("query_too_slow");
    throw error;
  }
}
