import { eventId, isObjectId, parseEventId } from "../ids.ts";
import { textArray } from "./arrays.ts";
import { type Listed, type Page, readList } from "./lists.ts";
import type { Database, Sql } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** What became of a delivery so far, as it is shown: `retrying` is pending with an attempt that ended. */
export const deliveryStatuses = ["pending", "retrying", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** A delivery with its event, for people to read. */
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
  /** The exact bytes that are posted; null when not asked for, or omitted. */
  payload: Buffer | null;
  /** Asked for, but beyond the payload bytes that one page may hold. */
  payloadOmitted: boolean;
  status: DeliveryStatus;
  /** Attempts that have ended; one in flight is not counted. */
  attemptCount: number;
  /** Set exactly while the status is `retrying`. */
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

/** Which deliveries to list; null asks for all. */
export type DeliveryFilter = {
  subscriptionId: string | null;
  workflowId: string | null;
  eventType: string | null;
  status: DeliveryStatus | null;
  /** The call that it tells of. */
  callId?: string | null;
  /** A whole id (delivery, event, subscription, workflow, run) or part of the workflow's name. */
  search: string | null;
  /** Created at or after. */
  start: Date | null;
  /** Created before. */
  end: Date | null;
};

/** Payload bytes in one page, at the most. */
export const pagePayloadBytesMax = 16 * 1024 * 1024;

/** Lists deliveries, newest first. */
export async function listDeliveries(
  database: Database,
  owner: SubscriptionOwner,
  filter: DeliveryFilter,
  page: Page & { withPayload: boolean },
): Promise<Listed<DeliveryRow>> {
  const sought = await resolveSearch(database.sql, owner, filter.search);
  const workflowIds = bothOf(filter.workflowId, sought?.workflowIds ?? null);
  if (sought === undefined || workflowIds?.length === 0) return nothing;
  const way = await chooseWay(database.sql, owner.teamId, workflowIds);
  const deliveries = matching(owner, filter, sought, way);
  return await readList<DeliveryRow>(database, {
    page: async (sql) =>
      await readDeliveries(sql, owner.teamId, await deliveries.page(sql, page), page),
    count: deliveries.count,
  });
}

const nothing: Listed<DeliveryRow> = { rows: [], total: 0, totalIsEstimate: false };

/** What a search means, once it is known which thing an id names. */
type Sought = {
  deliveryId: string | null;
  eventIds: string[] | null;
  subscriptionId: string | null;
  workflowIds: string[] | null;
};

const anything: Sought = {
  deliveryId: null,
  eventIds: null,
  subscriptionId: null,
  workflowIds: null,
};

/** Workflows that one search by name may stand for. */
const namedWorkflowsMax = 10_000;

const bothOf = (id: string | null, ids: string[] | null): string[] | null =>
  id === null ? ids : ids === null || ids.includes(id) ? [id] : [];

/**
 * Finds out what a search names, by one probe for each thing an id may be: an `or` over all of them would read the whole
 * history. A name is looked up among the workflows, which are few, and not among their events. Undefined: nothing.
 */
async function resolveSearch(
  sql: Sql,
  owner: SubscriptionOwner,
  search: string | null,
): Promise<Sought | undefined> {
  if (search === null) return anything;
  const event = parseEventId(search);
  if (event !== undefined) return { ...anything, eventIds: [event] };
  if (!isObjectId(search)) {
    const named = await sql<{ id: string }>`
      select id from workflows
      where team_id = ${owner.teamId} and strpos(lower(name), lower(${search})) > 0
      order by id desc
      limit ${namedWorkflowsMax}`;
    return { ...anything, workflowIds: named.map(({ id }) => id) };
  }

  const { teamId } = owner;
  // Events carry no index by run: theirs are derived from the run's id, so they are known without one.
  const runEventIds = ["workflow_run_started", "workflow_run_completed"].map((action) =>
    eventId({
      teamId,
      contract: owner.contract,
      dedupeKey: `${action}:${search}`,
      subjectId: search,
    }),
  );
  const [found] = await sql<Record<"delivery" | "subscription" | "workflow" | "run", boolean>>`
    select
      exists (select from deliveries where team_id = ${teamId} and id = ${search}) as delivery,
      exists (select from subscriptions where team_id = ${teamId} and id = ${search}) as subscription,
      exists (select from events where team_id = ${teamId} and workflow_id = ${search}) as workflow,
      exists (select from events where id = any(${runEventIds}::uuid[])) as run`;
  if (found?.delivery) return { ...anything, deliveryId: search };
  if (found?.subscription) return { ...anything, subscriptionId: search };
  if (found?.workflow) return { ...anything, workflowIds: [search] };
  if (found?.run) return { ...anything, eventIds: runEventIds };
  return undefined;
}

/** Deliveries of workflows, found either way round: from their few events, or walking the history until a page is full. */
type OfWorkflows = { few: string[] | null; many: string[] | null };

const fewEvents = 50_000;

async function chooseWay(
  sql: Sql,
  teamId: string,
  workflowIds: string[] | null,
): Promise<OfWorkflows> {
  if (workflowIds === null) return { few: null, many: null };
  const beyond = await sql`
    select from events where team_id = ${teamId} and workflow_id = any(${workflowIds}::text[])
    limit 1 offset ${fewEvents}`;
  return beyond.length === 0 ? { few: workflowIds, many: null } : { few: null, many: workflowIds };
}

/**
 * The same conditions twice: once to read a page of ids, once to count. Parameters that are null fall away in planning.
 *
 * What is asked of an event by a sub-select is asked row by row, newest first: the planner takes the pair (event_id,
 * created_at) for two independent conditions, expects one row of a join, and would read the whole history for it.
 */
function matching(
  owner: SubscriptionOwner,
  filter: DeliveryFilter,
  sought: Sought,
  { few, many }: OfWorkflows,
) {
  const { teamId, contract } = owner;
  const { subscriptionId, eventType, status, callId = null, start, end } = filter;
  const [idMin, idMax] = [idBound(start, -1), idBound(end, 1)];

  return {
    page: async (sql: Sql, page: Page): Promise<string[]> => {
      const rows = await sql<{ id: string }>`
        select d.id
        from deliveries d
        join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
        left join events e on e.id = d.event_id and e.created_at = d.created_at
        where d.team_id = ${teamId} and s.contract = ${contract}
          and (${subscriptionId}::text is null or d.subscription_id = ${subscriptionId})
          and (${few}::text[] is null or e.workflow_id = any(${few}) and e.team_id = ${teamId})
          and (${many}::text[] is null or (select workflow_id from events where id = d.event_id and created_at = d.created_at) = any(${many}))
          and (${eventType}::text is null or d.event_type = ${eventType})
          and (${callId}::text is null or d.order_key = ${callId})
          and (${status}::text is null or d.status = case ${status} when 'retrying' then 'pending' else ${status} end)
          and (${status}::text is distinct from 'pending' or d.finished_at is null and d.last_attempt_at is null)
          and (${status}::text is distinct from 'retrying' or d.finished_at is null and d.last_attempt_at is not null)
          and (${start}::timestamptz is null or d.id >= ${idMin} and d.created_at >= ${start})
          and (${end}::timestamptz is null or d.id < ${idMax} and d.created_at < ${end})
          and (${sought.deliveryId}::text is null or d.id = ${sought.deliveryId})
          and (${sought.eventIds}::uuid[] is null or d.event_id = any(${sought.eventIds}))
          and (${sought.subscriptionId}::text is null or d.subscription_id = ${sought.subscriptionId})
        order by d.id desc
        limit ${page.limit} offset ${page.offset}`;
      return rows.map(({ id }) => id);
    },
    count: (sql: Sql, limit: number | null) => sql`
      select count(*)::int as count from (
        select d.id
        from deliveries d
        join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
        left join events e on e.id = d.event_id and e.created_at = d.created_at
        where d.team_id = ${teamId} and s.contract = ${contract}
          and (${subscriptionId}::text is null or d.subscription_id = ${subscriptionId})
          and (${few}::text[] is null or e.workflow_id = any(${few}) and e.team_id = ${teamId})
          and (${many}::text[] is null or (select workflow_id from events where id = d.event_id and created_at = d.created_at) = any(${many}))
          and (${eventType}::text is null or d.event_type = ${eventType})
          and (${callId}::text is null or d.order_key = ${callId})
          and (${status}::text is null or d.status = case ${status} when 'retrying' then 'pending' else ${status} end)
          and (${status}::text is distinct from 'pending' or d.finished_at is null and d.last_attempt_at is null)
          and (${status}::text is distinct from 'retrying' or d.finished_at is null and d.last_attempt_at is not null)
          and (${start}::timestamptz is null or d.id >= ${idMin} and d.created_at >= ${start})
          and (${end}::timestamptz is null or d.id < ${idMax} and d.created_at < ${end})
          and (${sought.deliveryId}::text is null or d.id = ${sought.deliveryId})
          and (${sought.eventIds}::uuid[] is null or d.event_id = any(${sought.eventIds}))
          and (${sought.subscriptionId}::text is null or d.subscription_id = ${sought.subscriptionId})
        limit ${limit}
      ) matching`,
  };
}

const dayMs = 86_400_000;

/** The id that a delivery of a day before or after would begin with: narrows the index; the clocks may differ by that much. */
function idBound(instant: Date | null, days: 1 | -1): string | null {
  if (instant === null) return null;
  const seconds = Math.floor((instant.getTime() + days * dayMs) / 1000);
  return Math.min(Math.max(seconds, 0), 0xffffffff).toString(16).padStart(8, "0");
}

/** Reads these deliveries, newest first. Payloads beyond the bytes of a page are never fetched from their storage. */
async function readDeliveries(
  sql: Sql,
  teamId: string,
  ids: readonly string[],
  { withPayload }: { withPayload: boolean },
): Promise<DeliveryRow[]> {
  return await sql<DeliveryRow>`
    with sized as (
      select d.*, e.workflow_id, e.workflow_name, e.run_id, e.run_status, e.call_id,
             e.dedupe_key, e.created_by, e.payload,
             sum(octet_length(e.payload)) over (order by d.id desc) as payload_bytes
      from deliveries d
      left join events e on e.id = d.event_id and e.created_at = d.created_at
      where d.team_id = ${teamId} and d.id = any(${textArray(ids)}::text[])
    )
    select id, event_id as "eventId", subscription_id as "subscriptionId",
           event_type as "eventType", workflow_id as "workflowId",
           workflow_name as "workflowName", run_id as "runId", run_status as "runStatus",
           call_id as "callId", dedupe_key as "dedupeKey",
           case when ${withPayload} and payload_bytes <= ${pagePayloadBytesMax} then payload end
             as payload,
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

/** An attempt with what its delivery knows of it. */
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
  /** Set in place of `responseBody` where it is sealed. */
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

/** Lists the attempts of one delivery, or of all deliveries of one event, newest first; undefined when there is none. */
export async function listAttempts(
  database: Database,
  owner: SubscriptionOwner,
  name: { deliveryId: string } | { eventId: string },
  page: Page,
): Promise<Listed<AttemptRow> | undefined> {
  const deliveryId = "deliveryId" in name ? name.deliveryId : null;
  const event = "eventId" in name ? name.eventId : null;
  const named = await database.sql<{ id: string }>`
    select d.id
    from deliveries d
    join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
    where d.team_id = ${owner.teamId} and s.contract = ${owner.contract}
      and (${deliveryId}::text is null or d.id = ${deliveryId})
      and (${event}::uuid is null or d.event_id = ${event})`;
  if (named.length === 0) return undefined;
  const ids = textArray(named.map(({ id }) => id));
  return await readList<AttemptRow>(database, {
    page: (sql) => sql<AttemptRow>`
      select a.id, d.event_id as "eventId", d.subscription_id as "subscriptionId",
             d.event_type as "eventType", a.number, a.request_url as "requestUrl", a.success,
             a.status_code as "statusCode", a.response_body as "responseBody",
             a.sealed_response_body as "sealedResponseBody", d.id as "deliveryId",
             a.response_truncated as "responseTruncated", a.error_code as "errorCode",
             a.error_message as "errorMessage", a.latency_ms as "latencyMs",
             a.will_retry as "willRetry", a.manual, a.created_by as "createdBy",
             a.created_at as "createdAt"
      from deliveries d
      join attempts a on a.delivery_id = d.id and a.delivery_created_at = d.created_at
      where d.team_id = ${owner.teamId} and d.id = any(${ids}::text[])
      order by a.created_at desc, a.number desc, a.id desc
      limit ${page.limit} offset ${page.offset}`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select a.id
        from deliveries d
        join attempts a on a.delivery_id = d.id and a.delivery_created_at = d.created_at
        where d.team_id = ${owner.teamId} and d.id = any(${ids}::text[])
        limit ${limit}
      ) matching`,
  });
}

/** Names the event that a delivery carries; undefined when there is no such delivery. */
export async function findEventOfDelivery(
  sql: Sql,
  teamId: string,
  deliveryId: string,
): Promise<string | undefined> {
  const [row] = await sql<{ eventId: string }>`
    select event_id as "eventId" from deliveries where team_id = ${teamId} and id = ${deliveryId}`;
  return row?.eventId;
}
