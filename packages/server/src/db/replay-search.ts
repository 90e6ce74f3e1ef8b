import type { DeliveryStatus } from "../domain/delivery.ts";
import type { ReplayedDelivery, ReplayedKind } from "../domain/replay.ts";
import { wasThere } from "./delivery-search.ts";
import { rangesOf } from "./delivery-search-ranges.ts";
import { type DeliverySearch, narrowed, type Sought, wanted } from "./delivery-sought.ts";
import { findBelow } from "./delivery-subjects.ts";
import { idBound } from "./delivery-ways.ts";
import { type DeliveryFilter, resolveDeliveryFilter, walkedThrough } from "./history.ts";
import { allOf, joined, part, type Sql, type SqlPart } from "./sql.ts";
import type { WalkPosition } from "./walks.ts";

/** The filter of a replay: of the list of all contracts, or of contract A's list of events. */
export type ReplaySearch = { deliveries: DeliverySearch } | { events: DeliveryFilter };

/** The search of a replay, limited to deliveries that were committed when it was requested. */
export type ReplayScope = {
  search: ReplaySearch;
  which: ReplayedKind;
  start: WalkPosition["start"];
  /** When it was requested. */
  createdAt: Date;
};

/** The most deliveries that are read in one step. */
const lookedAtMax = 20_000;
/** The same limit if the event of each is read too. */
const eventsLookedAtMax = 5_000;

/** A result and the position to continue from; `next` null: at the end. */
export type ReadOn<Read> = Read & { next: string | null };

/** Finds up to `limit` deliveries after a position, in the order of their ids. */
export async function findToReplay(
  sql: Sql,
  teamId: string,
  scope: ReplayScope,
  { position, limit }: { position: string; limit: number },
): Promise<ReadOn<{ found: ReplayedDelivery[] }>> {
  const reading = await readingOf(sql, teamId, scope, position);
  if (reading === undefined) return { found: [], next: null };
  // The position moves to the end of the read part only if too few were found. Both come from one snapshot, so no
  // delivery is missed.
  const [row] = await sql<{ found: ReplayedDelivery[]; end: string | null }>`
    with found as materialized (
      select d.id, d.subscription_id as "subscriptionId" from ${lookedAt(reading)}
      where ${reading.wanted}
      order by d.id limit ${limit}
    )
    select coalesce((select jsonb_agg(found order by id) from found), '[]') as found,
           case when (select count(*) from found) < ${limit} then ${endOf(reading)} end as "end"`;
  const { found = [], end = null } = row ?? {};
  return { found, next: found.length === limit ? (found.at(-1)?.id ?? null) : end };
}

/** How many deliveries match, and when the first and the last of them were made. */
export type Matches = { matching: number; oldest: Date | null; newest: Date | null };

/** Counts the matching deliveries after a position, in the part that one step reads. */
export async function countToReplay(
  sql: Sql,
  teamId: string,
  scope: ReplayScope,
  position: string,
): Promise<ReadOn<Matches>> {
  const reading = await readingOf(sql, teamId, scope, position);
  if (reading === undefined) return { matching: 0, oldest: null, newest: null, next: null };
  const [row] = await sql<ReadOn<Matches>>`
    select count(*)::int as matching, min(d.created_at) as oldest, max(d.created_at) as newest,
           ${endOf(reading)} as next
    from ${lookedAt(reading)}
    where ${reading.wanted}`;
  if (!row) throw new Error("a count returned no row");
  return row;
}

const ended = { failed: ["failed"], all: ["delivered", "failed"] } as const satisfies Record<
  ReplayedKind,
  readonly DeliveryStatus[]
>;

type Reading = {
  teamId: string;
  ranges: SqlPart[];
  between: SqlPart;
  lookedAt: number;
  wanted: SqlPart;
};

async function readingOf(
  sql: Sql,
  teamId: string,
  { search, which, start, createdAt }: ReplayScope,
  position: string,
): Promise<Reading | undefined> {
  const asked = await soughtBy(sql, teamId, search);
  if (asked === undefined) return undefined;
  const statuses = ended[which].filter((one) => asked.statuses?.includes(one) ?? true);
  const sought = { ...asked, statuses };
  const { from, to, workflowId, ofRuns } = sought;
  const few = [workflowId, sought.workflowIds, sought.eventIds, sought.deliveryIds];
  // After an outage the planner does not know yet how many deliveries failed, and would read the same index once for each
  // kind. So all failures of a team are read once, within the limit of a step.
  const amongFailed = which === "failed" && few.every((names) => names === null);
  return {
    teamId,
    ranges: amongFailed ? [part`true`] : await rangesOf(sql, teamId, sought),
    between: allOf([
      part`d.id > ${position}`,
      part`d.id < ${idBound(createdAt, 1)}`,
      // Failed deliveries have their own indexes.
      which === "failed" && part`d.failed_at is not null`,
      from !== null && part`d.id >= ${idBound(from, -1)}`,
      to !== null && part`d.id < ${idBound(to, 1)}`,
    ]),
    lookedAt: workflowId !== null && ofRuns === null ? eventsLookedAtMax : lookedAtMax,
    wanted: allOf([wanted(sought), wasThere(start)]),
  };
}

/** Resolves a search; undefined when nothing can match. */
async function soughtBy(
  sql: Sql,
  teamId: string,
  search: ReplaySearch,
): Promise<Sought | undefined> {
  if ("deliveries" in search) {
    const { deliveries } = search;
    const below = deliveries.subject && (await findBelow(sql, teamId, deliveries.subject));
    return narrowed(deliveries, below);
  }
  const owner = { teamId, contract: "workflow" };
  const found = await resolveDeliveryFilter(sql, owner, search.events);
  return found && walkedThrough(owner, found);
}

/** The deliveries that one step reads, as `(…) d`. */
const lookedAt = (reading: Reading): SqlPart =>
  part`(select * from ${lying(reading)} order by d.id limit ${reading.lookedAt}) d`;

/** The last delivery that the step reads; null when it reads all. */
const endOf = (reading: Reading): SqlPart =>
  part`(select d.id from ${lying(reading)} order by d.id offset ${reading.lookedAt - 1} limit 1)`;

/** The deliveries in the ranges, as `(…) d`; with an order by id after it, PostgreSQL merges them. */
function lying({ teamId, ranges, between }: Reading): SqlPart {
  const branches = (ranges.length > 0 ? ranges : [part`false`]).map(
    (place) => part`
      (select d.*, d.xmin as made_in from deliveries d
       where d.team_id = ${teamId} and ${place} and ${between} order by d.id)`,
  );
  return part`(${joined(branches, " union all ")}) d`;
}
