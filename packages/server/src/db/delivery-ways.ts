import { assistantMessages } from "../domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import type { Page } from "./lists.ts";
import { part, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** Which deliveries to list, once it is known what names them; null asks for all. */
export type Sought = {
  subscriptionId: string | null;
  eventType: string | null;
  status: "pending" | "retrying" | "delivered" | "failed" | null;
  /** Created at or after. */
  start: Date | null;
  /** Created before. */
  end: Date | null;
  workflowIds: string[] | null;
  /** Among these alone, few enough to be looked at one by one. */
  named: { deliveryIds: string[] } | { eventIds: string[] } | null;
};

/**
 * Ways to read a list, each `from … where …` with a delivery as `d`. One that does not find a full page may have
 * stopped early: what the last one finds counts. `count` finds at most so many of each kind; null: all.
 */
export type Ways = { pages: SqlPart[]; count: (limit: number | null) => SqlPart };

/** A walk looks at so many rows for each one that the page reaches, then gives up: what it looks for is rare. */
const walkedForEach = { failed: 60, pending: 20, retrying: 20, delivered: 5 };
const walkedAtLeast = 5_000;
/** So many workflows are read side by side; more are found by a walk. */
const workflowsMerged = 10;
const disorderedMax = 1_000;

/**
 * Chooses by which indexes a page of deliveries is read, newest first, and by which they are counted.
 *
 * The planner cannot: it takes event type, status and subscription for independent, and expects every list to have
 * matches evenly over the history, so that for a rare one it would walk through all of it.
 */
export function chooseWays(owner: SubscriptionOwner, sought: Sought, page: Page): Ways {
  const { teamId } = owner;
  const { subscriptionId, eventType, status, workflowIds, named } = sought;
  const own = part`s.team_id = ${teamId} and s.contract = ${owner.contract}
    and (${subscriptionId}::text is null or s.id = ${subscriptionId})`;
  const wanted = matching(sought);
  const reach = page.offset + page.limit;
  const walked = reach * walkedForEach[status ?? "delivered"] + walkedAtLeast;

  if (named) {
    const eventIds = "eventIds" in named ? named.eventIds : null;
    const deliveryIds = "deliveryIds" in named ? named.deliveryIds : null;
    const way = part`from deliveries d join subscriptions s on s.id = d.subscription_id
      where ${own} and d.team_id = ${teamId} and ${wanted}
        and (${eventIds}::uuid[] is null or d.event_id = any(${eventIds}))
        and (${deliveryIds}::text[] is null or d.id = any(${deliveryIds}))`;
    return { pages: [way], count: () => way };
  }

  const unfinished = status === "pending" || status === "retrying";
  const types = eventType === null ? eventTypesOf(owner.contract) : [eventType];
  // What is unfinished is in the index of what is due, or was left with a process as it was made.
  const open = () => part`from (
      select d.id from subscriptions s join deliveries d on d.subscription_id = s.id
      where ${own} and d.due_at is not null and ${wanted}
      union all
      select d.id from hot_leases
      cross join lateral unnest(team_ids, delivery_ids) as held (team_id, id)
      join deliveries d on d.team_id = held.team_id and d.id = held.id
      join subscriptions s on s.id = d.subscription_id
      where ${own} and held.team_id = ${teamId} and d.due_at is null and ${wanted}
    ) d where true`;
  // Of each subscription and type the newest, from their index.
  const newestOfEach = (limit: number | null) => part`from subscriptions s
    cross join unnest(${types}::text[]) as kind (event_type)
    cross join lateral (
      select d.id from deliveries d
      where d.subscription_id = s.id and d.event_type = kind.event_type and ${wanted}
      order by d.id desc limit ${limit}
    ) d
    where ${own}`;
  const merged = unfinished ? open : newestOfEach;
  const all = merged(reach);

  // Failures have an index to walk along; everything else is walked through.
  const walk = part`from (
      select * from deliveries d
      where d.team_id = ${teamId} and ${between(sought)} and ${failedIfSought(status)}
      order by d.id desc limit ${walked}
    ) d join subscriptions s on s.id = d.subscription_id
    where ${own} and ${wanted}`;
  if (workflowIds !== null) {
    const { start, end } = sought;
    const ofWorkflows = (
      limit: number | null,
    ) => part`from unnest(${workflowIds}::text[]) workflow (id)
      cross join lateral (
        select id from events
        where team_id = ${teamId} and workflow_id = workflow.id and contract = ${owner.contract}
          and (${start}::timestamptz is null or created_at >= ${start})
          and (${end}::timestamptz is null or created_at < ${end})
          and (${eventType}::text is null or event_type = ${eventType})
        order by created_at desc limit ${limit}
      ) e
      join deliveries d on d.event_id = e.id
      join subscriptions s on s.id = d.subscription_id
      where ${own} and ${matching({ ...sought, workflowIds: null })}`;
    const many = workflowIds.length > workflowsMerged;
    // Events go by the database's clock and deliveries by their ids: their orders differ within a few batches.
    const newest = ofWorkflows(status === null ? reach + disorderedMax : walked);
    const pages = [newest, ofWorkflows(null)];
    return { pages: many ? [walk, ...pages] : pages, count: () => ofWorkflows(null) };
  }
  return { pages: subscriptionId === null ? [walk, all] : [all], count: merged };
}

const contracts = [workflowWebhooks, organisationWebhooks, assistantMessages];

/** The event types that a contract's deliveries may have. */
export function eventTypesOf(contract: string): readonly string[] {
  return contracts.find(({ name }) => name === contract)?.eventTypes ?? [];
}

/** Parameters that are null fall away in planning. */
function matching(sought: Sought): SqlPart {
  const { eventType, status, workflowIds } = sought;
  return part`${between(sought)}
    and (${eventType}::text is null or d.event_type = ${eventType})
    and ${failedIfSought(status)}
    and (${status}::text is null or d.status = case ${status} when 'retrying' then 'pending' else ${status} end)
    and (${status}::text is distinct from 'pending' or d.finished_at is null and d.last_attempt_at is null)
    and (${status}::text is distinct from 'retrying' or d.finished_at is null and d.last_attempt_at is not null)
    and (${workflowIds}::text[] is null
         or (select workflow_id from events where id = d.event_id and created_at = d.created_at) = any(${workflowIds}))`;
}

const failedIfSought = (status: Sought["status"]): SqlPart =>
  part`(${status}::text is distinct from 'failed' or d.failed_at is not null)`;

function between({ start, end }: Pick<Sought, "start" | "end">): SqlPart {
  return part`(${start}::timestamptz is null or d.id >= ${idBound(start, -1)} and d.created_at >= ${start})
    and (${end}::timestamptz is null or d.id < ${idBound(end, 1)} and d.created_at < ${end})`;
}

const hourMs = 3_600_000;

/**
 * The id that a delivery of an hour before or after would begin with: narrows the index. Ids carry the time of the
 * process that made them, and its clock may differ from the database's by that much.
 */
function idBound(instant: Date | null, hours: 1 | -1): string | null {
  if (instant === null) return null;
  const seconds = Math.floor((instant.getTime() + hours * hourMs) / 1000);
  return Math.min(Math.max(seconds, 0), 0xffffffff).toString(16).padStart(8, "0");
}
