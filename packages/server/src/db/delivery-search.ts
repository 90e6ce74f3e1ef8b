import { rangesOf } from "./delivery-search-ranges.ts";
import { type DeliverySearch, narrowed, type Sought, wanted } from "./delivery-sought.ts";
import { findBelow } from "./delivery-subjects.ts";
import { type DeliverySummary, readSummaries } from "./delivery-summaries.ts";
import { idBound } from "./delivery-ways.ts";
import { bounded, type PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import { allOf, joined, part, type Sql, type SqlPart } from "./sql.ts";
import { walkSnapshot } from "./walk-snapshot.ts";
import type { Walked, WalkPage, WalkPosition } from "./walks.ts";

/** The most deliveries that are read for one page; the next page continues after them. */
const lookedAtMax = 20_000;
/** The same limit if the event of each is read too. */
const eventsLookedAtMax = 5_000;

/**
 * Lists deliveries of all contracts, newest first.
 *
 * They are read in the order of their ids from the index ranges that can contain them, and no page reads more than
 * `lookedAtMax`. So a page can have fewer rows than its limit although others follow.
 */
export async function searchDeliveries(
  database: Database,
  teamId: string,
  search: DeliverySearch,
  walk: WalkPage,
): Promise<Walked<PageOfRows<DeliverySummary>>> {
  const below = search.subject && (await findBelow(database.sql, teamId, search.subject));
  const sought = narrowed(search, below);
  return await bounded(database, async (sql) => {
    const start = walk.after?.start ?? (await readWalkStart(sql));
    const { found, next } = await findDeliveries(sql, teamId, sought, { ...walk, start });
    const rows = await readSummaries(sql, teamId, found);
    return { rows, more: next !== null, next };
  });
}

/** Finds a page of a walk that began at `start`; `next` is where to continue, null at the end. */
export async function findDeliveries(
  sql: Sql,
  teamId: string,
  sought: Sought,
  { after, limit, start }: Pick<WalkPage, "after" | "limit"> & { start: WalkPosition["start"] },
): Promise<{ found: Found[]; next: WalkPosition | null }> {
  const asksEvents = sought.workflowId !== null && sought.ofRuns === null;
  const reading: Reading = {
    teamId,
    ranges: await rangesOf(sql, teamId, sought),
    before: after?.row[0] ?? null,
    lookedAt: asksEvents ? eventsLookedAtMax : lookedAtMax,
    sought,
    start,
  };
  const { found, last } = await findPage(sql, reading, limit);
  return { found, next: last === null ? null : { start, row: [last] } };
}

/** How a page is read: the ranges, the beginning, and the condition for the deliveries. */
type Reading = {
  teamId: string;
  ranges: SqlPart[];
  before: string | null;
  lookedAt: number;
  sought: Sought;
  start: WalkPosition["start"];
};

/** A delivery's id, and when it was made, which selects its event's partition. */
export type Found = { id: string; createdAt: Date };

/** Finds a page; `last` is the last row that was read, null at the end of the list. */
async function findPage(
  sql: Sql,
  reading: Reading,
  limit: number,
): Promise<{ found: Found[]; last: string | null }> {
  const full = (found: Found[]) => {
    const page = found.slice(0, limit);
    return { found: page, last: page.at(-1)?.id ?? null };
  };
  const found = await findMatches(sql, reading, limit + 1, { lookedAt: reading.lookedAt });
  if (found.length > limit) return full(found);
  const [end] = await sql<{ id: string }>`
    select d.id from ${merged(reading, null)}
    order by d.id desc
    offset ${reading.lookedAt - 1} limit 1`;
  // Rows may have changed between these statements; this one reads all rows before the end.
  const again = await findMatches(sql, reading, limit + 1, { atLeast: end?.id ?? "" });
  return again.length > limit ? full(again) : { found: again, last: end?.id ?? null };
}

async function findMatches(
  sql: Sql,
  reading: Reading,
  limit: number,
  reach: { lookedAt: number } | { atLeast: string },
): Promise<Found[]> {
  const atLeast = "atLeast" in reach ? reach.atLeast : null;
  const lookedAt = "lookedAt" in reach ? reach.lookedAt : null;
  return await sql<Found>`
    select d.id, d.created_at as "createdAt"
    from (select * from ${merged(reading, atLeast)} order by d.id desc limit ${lookedAt}) d
    where ${wanted(reading.sought)} and ${wasThere(reading.start)}
    order by d.id desc
    limit ${limit}`;
}

/** The deliveries of the ranges between two ids, as `(…) d`; with an order by id after it, PostgreSQL merges them. */
function merged({ teamId, ranges, before, sought }: Reading, atLeast: string | null): SqlPart {
  const { from, to } = sought;
  const between = allOf([
    before !== null && part`d.id < ${before}`,
    atLeast !== null && part`d.id >= ${atLeast}`,
    from !== null && part`d.id >= ${idBound(from, -1)}`,
    to !== null && part`d.id < ${idBound(to, 1)}`,
  ]);
  const branches = (ranges.length > 0 ? ranges : [part`false`]).map(
    (range) => part`
      (select d.*, d.xmin as made_in from deliveries d
       where d.team_id = ${teamId} and ${range} and ${between} order by d.id desc)`,
  );
  return part`(${joined(branches, " union all ")}) d`;
}

/** Reads the beginning of a walk: what was committed then, and the time before which every row was certainly committed. */
export async function readWalkStart(sql: Sql): Promise<WalkPosition["start"]> {
  const [start] = await sql<{ snapshot: string; before: string }>`
    select ${walkSnapshot} as snapshot,
           extract(epoch from now() - interval '10 minutes')::bigint::text as before`;
  if (!start) throw new Error("the database told no snapshot");
  return [start.snapshot, start.before];
}

/**
 * The condition that a delivery `d` existed when the walk began: the transaction that made it was committed.
 *
 * A delivery's row shows only its last change; its event was made in the same transaction, and is rarely changed.
 */
export function wasThere([snapshot, before]: WalkPosition["start"]): SqlPart {
  const seen = (xid: SqlPart) => part`
    pg_visible_in_snapshot(
      -- Rows hold the lower half of a transaction's number; none is later than the latest one.
      (latest.xid - ((latest.xid - ${xid}::text::bigint) & 4294967295))::text::xid8,
      ${snapshot}::pg_snapshot)`;
  return part`(
    d.created_at < to_timestamp(${before}::float8)
    or (select ${seen(part`d.made_in`)} or (
          -- What is made carries a payload: without one the event was changed since.
          select e.payload is null or ${seen(part`e.xmin`)} from events e
          where e.team_id = d.team_id and e.id = d.event_id and e.created_at = d.created_at
            and e.created_at >= to_timestamp(${before}::float8))
        from (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xid) latest))`;
}
