import type { DeliveryStatus } from "../domain/delivery.ts";
import { callEventIds, workflowRunEventIds } from "../domain/event-ids.ts";
import { isObjectId, parseEventId } from "../ids.ts";
import { textArray } from "./arrays.ts";
import { newestIn, rangesOfKinds } from "./delivery-ranges.ts";
import { type Found, findDeliveries, readWalkStart } from "./delivery-search.ts";
import { everyDelivery, narrowed, type Sought as SoughtOfAll } from "./delivery-sought.ts";
import { chooseWays, type Sought } from "./delivery-ways.ts";
import { daysOf, type Listed, type Page, readList, withOneMore } from "./lists.ts";
import type { Database } from "./pool.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";
import {
  markedBy,
  type Order,
  readCountedWalk,
  timeOf,
  timeText,
  type Walked,
  type WalkPage,
  type WalkPosition,
} from "./walks.ts";

/** A delivery with its event, for lists. */
export type DeliveryRow = {
  id: string;
  eventId: string;
  subscriptionId: string;
  eventType: string;
  workflowId: string | null;
  workflowName: string | null;
  runId: string | null;
  runStatus: string | null;
  callId: string | null;
  dedupeKey: string | null;
  /** The exact bytes of the payload; null when not requested, or omitted. */
  payload: Buffer | null;
  /** There is a payload, whether it was requested or not. */
  payloadHeld: boolean;
  /** It was requested, but exceeds the payload bytes of one page. */
  payloadOmitted: boolean;
  status: DeliveryStatus;
  /** Attempts that have ended; one in flight is not counted. */
  attemptCount: number;
  /** Set only while the status is `retrying`. */
  retryAt: Date | null;
  deliveredAt: Date | null;
  lastAttemptAt: Date | null;
  lastStatusCode: number | null;
  lastError: string | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

/** Filter of deliveries; null: all. */
export type DeliveryFilter = {
  subscriptionId: string | null;
  workflowId: string | null;
  eventType: string | null;
  status: DeliveryStatus | null;
  /** The call of the event. */
  callId?: string | null;
  /** A whole id (delivery, event, subscription, workflow, run) or part of the workflow's name. */
  search: string | null;
  /** Created at or after. */
  start: Date | null;
  /** Created before. */
  end: Date | null;
};

/** The most payload bytes in one page. */
const pagePayloadBytesMax = 16 * 1024 * 1024;

/** Lists deliveries, newest first: a page by its number, or the next one of a walk. */
export async function listDeliveries(
  database: Database,
  owner: SubscriptionOwner,
  filter: DeliveryFilter,
  page: WalkPage & { withPayload: boolean },
): Promise<Walked<Listed<DeliveryRow>>> {
  const sought = await resolveDeliveryFilter(database.sql, owner, filter);
  if (sought === undefined) return nothing;
  const wider = withOneMore(page);
  const { pages, count, estimated } = await chooseWays(database.sql, owner, sought, wider);
  const { teamId } = owner;
  // Before the page is read: later rows are newer than the walk's rows.
  const start = page.after?.start ?? (await readWalkStart(database.sql));
  let next: WalkPosition | null = null;
  const listed = await readList<DeliveryRow>(database, {
    ...page,
    page: async (sql) => {
      if (page.after === undefined) {
        const found = await findPage(sql, teamId, pages, wider);
        const last = found.length > page.limit ? found[page.limit - 1] : undefined;
        next = last ? { start, row: [last.id] } : null;
        return await readDeliveries(sql, teamId, found, page);
      }
      const walked = await findDeliveries(sql, teamId, walkedThrough(owner, sought), {
        ...page,
        start,
      });
      next = walked.next;
      return await readDeliveries(sql, teamId, walked.found, page);
    },
    count: (sql, limit) => sql`
      select count(*)::int as count from (select d.id ${limit === null ? estimated : count} limit ${limit}) matching`,
  });
  return { ...listed, next };
}

const nothing = { rows: [], more: false, total: 0, totalIsEstimate: false, next: null };

/** The same filter in the form of the list of all contracts, which supports walks. */
export const walkedThrough = ({ contract }: SubscriptionOwner, sought: Sought): SoughtOfAll => ({
  ...narrowed(everyDelivery, null),
  contracts: [contract],
  subscriptionIds: sought.subscriptionId === null ? null : [sought.subscriptionId],
  eventTypes: sought.eventType === null ? null : [sought.eventType],
  statuses: sought.status === null ? null : [sought.status],
  from: sought.start,
  to: sought.end,
  workflowIds: sought.workflowIds,
  ...sought.named,
});

async function findPage(
  sql: Sql,
  teamId: string,
  ways: readonly SqlPart[],
  page: Page,
): Promise<Found[]> {
  let found: Found[] = [];
  for (const way of ways) {
    found = await sql<Found>`
      select d.id, d.created_at as "createdAt"
      from (
        select d.id ${way} order by d.id desc limit ${page.limit} offset ${page.offset}
      ) found
      join deliveries d on d.team_id = ${teamId} and d.id = found.id
      order by d.id desc`;
    if (found.length === page.limit) break;
  }
  return found;
}

/** The most workflows that one search by name may match. */
const namedWorkflowsMax = 10_000;

/**
 * Resolves a filter with one probe for each kind of id that the search may be: an `or` over all kinds would read the
 * whole history. A name is looked up in the workflows, which are few, and not in their events. Undefined: nothing can
 * match.
 */
export async function resolveDeliveryFilter(
  sql: Sql,
  owner: SubscriptionOwner,
  filter: DeliveryFilter,
): Promise<Sought | undefined> {
  const { teamId } = owner;
  const { workflowId, search, callId = null } = filter;
  const given: Sought = {
    ...filter,
    workflowIds: workflowId === null ? null : [workflowId],
    named: null,
  };
  if (callId !== null) {
    return { ...given, named: { eventIds: await listEventIdsOfCall(sql, teamId, callId) } };
  }
  if (search === null) return await throughFew(sql, owner, given);
  const event = parseEventId(search);
  if (event !== undefined) return { ...given, named: { eventIds: [event] } };
  const alsoOf = (ids: string[]) =>
    throughFew(sql, owner, {
      ...given,
      workflowIds: workflowId === null ? ids : ids.filter((id) => id === workflowId),
    });
  if (!isObjectId(search)) {
    const workflows = await sql<{ id: string }>`
      select id from workflows
      where team_id = ${teamId} and strpos(lower(name), lower(${search})) > 0
      order by id desc
      limit ${namedWorkflowsMax}`;
    return await alsoOf(workflows.map(({ id }) => id));
  }

  const [found] = await sql<Record<"delivery" | "subscription" | "workflow", boolean>>`
    select
      exists (select from deliveries where team_id = ${teamId} and id = ${search}) as delivery,
      exists (select from subscriptions where team_id = ${teamId} and id = ${search}) as subscription,
      exists (select from workflows where team_id = ${teamId} and id = ${search}) as workflow`;
  if (found?.delivery) return { ...given, named: { deliveryIds: [search] } };
  if (found?.subscription) {
    if (filter.subscriptionId !== null && filter.subscriptionId !== search) return undefined;
    return await throughFew(sql, owner, { ...given, subscriptionId: search });
  }
  if (found?.workflow) return await alsoOf([search]);
  // Events have no index by run: their ids are computed from the run's id.
  return { ...given, named: { eventIds: workflowRunEventIds(teamId, search) } };
}

/** The ids of a call's events are computed too: one of each type for each position in it. */
async function listEventIdsOfCall(sql: Sql, teamId: string, callId: string): Promise<string[]> {
  const [call] = await sql<{ position: number }>`
    select position from calls where team_id = ${teamId} and id = ${callId}`;
  return callEventIds(teamId, callId, call?.position ?? 0);
}

/** The most deliveries that are read one by one. */
const few = 5_000;

/** Finds deliveries of workflows by their event type, if those of the type are few. */
async function throughFew(
  sql: Sql,
  owner: SubscriptionOwner,
  sought: Sought,
): Promise<Sought | undefined> {
  const { workflowIds, eventType } = sought;
  if (workflowIds === null) return sought;
  if (workflowIds.length === 0) return undefined;
  if (eventType === null) return sought;
  const ranges = await rangesOfKinds(sql, owner, sought);
  const read = { columns: part`d.id`, wanted: part`true`, limit: few + 1 };
  const ofType = await sql<{ id: string }>`
    select d.id ${newestIn(owner.teamId, ranges, read)} limit ${few + 1}`;
  if (ofType.length > few) return sought;
  return { ...sought, named: { deliveryIds: ofType.map(({ id }) => id) } };
}

/** Reads these deliveries, newest first. Payloads beyond a page's byte limit are not read from storage. */
async function readDeliveries(
  sql: Sql,
  teamId: string,
  found: readonly Found[],
  { withPayload }: { withPayload: boolean },
): Promise<DeliveryRow[]> {
  const [from, to] = daysOf(found);
  return await sql<DeliveryRow>`
    with sized as (
      select d.*, e.workflow_id as of_workflow_id, e.workflow_name, e.run_id, e.run_status, e.call_id,
             e.dedupe_key, e.created_by, e.payload,
             sum(coalesce(octet_length(e.payload), 0)) over (order by d.id desc) as payload_bytes
      from deliveries d
      left join events e on e.team_id = d.team_id and e.id = d.event_id and e.created_at = d.created_at
        -- Says nothing new, but names the partitions when the statement is planned: planning for all takes longer than reading.
        and e.created_at between ${from} and ${to}
      where d.team_id = ${teamId} and d.id = any(${textArray(found.map(({ id }) => id))}::text[])
    )
    select id, event_id as "eventId", subscription_id as "subscriptionId",
           event_type as "eventType", of_workflow_id as "workflowId",
           workflow_name as "workflowName", run_id as "runId", run_status as "runStatus",
           call_id as "callId", dedupe_key as "dedupeKey",
           case when ${withPayload} and payload_bytes <= ${pagePayloadBytesMax} then payload end
             as payload,
           payload is not null as "payloadHeld",
           ${withPayload} and payload_bytes > ${pagePayloadBytesMax} as "payloadOmitted",
           case when status = 'pending' and last_attempt_at is not null then 'retrying'
                else status end as status,
           attempt_count - case when lease_token is null then 0 else 1 end as "attemptCount",
           case when last_attempt_at is not null then retry_at end as "retryAt",
           case when status = 'delivered' then finished_at end as "deliveredAt",
           last_attempt_at as "lastAttemptAt", last_status_code as "lastStatusCode",
           last_error as "lastError", coalesce(created_by, 'system') as "createdBy",
           updated_by as "updatedBy", created_at as "createdAt", updated_at as "updatedAt"
    from sized
    order by id desc`;
}

/** An attempt with fields of its delivery. */
export type AttemptRow = {
  id: string;
  deliveryId: string;
  eventId: string;
  subscriptionId: string;
  eventType: string;
  number: number;
  requestUrl: string;
  success: boolean;
  statusCode: number | null;
  responseBody: string | null;
  /** Set instead of `responseBody` if it is sealed. */
  sealedResponseBody: Buffer | null;
  responseTruncated: boolean;
  errorCode: string | null;
  errorMessage: string | null;
  latencyMs: number | null;
  willRetry: boolean;
  manual: boolean;
  createdBy: string;
  createdAt: Date;
};

/** The order of attempts: newest first. */
const newestFirst: Order = {
  row: part`array[${timeText(part`a.created_at`)}, a.number::text, a.id]`,
  behind: ([at, number, id]) => part`
    (a.created_at, a.number, a.id) < (${timeOf(at)}, ${number}::int2, ${id})`,
};

/** Lists the attempts of one delivery, or of all deliveries of one event, newest first; undefined when there is none. */
export async function listAttempts(
  database: Database,
  owner: SubscriptionOwner,
  name: { deliveryId: string } | { eventId: string },
  page: WalkPage,
): Promise<Walked<Listed<AttemptRow>> | undefined> {
  const deliveryId = "deliveryId" in name ? name.deliveryId : null;
  const event = "eventId" in name ? name.eventId : null;
  const found = await database.sql<Found>`
    select d.id, d.created_at as "createdAt"
    from deliveries d
    join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
    where d.team_id = ${owner.teamId} and s.contract = ${owner.contract}
      and (${deliveryId}::text is null or d.id = ${deliveryId})
      and (${event}::uuid is null or d.event_id = ${event})`;
  if (found.length === 0) return undefined;
  const [from, to] = daysOf(found);
  const theirs = part`
    from deliveries d
    join attempts a on a.team_id = d.team_id and a.delivery_id = d.id
      and a.delivery_created_at = d.created_at
      and a.delivery_created_at between ${from} and ${to}
    where d.team_id = ${owner.teamId}
      and d.id = any(${textArray(found.map(({ id }) => id))}::text[])`;
  return await readCountedWalk<AttemptRow>(database, page, {
    page: (sql) => sql<AttemptRow>`
      select a.id, d.event_id as "eventId", d.subscription_id as "subscriptionId",
             d.event_type as "eventType", a.number, a.request_url as "requestUrl", a.success,
             a.status_code as "statusCode", a.response_body as "responseBody",
             a.sealed_response_body as "sealedResponseBody", d.id as "deliveryId",
             a.response_truncated as "responseTruncated", a.error_code as "errorCode",
             a.error_message as "errorMessage", a.latency_ms as "latencyMs",
             a.will_retry as "willRetry", a.manual, a.created_by as "createdBy",
             a.created_at as "createdAt", ${markedBy(newestFirst)}
      ${theirs} and ${page.after ? newestFirst.behind(page.after.row) : part`true`}
      order by a.created_at desc, a.number desc, a.id desc
      limit ${page.limit + 1} offset ${page.offset}`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (select a.id ${theirs} limit ${limit}) matching`,
  });
}

/** Finds the id of a delivery's event; undefined when there is no such delivery. */
export async function findEventOfDelivery(
  sql: Sql,
  teamId: string,
  deliveryId: string,
): Promise<string | undefined> {
  const [row] = await sql<{ eventId: string }>`
    select event_id as "eventId" from deliveries where team_id = ${teamId} and id = ${deliveryId}`;
  return row?.eventId;
}
