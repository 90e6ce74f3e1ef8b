import { crashesMax, giveUpCodes, lostAttemptCode } from "../domain/crash-policy.ts";
import type { LeasedDelivery } from "../domain/delivery.ts";
import type { GivenUp } from "../domain/tally.ts";
import { int4Array, textArray } from "./arrays.ts";
import { unseenAttemptId } from "./attempts.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { addingEnded } from "./rollups.ts";
import { part, type Sql, type SqlPart } from "./sql.ts";

/**
 * Which deliveries of a subscription are claimed. `any`: in any order. `ordered`: only the earliest of each order key.
 * `probe`: one, as a probe of a failing receiver, if its time has come. `past_breaker`: those that people asked for,
 * which do not wait for the breaker.
 */
export type ClaimKind = "any" | "ordered" | "probe" | "past_breaker";

/** How many deliveries of a subscription may be claimed, and which. */
export type ClaimShare = {
  subscriptionId: string;
  limit: number;
  leaseMs: number;
  /** Undefined: `any`. */
  kind?: ClaimKind;
};

const givenShares = (shares: readonly ClaimShare[]): SqlPart => part`
  unnest(
    ${textArray(shares.map((share) => share.subscriptionId))}::text[],
    ${int4Array(shares.map((share) => share.limit))}::int4[],
    ${int4Array(shares.map((share) => share.leaseMs))}::int4[])
    as share (subscription_id, row_limit, lease_ms)`;

const claimedColumns = part`team_id, id, created_at, event_id, subscription_id, event_type, due_at, lease_token,
  attempt_count, crash_count, manual, updated_by, order_key, past_breaker, ctid as row_at`;

export type ClaimOptions = {
  leaseToken: string;
  payloadBytesMax: number;
  /** Called with each delivery that could not be leased again and has ended. */
  onGivenUp?: (givenUp: GivenUp) => void;
};

type ClaimedRow = Omit<LeasedDelivery, "leaseMs" | "leaseToken" | "sealed"> & {
  givenUpAs: string | null;
};

/** The rules of `decideClaim` (domain/crash-policy.ts) for a row of `picked` with its event. */
const giveUpCode = part`case
  when e.payload is null then ${giveUpCodes.withoutPayload}::text
  when lease_token is null then null
  when order_key is not null then ${giveUpCodes.ordered}::text
  when crash_count >= ${crashesMax} then ${giveUpCodes.crashes}::text end`;

/**
 * Leases due deliveries: for each subscription at most its share, oldest first, within a limit of payload bytes.
 *
 * SKIP LOCKED lets any number of processes claim at once. A due row with a lease was held by a process that died or
 * stalled: its open attempt becomes `unknown_outcome`. Whether a delivery is leased or ends is decided by the rules of
 * domain/crash-policy.ts, for all rows at once.
 *
 * A probe is claimed by one process: the one that moves the time of the next probe to the end of the lease. After a crash
 * of that process there is no new probe before that time.
 *
 * An ordered delivery is claimed only after all earlier deliveries of its order key have ended. The claim jumps along the
 * index from key to key, so its cost depends on the number of keys and not on the deliveries that wait behind each.
 */
export async function claimDueOfAllTeams(
  sql: Sql,
  shares: readonly ClaimShare[],
  options: ClaimOptions,
): Promise<LeasedDelivery[]> {
  const ofKind = (kind: ClaimKind) => shares.filter((share) => (share.kind ?? "any") === kind);
  const rows = await sql("claim_due")<ClaimedRow>`
    with recursive probe as (
      update failure_streaks f
      set probe_token = ${options.leaseToken}::uuid, probe_at = now() + share.lease_ms * interval '1 millisecond'
      from ${givenShares(ofKind("probe"))}
      cross join lateral (select team_id from subscriptions where id = share.subscription_id offset 0) s
      where f.team_id = s.team_id and f.subscription_id = share.subscription_id and f.probe_at <= now()
      returning share.subscription_id, share.row_limit, share.lease_ms
    ), picked_in_any_order as (
      select d.*, share.lease_ms, share.is_probe
      from (
        select subscription_id, row_limit, lease_ms, false as is_probe from ${givenShares(ofKind("any"))}
        union all
        select subscription_id, row_limit, lease_ms, true from probe
      ) share
      cross join lateral (
        select ${claimedColumns}
        from deliveries
        where subscription_id = share.subscription_id and due_at <= now() and order_key is null
        order by due_at
        limit share.row_limit
        for update skip locked
      ) d
    ), picked_past_breaker as (
      select d.*, share.lease_ms, false as is_probe
      from ${givenShares(ofKind("past_breaker"))}
      cross join lateral (
        select ${claimedColumns}
        from deliveries
        where subscription_id = share.subscription_id and past_breaker and due_at <= now()
        order by due_at
        limit share.row_limit
        for update skip locked
      ) d
    ), ordered_share as (
      select * from ${givenShares(ofKind("ordered"))}
    ), head as (
      select share.subscription_id, first.order_key, first.due_at, first.team_id, first.id
      from ordered_share share
      cross join lateral (
        select order_key, due_at, team_id, id from deliveries
        where subscription_id = share.subscription_id and due_at is not null
          and order_key is not null
        order by order_key, order_position limit 1
      ) first
      union all
      select head.subscription_id, next.order_key, next.due_at, next.team_id, next.id
      from head
      cross join lateral (
        select order_key, due_at, team_id, id from deliveries
        where subscription_id = head.subscription_id and due_at is not null
          and order_key > head.order_key
        order by order_key, order_position limit 1
      ) next
    ), ranked as (
      select *, row_number() over (partition by subscription_id order by due_at, id) as place
      from head
      where due_at <= now()
    ), picked_in_order as (
      select d.team_id, d.id, d.created_at, d.event_id, d.subscription_id, d.event_type, d.due_at,
             d.lease_token, d.attempt_count, d.crash_count, d.manual, d.updated_by, d.order_key,
             d.past_breaker, d.ctid as row_at, share.lease_ms, false as is_probe
      from ranked
      join ordered_share share
        on share.subscription_id = ranked.subscription_id and ranked.place <= share.row_limit
      join deliveries d on d.team_id = ranked.team_id and d.id = ranked.id
      -- Somebody else may have taken it since: the lock sees the row as it is.
      where d.due_at <= now()
      for update of d skip locked
    ), picked as (
      select * from picked_in_any_order
      union all
      select * from picked_past_breaker
      -- The oldest that waits may be one that somebody asked for.
      where id not in (select id from picked_in_any_order)
      union all
      select * from picked_in_order
    ), decided as (
      select picked.*, e.payload, s.contract, e.trace_context, s.url,
             lease_token is not null as crashed, ${giveUpCode} as give_up_code
      from picked
      left join events e on e.team_id = picked.team_id and e.id = picked.event_id
        and e.created_at = picked.created_at
      join subscriptions s on s.team_id = picked.team_id and s.id = picked.subscription_id
    ), suspected as (
      select *, give_up_code is not null as given_up,
             give_up_code is null and crashed and crash_count >= 1 as suspect
      from decided
    ), sized as (
      select *,
             count(*) filter (where suspect) over (order by due_at, id) as suspects,
             sum(coalesce(octet_length(payload), 0)) over (order by due_at, id) as bytes,
             row_number() over (order by due_at, id) as position
      from suspected
    ), taken as (
      select * from sized
      where (bytes <= ${options.payloadBytesMax} or position = 1) and (not suspect or suspects = 1)
    ), unseen as (
      insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url,
        success, error_code, error_message, will_retry, manual, created_by)
      select taken.id, attempt_count, taken.created_at,
             ${unseenAttemptId(part`taken.id`, part`attempt_count`)},
             team_id, url, false, ${lostAttemptCode},
             'The process that made this attempt ended before it could record what came of it.',
             not given_up, manual, case when manual then updated_by else 'system' end
      from taken where crashed
      on conflict do nothing
    ), moved as (
      update deliveries d
      set attempt_count = d.attempt_count + case when given_up then 0 else 1 end,
          crash_count = d.crash_count + case when crashed and not given_up then 1 else 0 end,
          lease_token = case when not given_up then ${options.leaseToken}::uuid end,
          due_at = case when not given_up then now() + lease_ms * interval '1 millisecond' end,
          status = case when given_up then 'failed' else 'pending' end,
          finished_at = case when given_up then now() end,
          retry_at = case when given_up then null when crashed then coalesce(d.retry_at, now()) else d.retry_at end,
          last_attempt_at = case when crashed then now() else d.last_attempt_at end,
          last_status_code = case when crashed then null else d.last_status_code end,
          last_error = case when given_up then give_up_code
                            when crashed then ${lostAttemptCode} else d.last_error end,
          updated_at = case when crashed then now() else d.updated_at end
      from taken
      -- Locked since it was picked, each is still where it was: no index needs to be asked again.
      where d.ctid = taken.row_at
      -- All that the caller gets is returned here: joined back to the rows taken, it would cost their number squared.
      returning taken.team_id, taken.id, taken.subscription_id, taken.event_id, taken.contract,
                taken.event_type, taken.payload, taken.trace_context, taken.created_at, taken.due_at, taken.manual,
                taken.updated_by, taken.order_key, d.attempt_count, d.crash_count, d.manual_count,
                d.status, d.last_error, taken.crashed, taken.is_probe, taken.past_breaker
    ), counted as (
      ${addingEnded(part`moved`, { lost: part`crashed`, failed: part`status = 'failed'` })}
    ), told as (
      ${tellingChanges(part`moved where crashed or status = 'failed'`)}
    )
    select team_id as "teamId", id, subscription_id as "subscriptionId", event_id as "eventId",
           contract, event_type as "eventType", payload, trace_context as trace, created_at::text as "createdAt",
           attempt_count as "attemptNumber", crash_count as "crashCount",
           manual_count as "manualCount", manual,
           case when manual then updated_by else 'system' end as actor,
           order_key is not null as ordered,
           case when is_probe then 'probes' when past_breaker or order_key is not null then 'passes'
                else 'waits' end as breaker,
           (extract(epoch from now() - created_at) * 1000)::float8 as "ageMs",
           case when status = 'failed' then last_error end as "givenUpAs"
    from moved
    order by due_at, id`;
  const leaseMsOf = new Map(shares.map((share) => [share.subscriptionId, share.leaseMs]));
  const leased: LeasedDelivery[] = [];
  for (const row of rows) {
    const { contract, givenUpAs } = row;
    if (givenUpAs === null) leased.push(leasedDelivery(row, options, leaseMsOf));
    else options.onGivenUp?.({ contract, errorCode: givenUpAs });
  }
  return leased;
}

/**
 * Member by member: an object made by spreading a row takes five times the memory. In the order in which new deliveries
 * are made, so that the engine sees one kind of object.
 */
const leasedDelivery = (
  row: ClaimedRow,
  { leaseToken }: ClaimOptions,
  leaseMsOf: ReadonlyMap<string, number>,
): LeasedDelivery => ({
  teamId: row.teamId,
  id: row.id,
  subscriptionId: row.subscriptionId,
  eventId: row.eventId,
  contract: row.contract,
  eventType: row.eventType,
  payload: row.payload,
  sealed: row.payload[0] === 0,
  trace: row.trace,
  createdAt: row.createdAt,
  attemptNumber: row.attemptNumber,
  crashCount: row.crashCount,
  manualCount: row.manualCount,
  manual: row.manual,
  actor: row.actor,
  ordered: row.ordered,
  breaker: row.breaker,
  ageMs: row.ageMs,
  leaseToken,
  leaseMs: leaseMsOf.get(row.subscriptionId) ?? 0,
});

/** Makes the next probe of these endpoints due at once: this claim took the probe's turn and found nothing to send. */
export async function returnProbesOfAllTeams(
  sql: Sql,
  subscriptionIds: readonly string[],
  leaseToken: string,
): Promise<void> {
  await sql`
    update failure_streaks f set probe_token = null, probe_at = now()
    from subscriptions s
    where s.id = any(${textArray(subscriptionIds)}::text[])
      and f.team_id = s.team_id and f.subscription_id = s.id
      and f.probe_token = ${leaseToken}`;
}
