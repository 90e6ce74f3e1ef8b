import type { LeasedDelivery } from "../domain/delivery.ts";
import { int4Array, textArray, uuidArray } from "./arrays.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { addingEnded } from "./rollups.ts";
import { part, type Sql } from "./sql.ts";

/** A subscription with pending deliveries, and when the earliest of them falls due. */
export type DueSubscription = {
  subscriptionId: string;
  teamId: string;
  /** Milliseconds until the earliest one is due; 0 or less: due now. */
  dueInMs: number;
  timeoutSeconds: number;
  /** False while it is disabled or deleted: its deliveries wait, or are about to end. */
  active: boolean;
  /** Its deliveries have an order: each is claimed right before it is sent. */
  ordered: boolean;
};

/** Hot leases that ran out which one walk ends, at the most, and deliveries under them: one lease always goes. */
const lostLeasesMax = 500;
const lostDeliveriesMax = 5_000;

/**
 * Walks the subscriptions of all teams that have pending deliveries, from behind `after`, in id order.
 *
 * One step of the recursion is one probe of the index (subscription_id, due_at): the cost is that of the
 * subscriptions seen, however many deliveries wait behind each.
 *
 * On the way it ends hot leases: `endedLeases`, of which all deliveries were written or given back, and those that ran
 * out. What is still under these becomes due, for their process died, or stalled. The next walk sees it; that it has a
 * lease tells the claim that an attempt may have been lost.
 */
export async function listDueSubscriptionsOfAllTeams(
  sql: Sql,
  after: string,
  limit: number,
  endedLeases: readonly string[] = [],
): Promise<DueSubscription[]> {
  return await sql("list_due_subscriptions")<DueSubscription>`
    with recursive ended as (
      delete from hot_leases where lease_token = any(${uuidArray(endedLeases)}::uuid[])
    ), expired as (
      delete from hot_leases
      where ctid = any(array(
        select row_at from (
          select row_at, row_number() over oldest_first as place,
                 sum(deliveries) over oldest_first as deliveries
          from (
            select ctid as row_at, expires_at, cardinality(delivery_ids) as deliveries
            from hot_leases where expires_at <= now()
            order by expires_at limit ${lostLeasesMax}
            for update skip locked
          ) found
          window oldest_first as (order by expires_at, row_at)
        ) counted
        where place = 1 or deliveries <= ${lostDeliveriesMax}))
      returning lease_token, team_ids, delivery_ids
    ), lost as (
      update deliveries d set due_at = now()
      from expired
      cross join lateral unnest(team_ids, delivery_ids) as left_behind (team_id, id)
      -- A probe for each: as a join, the planner may rather read every delivery that is not due, and that is nearly all.
      cross join lateral (
        select ctid as row_at from deliveries
        where team_id = left_behind.team_id and id = left_behind.id
          and lease_token = expired.lease_token and due_at is null
        offset 0
        for update
      ) still_held
      where d.ctid = still_held.row_at
    ), walk as (
      (select subscription_id, due_at, order_key, 1 as step from deliveries
       where due_at is not null and subscription_id > ${after}
       order by subscription_id, due_at limit 1)
      union all
      select next.subscription_id, next.due_at, next.order_key, walk.step + 1
      from walk
      cross join lateral (
        select d.subscription_id, d.due_at, d.order_key from deliveries d
        where d.due_at is not null and d.subscription_id > walk.subscription_id
        order by d.subscription_id, d.due_at limit 1
      ) next
      where walk.step < ${limit}
    )
    select w.subscription_id as "subscriptionId", s.team_id as "teamId",
           (extract(epoch from w.due_at - now()) * 1000)::float8 as "dueInMs",
           s.timeout_seconds as "timeoutSeconds",
           s.enabled and s.deleted_at is null as active, w.order_key is not null as ordered
    from walk w
    -- A probe for each step: as a join, the planner would rather read all subscriptions in the order of their ids.
    cross join lateral (
      select team_id, timeout_seconds, enabled, deleted_at from subscriptions
      where id = w.subscription_id
      offset 0
    ) s
    order by w.step`;
}

/** How many deliveries of a subscription may be claimed; `ordered`: of each order key only the earliest. */
export type ClaimShare = {
  subscriptionId: string;
  limit: number;
  leaseMs: number;
  ordered?: boolean;
};

type ClaimedRow = Omit<LeasedDelivery, "leaseMs" | "leaseToken" | "sealed">;

/** How often a delivery may lose its process and be tried again. */
export const crashesMax = 3;

/**
 * Leases due deliveries, for each subscription at most its share, oldest first, and within a budget of payload bytes.
 *
 * SKIP LOCKED lets any number of processes claim side by side. A row that is due although it has a lease was held by a
 * process that died or stalled: its open attempt becomes `unknown_outcome`, and after `crashesMax` of those it fails
 * as `crash_loop` instead of being leased again. Of those that have lost two processes in a row a claim takes one, so
 * that the one that ends them does not take the others along. One whose payload is gone fails as `payload_expired`: left
 * lying it would be picked again and again.
 *
 * Where order counts a request is made at most once: the first lost attempt ends the delivery as `unknown_outcome`, and
 * nothing is claimed before what comes earlier in its order ended: the claim jumps along the index from key to key, so
 * that it costs by the keys and not by what waits behind each.
 */
export async function claimDueOfAllTeams(
  sql: Sql,
  shares: readonly ClaimShare[],
  options: { leaseToken: string; payloadBytesMax: number },
): Promise<LeasedDelivery[]> {
  const unordered = shares.filter(({ ordered }) => !ordered);
  const ordered = shares.filter((share) => share.ordered);
  const rows = await sql("claim_due")<ClaimedRow>`
    with recursive picked_in_any_order as (
      select d.*, share.lease_ms
      from unnest(
        ${textArray(unordered.map((share) => share.subscriptionId))}::text[],
        ${int4Array(unordered.map((share) => share.limit))}::int4[],
        ${int4Array(unordered.map((share) => share.leaseMs))}::int4[])
        as share (subscription_id, row_limit, lease_ms)
      cross join lateral (
        select team_id, id, created_at, event_id, subscription_id, event_type, due_at, lease_token,
               attempt_count, crash_count, manual, updated_by, order_key, ctid as row_at
        from deliveries
        where subscription_id = share.subscription_id and due_at <= now() and order_key is null
        order by due_at
        limit share.row_limit
        for update skip locked
      ) d
    ), ordered_share as (
      select * from unnest(
        ${textArray(ordered.map((share) => share.subscriptionId))}::text[],
        ${int4Array(ordered.map((share) => share.limit))}::int4[],
        ${int4Array(ordered.map((share) => share.leaseMs))}::int4[])
        as share (subscription_id, row_limit, lease_ms)
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
             d.ctid as row_at, share.lease_ms
      from ranked
      join ordered_share share
        on share.subscription_id = ranked.subscription_id and ranked.place <= share.row_limit
      join deliveries d on d.team_id = ranked.team_id and d.id = ranked.id
      -- Somebody else may have taken it since: the lock sees the row as it is.
      where d.due_at <= now()
      for update of d skip locked
    ), picked as (
      select * from picked_in_any_order union all select * from picked_in_order
    ), sized as (
      select picked.*, e.payload, e.contract, e.trace_context, s.url,
             lease_token is not null as crashed,
             e.payload is null as expired,
             e.payload is null
               or lease_token is not null and (order_key is not null or crash_count >= ${crashesMax})
               as given_up,
             order_key is null and lease_token is not null
               and crash_count between 1 and ${crashesMax - 1} as suspect,
             count(*) filter (where order_key is null and lease_token is not null
               and crash_count between 1 and ${crashesMax - 1})
               over (order by due_at, picked.id) as suspects,
             sum(coalesce(octet_length(e.payload), 0)) over (order by due_at, picked.id) as bytes,
             row_number() over (order by due_at, picked.id) as position
      from picked
      left join events e on e.id = picked.event_id and e.created_at = picked.created_at
      join subscriptions s on s.id = picked.subscription_id
    ), taken as (
      select * from sized
      where (bytes <= ${options.payloadBytesMax} or position = 1) and (not suspect or suspects = 1)
    ), unseen as (
      insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url,
        success, error_code, error_message, will_retry, manual, created_by)
      select taken.id, attempt_count, taken.created_at,
             lpad(to_hex(extract(epoch from now())::bigint), 8, '0')
               || substr(md5(taken.id || '/' || attempt_count), 1, 16),
             team_id, url, false, 'unknown_outcome',
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
          last_error = case when expired then 'payload_expired'
                            when given_up and d.order_key is null then 'crash_loop'
                            when crashed then 'unknown_outcome' else d.last_error end,
          updated_at = case when crashed then now() else d.updated_at end
      from taken
      -- Locked since it was picked, each is still where it was: no index needs to be asked again.
      where d.ctid = taken.row_at
      -- All that the caller gets is returned here: joined back to the rows taken, it would cost their number squared.
      returning taken.team_id, taken.id, taken.subscription_id, taken.event_id, taken.contract,
                taken.event_type, taken.payload, taken.trace_context, taken.created_at, taken.due_at, taken.manual,
                taken.updated_by, taken.order_key, d.attempt_count, d.crash_count, d.manual_count,
                d.status, taken.crashed
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
           order_key is not null as ordered
    from moved
    where status = 'pending'
    order by due_at, id`;
  const leaseMsOf = new Map(shares.map((share) => [share.subscriptionId, share.leaseMs]));
  return rows.map((row) => ({
    ...row,
    sealed: row.payload[0] === 0,
    leaseToken: options.leaseToken,
    leaseMs: leaseMsOf.get(row.subscriptionId) ?? 0,
  }));
}
