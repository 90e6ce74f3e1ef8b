import { eachIn, newestIn, ownBy, rangesOfKinds, rangesOfWorkflows } from "./delivery-ranges.ts";
import type { Page } from "./lists.ts";
import { allOf, part, type Sql, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** The filter of a list after names were resolved to ids; null: all. */
export type Sought = {
  subscriptionId: string | null;
  eventType: string | null;
  status: "pending" | "retrying" | "delivered" | "failed" | null;
  /** Created at or after. */
  start: Date | null;
  /** Created before. */
  end: Date | null;
  workflowIds: string[] | null;
  /** Only these, few enough to be read one by one. */
  named: { deliveryIds: string[] } | { eventIds: string[] } | null;
};

/**
 * Ways to read a list, each `from … where …` with a delivery as `d`. A way that does not find a full page may have
 * stopped early: then the next is tried, and the result of the last one applies. `count` is the way to count, `estimated`
 * the way whose rows the planner estimates best: it names every subscription and workflow.
 */
export type Ways = { pages: SqlPart[]; count: SqlPart; estimated: SqlPart };

/** A walk reads this many rows for each row of the page, then stops: the wanted rows are rare. */
const walkedForEach = { failed: 60, pending: 20, retrying: 20, delivered: 5 };
const walkedAtLeast = 5_000;

/**
 * Chooses the indexes by which a page of deliveries is read, newest first, and counted.
 *
 * The planner cannot: it assumes that event type, status and subscription are independent, and that matches are spread
 * evenly over the history. For rare matches it would read the whole history.
 */
export async function chooseWays(
  sql: Sql,
  owner: SubscriptionOwner,
  sought: Sought,
  page: Page,
): Promise<Ways> {
  const { teamId } = owner;
  const { status, workflowIds, named } = sought;
  const own = ownBy(owner, sought);
  const wanted = matching(sought);
  const reach = page.offset + page.limit;
  const walked = reach * walkedForEach[status ?? "delivered"] + walkedAtLeast;

  if (named) {
    const among =
      "eventIds" in named
        ? part`d.event_id = any(${named.eventIds}::uuid[])`
        : part`d.id = any(${named.deliveryIds}::text[])`;
    const way = part`from deliveries d join subscriptions s on s.id = d.subscription_id
      where ${own} and d.team_id = ${teamId} and ${among} and ${wanted}`;
    return { pages: [way], count: way, estimated: way };
  }

  // Failures have an index of their own; other deliveries are read and filtered.
  const walk = part`from (
      select * from deliveries d
      where d.team_id = ${teamId} and ${between(sought)} and ${failedIfSought(status)}
      order by d.id desc limit ${walked}
    ) d join subscriptions s on s.id = d.subscription_id
    where ${own} and ${wanted}`;

  if (status === "pending" || status === "retrying") {
    // Unfinished deliveries are in the index of due deliveries, or have a hot lease since they were made.
    const open = part`from (
        select d.id from subscriptions s join deliveries d on d.subscription_id = s.id
        where ${own} and d.due_at is not null and ${wanted}
        union all
        select d.id from hot_leases
        cross join lateral unnest(team_ids, delivery_ids) as held (team_id, id)
        join deliveries d on d.team_id = held.team_id and d.id = held.id
        join subscriptions s on s.id = d.subscription_id
        where ${own} and held.team_id = ${teamId} and d.due_at is null and ${wanted}
      ) d where true`;
    const pages = sought.subscriptionId === null ? [walk, open] : [open];
    return { pages, count: open, estimated: open };
  }

  const ranges =
    workflowIds === null ? await rangesOfKinds(sql, owner, sought) : rangesOfWorkflows(workflowIds);
  const rest =
    workflowIds === null
      ? { ...sought, subscriptionId: null, eventType: null }
      : { ...sought, workflowIds: null };
  const read = { columns: part`d.id`, wanted: matching(rest) };
  const newest = newestIn(teamId, ranges, { ...read, limit: reach });
  // A walk is fastest when most rows match; rows just outside a period are then read once, not for each range.
  const isWide = sought.subscriptionId === null && sought.eventType === null;
  const isTimed = sought.start !== null || sought.end !== null;
  const isNear = isTimed || (reach <= 2_001 && status !== "failed");
  const mayBeWalked = ranges.few === null || (workflowIds === null && isWide && isNear);
  return {
    pages: mayBeWalked ? [walk, newest] : [newest],
    count: eachIn(teamId, ranges, { ...read, limit: null }),
    estimated: newestIn(teamId, ranges, { ...read, limit: null }),
  };
}

function matching(sought: Sought): SqlPart {
  const { subscriptionId, eventType, status, workflowIds } = sought;
  const ofStatus = {
    pending: part`d.finished_at is null and d.last_attempt_at is null`,
    retrying: part`d.finished_at is null and d.last_attempt_at is not null`,
    delivered: part`d.status = 'delivered'`,
    failed: failedIfSought("failed"),
  };
  return allOf([
    between(sought),
    subscriptionId !== null && part`d.subscription_id = ${subscriptionId}`,
    eventType !== null && part`d.event_type = ${eventType}`,
    status !== null && ofStatus[status],
    workflowIds !== null && part`d.workflow_id = any(${workflowIds}::text[])`,
  ]);
}

const failedIfSought = (status: Sought["status"]): SqlPart =>
  status === "failed" ? part`d.failed_at is not null` : part`true`;

function between({ start, end }: Pick<Sought, "start" | "end">): SqlPart {
  return allOf([
    start !== null && part`d.id >= ${idBound(start, -1)} and d.created_at >= ${start}`,
    end !== null && part`d.id < ${idBound(end, 1)} and d.created_at < ${end}`,
  ]);
}

const hourMs = 3_600_000;

/**
 * The first characters of an id that is an hour earlier or later; limits the index range. Ids contain the time of the
 * process that made them, and its clock may differ from the database's by up to this much.
 */
export function idBound(instant: Date, hours: 1 | -1): string {
  const seconds = Math.floor((instant.getTime() + hours * hourMs) / 1000);
  return Math.min(Math.max(seconds, 0), 0xffffffff).toString(16).padStart(8, "0");
}
