import {
  type Listed,
  type ListQueries,
  type Page,
  type PageOfRows,
  readList,
  readPage,
} from "./lists.ts";
import type { Database } from "./pool.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";
import { walkSnapshot } from "./walk-snapshot.ts";

/**
 * The beginning of a walk through a list: what was committed then, and the time an hour before in seconds since 1970,
 * both as the database's texts.
 */
type WalkStart = [snapshot: string, hourBefore: string];

/** The position of a walk: its beginning, and its last row in the order of its list. */
export type WalkPosition = { start: WalkStart; row: string[] };

/** A part of a list: after a position, or after a number of rows. */
export type WalkPage = Page & { after?: WalkPosition | undefined };

/**
 * The order of a list, by columns that never change; the last one is unique. Otherwise a row could be skipped or shown twice.
 */
export type Order = {
  /** The row's values in these columns, as `text[]`. */
  row: SqlPart;
  /** The condition for rows after a row with these values. */
  behind: (row: readonly string[]) => SqlPart;
};

/** By id, the greatest first. The ids of callers may contain any time. */
export const byId: Order = { row: part`array[id]`, behind: ([id]) => part`id < ${id}` };

/** A time to the microsecond, as text, independent of the database's date settings. */
export const timeText = (column: SqlPart): SqlPart =>
  part`(extract(epoch from ${column}) * 1000000)::bigint::text`;

/** The time of such a text. */
export const timeOf = (text: string | undefined): SqlPart =>
  part`'epoch'::timestamptz + ${text}::bigint * interval '1 microsecond'`;

/** The columns that a page needs for the next one; `readWalk` and `readCountedWalk` read them. */
export const markedBy = (order: Order): SqlPart => part`
  ${order.row} as walk_row,
  array[${walkSnapshot},
        extract(epoch from now() - interval '1 hour')::bigint::text] as walk_start`;

/**
 * The condition for a page of a walk: rows after its position that existed when the walk began.
 *
 * The transaction that made a row shows whether it existed. After a restore into another server these numbers are
 * meaningless: a number that is ahead of this server's is ignored, and rows that are older than the longest transaction
 * need none.
 */
export function stillToTell(order: Order, after: WalkPosition | undefined): SqlPart {
  if (after === undefined) return part`true`;
  const [snapshot, hourBefore] = after.start;
  return part`${order.behind(after.row)}
    and (created_in is null
         or created_at < to_timestamp(${hourBefore}::float8)
         or created_in >= pg_snapshot_xmax(pg_current_snapshot())
         or pg_visible_in_snapshot(created_in, ${snapshot}::pg_snapshot))`;
}

type Marked = { walk_row: string[]; walk_start: WalkStart };

/** A page of a walk; `next`: where to continue, null at the end. */
export type Walked<Read> = Read & { next: WalkPosition | null };

/** Reads a page of a walk, as `readPage` does. */
export async function readWalk<Row extends object>(
  database: Database,
  walk: WalkPage,
  page: (sql: Sql) => Promise<Row[]>,
): Promise<Walked<PageOfRows<Row>>> {
  return walked(await readPage(database, { page, limit: walk.limit }), walk);
}

/** Reads a page of a walk and the total, as `readList` does. */
export async function readCountedWalk<Row extends object>(
  database: Database,
  walk: WalkPage,
  queries: Pick<ListQueries<Row>, "page" | "count" | "ranges">,
): Promise<Walked<Listed<Row>>> {
  return walked(await readList(database, { ...queries, ...walk }), walk);
}

function walked<Read extends PageOfRows<object>>(read: Read, { after }: WalkPage): Walked<Read> {
  const last = read.more ? (read.rows.at(-1) as Marked | undefined) : undefined;
  const next = last && { start: after?.start ?? last.walk_start, row: last.walk_row };
  return { ...read, next: next ?? null };
}
