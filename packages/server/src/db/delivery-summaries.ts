import type { DeliveryStatus } from "../domain/delivery.ts";
import type { Timing } from "../domain/timing.ts";
import { textArray } from "./arrays.ts";
import { daysOf } from "./lists.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";

/** A delivery of any contract, as lists show it. */
export type DeliverySummary = {
  id: string;
  subscriptionId: string;
  contract: string;
  eventType: string;
  /** The event's UUID, without the public prefix. */
  eventId: string;
  /** It is a sample (a test). */
  test: boolean;
  status: DeliveryStatus;
  /** Attempts that have ended; one in flight is not counted. */
  attemptCount: number;
  /** The status code of the last ended attempt. */
  statusCode: number | null;
  errorCode: string | null;
  durationMs: number | null;
  workflowId: string | null;
  runId: string | null;
  stepId: string | null;
  callId: string | null;
  messageId: string | null;
  assistantId: string | null;
  createdAt: Date;
  updatedAt: Date;
  /** Null after it has ended, and while an attempt is in flight. */
  nextAttemptAt: Date | null;
  deliveredAt: Date | null;
};

/** The number of a delivery's last attempt that ended. */
const lastNumber = part`(d.attempt_count - case when d.lease_token is null then 0 else 1 end)`;

/** A delivery's error code: that of its last attempt, or of what ended it otherwise. */
export const errorCodeBy = (codeOfAttempt: SqlPart): SqlPart => part`
  case when d.status = 'delivered' then null
       when d.last_error in ('subscription_deleted', 'payload_expired', 'crash_loop', 'unknown_outcome', 'expired')
         then d.last_error
       else ${codeOfAttempt} end`;

/** The code of the last attempt of a delivery `d`. */
export const lastErrorCode: SqlPart = part`
  (select a.error_code from attempts a
   where a.team_id = d.team_id and a.delivery_id = d.id and a.delivery_created_at = d.created_at
     and a.number = ${lastNumber})`;

/** Reads these deliveries, newest first; `createdAt` selects the partitions of their events and attempts. */
export async function readSummaries(
  sql: Sql,
  teamId: string,
  found: readonly { id: string; createdAt: Date }[],
): Promise<DeliverySummary[]> {
  const [from, to] = daysOf(found);
  return await sql<DeliverySummary>`
    select d.id, d.subscription_id as "subscriptionId", s.contract, d.event_type as "eventType",
           d.event_id as "eventId",
           case s.contract
             -- A sample tells of a workflow that never was, or has an order of its own.
             when 'workflow' then d.workflow_id is not null and not exists (
               select from workflows w where w.team_id = d.team_id and w.id = d.workflow_id)
             when 'organisation' then d.order_key is not null
             else false end as test,
           case when d.status = 'pending' and d.last_attempt_at is not null then 'retrying'
                else d.status end as status,
           ${lastNumber} as "attemptCount", d.last_status_code as "statusCode",
           ${errorCodeBy(part`a.error_code`)} as "errorCode", a.latency_ms as "durationMs",
           coalesce(d.workflow_id, e.workflow_id) as "workflowId", e.run_id as "runId",
           -- A step's events are named "type:run:step", and ":attempt" from the second attempt on.
           case when e.event_type like 'workflow.step.%' then split_part(e.dedupe_key, ':', 3) end
             as "stepId",
           e.call_id as "callId", e.message_id as "messageId", coalesce(e.assistant_id, s.subject_id) as "assistantId",
           d.created_at as "createdAt", d.updated_at as "updatedAt",
           case when d.finished_at is null and d.lease_token is null then d.due_at end
             as "nextAttemptAt",
           case when d.status = 'delivered' then d.finished_at end as "deliveredAt"
    from deliveries d
    join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
    left join events e on e.team_id = d.team_id and e.id = d.event_id
      and e.created_at = d.created_at and e.created_at between ${from} and ${to}
    left join attempts a on a.team_id = d.team_id and a.delivery_id = d.id
      and a.delivery_created_at = d.created_at and a.delivery_created_at between ${from} and ${to}
      and a.number = ${lastNumber}
    where d.team_id = ${teamId} and d.id = any(${textArray(found.map(({ id }) => id))}::text[])
    order by d.id desc`;
}

/** A delivery with its payload. */
export type DeliveryWithBody = DeliverySummary & {
  /** The exact bytes of the payload, plain or sealed; null when not requested, or not kept any more. */
  payload: Buffer | null;
  /** There is a payload, whether it was requested or not. */
  payloadHeld: boolean;
};

/** Finds one delivery, whatever its contract. */
export async function findDelivery(
  sql: Sql,
  teamId: string,
  id: string,
  { withPayload }: { withPayload: boolean },
): Promise<DeliveryWithBody | undefined> {
  const [found] = await sql<{
    createdAt: Date;
    payload: Buffer | null;
    payloadHeld: boolean;
  }>`
    select d.created_at as "createdAt", case when ${withPayload} then e.payload end as payload,
           e.payload is not null as "payloadHeld"
    from deliveries d
    left join events e on e.team_id = d.team_id and e.id = d.event_id and e.created_at = d.created_at
    where d.team_id = ${teamId} and d.id = ${id}`;
  if (!found) return undefined;
  const [summary] = await readSummaries(sql, teamId, [{ id, createdAt: found.createdAt }]);
  return summary && { ...found, ...summary };
}

/** An attempt that ended, as its delivery shows it. */
export type AttemptSummary = {
  number: number;
  createdAt: Date;
  requestUrl: string;
  statusCode: number | null;
  responseBody: string | null;
  /** Set instead of `responseBody` if it is sealed. */
  sealedResponseBody: Buffer | null;
  responseTruncated: boolean;
  errorCode: string | null;
  errorMessage: string | null;
  latencyMs: number | null;
  /** The IP address that the request was sent to. */
  address: string | null;
  timing: Timing;
  /** The stored headers of the request (domain/request-head.ts), and its signatures. */
  requestHead: string | null;
  requestProof: Buffer | null;
  responseHeaders: string | null;
  /** Set instead of `responseHeaders` if they are sealed. */
  sealedResponseHeaders: Buffer | null;
  willRetry: boolean;
  /** `system`, or the id of the key that asked for it. */
  actor: string;
};

/** Lists the attempts of a known delivery, newest first. */
export async function listAttemptsOf(
  sql: Sql,
  teamId: string,
  delivery: { id: string; createdAt: Date },
  limit: number,
): Promise<AttemptSummary[]> {
  const [from, to] = daysOf([delivery]);
  return await sql<AttemptSummary>`
    select a.number, a.created_at as "createdAt", a.request_url as "requestUrl",
           a.status_code as "statusCode", a.response_body as "responseBody",
           a.sealed_response_body as "sealedResponseBody",
           a.response_truncated as "responseTruncated", a.error_code as "errorCode",
           a.error_message as "errorMessage", a.latency_ms as "latencyMs", a.address,
           json_build_object('dns', a.dns_ms, 'connect', a.connect_ms, 'tls', a.tls_ms,
                             'wait', a.wait_ms, 'read', a.read_ms) as timing,
           h.headers as "requestHead", a.request_proof as "requestProof",
           a.response_headers as "responseHeaders",
           a.sealed_response_headers as "sealedResponseHeaders",
           a.will_retry as "willRetry", a.created_by as actor
    from attempts a
    left join request_heads h on h.team_id = a.team_id and h.id = a.request_head_id
    where a.team_id = ${teamId} and a.delivery_id = ${delivery.id}
      and a.delivery_created_at between ${from} and ${to}
    order by a.number desc
    limit ${limit}`;
}
