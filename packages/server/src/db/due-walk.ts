import { contractsWithoutBreaker } from "../domain/breaker.ts";
import { textArray, uuidArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** A subscription with pending deliveries, and when the earliest of them falls due. */
export type DueSubscription = {
  subscriptionId: string;
  teamId: string;
  /** Milliseconds until the earliest one is due; 0 or less: due now. */
  dueInMs: number;
  timeoutSeconds: number;
  /** False while it is disabled or deleted: its deliveries wait, or are about to end. */
  active: boolean;
  /** Its deliveries are ordered: each is claimed right before it is sent. */
  ordered: boolean;
  /** Its breaker is not closed: only probes and manual retries are claimed. */
  failing: boolean;
  /** Milliseconds until the next probe may be claimed; null while it does not fail. */
  probeInMs: number | null;
  /** While it fails: a delivery is due that does not wait for the breaker. */
  pastBreaker: boolean;
};

/** The most expired hot leases that one walk ends, and the most deliveries under them; one lease always ends. */
const lostLeasesMax = 500;
const lostDeliveriesMax = 5_000;

/**
 * Walks the subscriptions of all teams that have pending deliveries, after the id `after`, in id order.
 *
 * One step of the recursion is one probe of the index (subscription_id, due_at): the cost is that of the
 * subscriptions that it visits, however many deliveries wait for each.
 *
 * It also ends hot leases: `endedLeases`, all of whose deliveries were written or released, and expired ones. Deliveries
 * that are still under an expired lease become due, because their process died or stalled. The next walk sees them; their
 * lease shows the claim that an attempt may have been lost.
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
           s.enabled and s.deleted_at is null as active, w.order_key is not null as ordered,
           breaker.probe_at is not null as failing,
           (extract(epoch from breaker.probe_at - now()) * 1000)::float8 as "probeInMs",
           breaker.probe_at is not null and exists (
             select from deliveries
             where subscription_id = w.subscription_id and past_breaker and due_at <= now()
           ) as "pastBreaker"
    from walk w
    -- A probe for each step: as a join, the planner would rather read all subscriptions in the order of their ids.
    cross join lateral (
      select team_id, contract, timeout_seconds, enabled, deleted_at from subscriptions
      where id = w.subscription_id
      offset 0
    ) s
    left join lateral (
      select probe_at from failure_streaks
      where team_id = s.team_id and subscription_id = w.subscription_id
        and s.contract <> all(${textArray(contractsWithoutBreaker)}::text[])
      offset 0
    ) breaker on true
    order by w.step`;
}
