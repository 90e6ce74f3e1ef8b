import { streakChanges } from "../domain/failure-streaks.ts";
import { rollUp } from "../domain/rollup.ts";
import type { Timing } from "../domain/timing.ts";
import type { SealContext } from "../secrets.ts";
import { boolArray, byteaArray, int4Array, textArray, uuidArray } from "./arrays.ts";
import { tellingChanges } from "./delivery-changes.ts";
import {
  countOfOpenStreaks,
  endStreaksOfAllTeams,
  followingStreaks,
  followStreaksOfAllTeams,
  haveFailed,
  notingRecoveredOfFollowed,
} from "./failure-streaks.ts";
import { addingRollups, addRollupsOfAllTeams } from "./rollups.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";

/** The seal context of an attempt's response body. */
export const responseBodyContext = (
  teamId: string,
  deliveryId: string,
  attemptNumber: number,
): SealContext => ({
  table: "attempts",
  column: "sealed_response_body",
  teamId,
  rowId: `${deliveryId}/${attemptNumber}`,
});

/** The seal context of an attempt's response headers. */
export const responseHeadersContext = (
  teamId: string,
  deliveryId: string,
  attemptNumber: number,
): SealContext => ({
  ...responseBodyContext(teamId, deliveryId, attemptNumber),
  column: "sealed_response_headers",
});

/** The id of an attempt whose result nobody recorded: the seconds of now, and a hash of its delivery and number. */
export const unseenAttemptId = (deliveryId: SqlPart, number: SqlPart): SqlPart => part`
  lpad(to_hex(extract(epoch from now())::bigint), 8, '0')
    || substr(md5(${deliveryId} || '/' || ${number}), 1, 16)`;

/** One ended attempt to record. */
export type AttemptRecord = {
  teamId: string;
  deliveryId: string;
  subscriptionId: string;
  eventType: string;
  createdAt: string;
  leaseToken: string;
  number: number;
  attemptId: string;
  requestUrl: string;
  statusCode: number | null;
  responseBody: string | null;
  /** Set instead of `responseBody` if the team's payloads are sealed. */
  sealedResponseBody: Buffer | null;
  responseTruncated: boolean;
  errorCode: string | null;
  errorMessage: string | null;
  latencyMs: number;
  manual: boolean;
  /** It was a probe of a failing endpoint. */
  probe: boolean;
  actor: string;
  outcome: "delivered" | "failed" | "retry";
  /** Milliseconds until the retry is due; null unless the outcome is `retry`. */
  delayMs: number | null;
  /** The IP address that the request was sent to. */
  address: string | null;
  /** Whole milliseconds. */
  timing: Timing;
  /** The request's headers, as a row of request_heads, and its signatures; null when nothing could be sent. */
  requestHeadId: string | null;
  requestProof: Buffer | null;
  /** Lines, see domain/response-headers.ts. */
  responseHeaders: string | null;
  /** Set instead of `responseHeaders` if the team's payloads are sealed. */
  sealedResponseHeaders: Buffer | null;
};

/** The records as rows; a statement gets them as arrays, one for each column. */
const givenRecords = (records: readonly AttemptRecord[]): SqlPart => part`
  select
    unnest(${textArray(records.map((r) => r.teamId))}::text[]) as team_id,
    unnest(${textArray(records.map((r) => r.deliveryId))}::text[]) as delivery_id,
    unnest(${textArray(records.map((r) => r.createdAt))}::text[])::timestamptz as delivery_created_at,
    unnest(${uuidArray(records.map((r) => r.leaseToken))}::uuid[]) as given_token,
    unnest(${int4Array(records.map((r) => r.number))}::int4[]) as number,
    unnest(${textArray(records.map((r) => r.attemptId))}::text[]) as attempt_id,
    unnest(${textArray(records.map((r) => r.requestUrl))}::text[]) as request_url,
    unnest(${int4Array(records.map((r) => r.statusCode))}::int4[]) as status_code,
    unnest(${textArray(records.map((r) => r.responseBody))}::text[]) as response_body,
    unnest(${byteaArray(records.map((r) => r.sealedResponseBody))}::bytea[]) as sealed_response_body,
    unnest(${boolArray(records.map((r) => r.responseTruncated))}::bool[]) as response_truncated,
    unnest(${textArray(records.map((r) => r.errorCode))}::text[]) as error_code,
    unnest(${textArray(records.map((r) => r.errorMessage))}::text[]) as error_message,
    unnest(${int4Array(records.map((r) => r.latencyMs))}::int4[]) as latency_ms,
    unnest(${boolArray(records.map((r) => r.manual))}::bool[]) as was_manual,
    unnest(${textArray(records.map((r) => r.actor))}::text[]) as actor,
    unnest(${textArray(records.map((r) => r.outcome))}::text[]) as outcome,
    unnest(${int4Array(records.map((r) => r.delayMs))}::int4[]) as delay_ms,
    unnest(${textArray(records.map((r) => r.address))}::text[]) as address,
    unnest(${int4Array(records.map((r) => r.timing.dns))}::int4[])::int2 as dns_ms,
    unnest(${int4Array(records.map((r) => r.timing.connect))}::int4[])::int2 as connect_ms,
    unnest(${int4Array(records.map((r) => r.timing.tls))}::int4[])::int2 as tls_ms,
    unnest(${int4Array(records.map((r) => r.timing.wait))}::int4[])::int2 as wait_ms,
    unnest(${int4Array(records.map((r) => r.timing.read))}::int4[])::int2 as read_ms,
    unnest(${uuidArray(records.map((r) => r.requestHeadId))}::uuid[]) as request_head_id,
    unnest(${byteaArray(records.map((r) => r.requestProof))}::bytea[]) as request_proof,
    unnest(${textArray(records.map((r) => r.responseHeaders))}::text[]) as response_headers,
    unnest(${byteaArray(records.map((r) => r.sealedResponseHeaders))}::bytea[])
      as sealed_response_headers`;

/** The columns of an attempt's row. */
const attemptColumns = part`delivery_id, number, delivery_created_at, id, team_id, request_url, success,
  status_code, response_body, sealed_response_body, response_truncated, error_code, error_message,
  latency_ms, will_retry, manual, created_by, address, dns_ms, connect_ms, tls_ms, wait_ms, read_ms,
  request_head_id, request_proof, response_headers, sealed_response_headers`;
const attemptValues = part`g.delivery_id, g.number, g.delivery_created_at, g.attempt_id, g.team_id, g.request_url,
  g.outcome = 'delivered', g.status_code, g.response_body, g.sealed_response_body, g.response_truncated,
  g.error_code, g.error_message, g.latency_ms, g.outcome = 'retry', g.was_manual, g.actor,
  g.address, g.dns_ms, g.connect_ms, g.tls_ms, g.wait_ms, g.read_ms, g.request_head_id, g.request_proof,
  g.response_headers, g.sealed_response_headers`;

/**
 * Inserts attempts, changes their deliveries if they still hold the lease, adds them to the counts, and updates failure
 * streaks. Returns the attempts that changed no delivery.
 *
 * Record those with `recordLateAttempts`: only the lease holder may change a delivery, but every attempt is logged.
 */
export async function recordAttempts(
  sql: Sql,
  records: readonly AttemptRecord[],
): Promise<Set<string>> {
  const changes = streakChanges(records);
  const allMoved = part`(select count(*) from g) = ${records.length}`;
  const failed = haveFailed(changes);
  const [moved] = await sql(failed ? "record_attempts" : "record_successes")<{
    count: number;
    attemptIds: string[] | null;
    openStreaks: number;
    at: string;
  }>`
    with g as (
      update deliveries d
      set status = case g.outcome when 'retry' then 'pending' else g.outcome end,
          lease_token = null,
          due_at = now() + g.delay_ms * interval '1 millisecond',
          retry_at = now() + g.delay_ms * interval '1 millisecond',
          manual = false,
          past_breaker = false,
          last_attempt_at = now(),
          last_status_code = g.status_code,
          last_error = g.error_message,
          finished_at = case when g.outcome <> 'retry' then now() end,
          updated_at = now()
      from (${givenRecords(records)}) g
      where d.team_id = g.team_id and d.id = g.delivery_id and d.lease_token = g.given_token
      returning g.*
    ), logged as (
      insert into attempts (${attemptColumns}) select ${attemptValues} from g
    ), counted as (
      ${addingRollups(rollUp(records), allMoved)}
    ), told as (
      ${tellingChanges(part`(select team_id, delivery_id as id from g) moved`)}
    )${failed ? part`, followed as (${followingStreaks(changes, allMoved)}), recovered as (${notingRecoveredOfFollowed})` : part``}
    -- Nearly always all of them: then a number says as much as their names.
    select count(*)::int as count,
           case when count(*) < ${records.length} then array_agg(attempt_id) end as "attemptIds",
           ${failed ? part`0` : countOfOpenStreaks(changes)} as "openStreaks", now()::text as at
    from g`;
  if (moved?.count === records.length) {
    // If this process crashes before this, the next success ends them.
    if (moved.openStreaks > 0) await endStreaksOfAllTeams(sql, changes, moved.at);
    return new Set();
  }
  const movedIds = new Set(moved?.attemptIds);
  const those = records.filter(({ attemptId }) => movedIds.has(attemptId));
  if (those.length > 0) {
    await addRollupsOfAllTeams(sql, rollUp(those));
    await followStreaksOfAllTeams(sql, streakChanges(those));
  }
  return new Set(records.map(({ attemptId }) => attemptId).filter((id) => !movedIds.has(id)));
}

/**
 * Logs attempts whose lease was lost, unless the delivery was erased. An attempt that was given up as `unknown_outcome`
 * has a row, which the result replaces. Nothing else changes, however often this runs.
 */
export async function recordLateAttempts(
  sql: Sql,
  records: readonly AttemptRecord[],
): Promise<void> {
  await sql("record_late_attempts")`
    with d as (
      select d.team_id, d.id
      from (${givenRecords(records)}) g
      join deliveries d on d.team_id = g.team_id and d.id = g.delivery_id
      for key share of d
    )
    insert into attempts (${attemptColumns})
    select ${attemptValues}
    from (${givenRecords(records)}) g
    where (g.team_id, g.delivery_id) in (select team_id, id from d)
    on conflict (delivery_id, number, delivery_created_at) do update set
      success = excluded.success, status_code = excluded.status_code,
      response_body = excluded.response_body,
      sealed_response_body = excluded.sealed_response_body,
      response_truncated = excluded.response_truncated,
      error_code = excluded.error_code, error_message = excluded.error_message,
      latency_ms = excluded.latency_ms, address = excluded.address,
      dns_ms = excluded.dns_ms, connect_ms = excluded.connect_ms, tls_ms = excluded.tls_ms,
      wait_ms = excluded.wait_ms, read_ms = excluded.read_ms,
      request_head_id = excluded.request_head_id, request_proof = excluded.request_proof,
      response_headers = excluded.response_headers,
      sealed_response_headers = excluded.sealed_response_headers
    where attempts.error_code = 'unknown_outcome'`;
}
