import type { ReplayedDelivery } from "../domain/replay.ts";
import { textArray } from "./arrays.ts";
import type { Tx } from "./transaction.ts";

/** The key of a replay that the transaction has locked. */
export type ReplayName = { teamId: string; id: string };

/** The counts of deliveries that a replay made due and that have ended. */
export type Settled = {
  delivered: number;
  /** Ended as failed, or erased meanwhile. */
  failed: number;
  /** The last waiting delivery that was checked. */
  waitingPosition: string;
};

/** The most waiting deliveries that one step checks. */
const waitingMax = 500;

/**
 * Removes and counts the ended deliveries, and marks those that wait for a retry or for a disabled endpoint.
 *
 * All due deliveries are checked. Waiting deliveries can be as many as were replayed, so they are checked in turn.
 */
export async function settleReplayed(
  tx: Tx,
  { teamId, id }: ReplayName,
  waitingPosition: string,
): Promise<Settled> {
  const [row] = await tx<Settled & { waiting: number; last: string | null }>`
    with looked as materialized (
      select r.state, r.delivery_id, d.status, d.id is null or d.finished_at is not null as over,
             d.manual and s.enabled as will_be_attempted
      from (
        (select state, delivery_id, subscription_id from replayed_deliveries
         where team_id = ${teamId} and replay_id = ${id} and state = 'due')
        union all
        (select state, delivery_id, subscription_id from replayed_deliveries
         where team_id = ${teamId} and replay_id = ${id} and state = 'waiting'
           and delivery_id > ${waitingPosition}
         order by delivery_id limit ${waitingMax})
      ) r
      left join deliveries d on d.team_id = ${teamId} and d.id = r.delivery_id
      left join subscriptions s on s.team_id = ${teamId} and s.id = r.subscription_id
    ), ended as (
      delete from replayed_deliveries r using looked
      where r.team_id = ${teamId} and r.replay_id = ${id}
        and r.state = looked.state and r.delivery_id = looked.delivery_id and over
    ), set_apart as (
      update replayed_deliveries r set state = 'waiting' from looked
      where r.team_id = ${teamId} and r.replay_id = ${id}
        and r.state = 'due' and looked.state = 'due' and r.delivery_id = looked.delivery_id
        and not over and not will_be_attempted
    )
    select count(*) filter (where over and status = 'delivered')::int as delivered,
           count(*) filter (where over and status is distinct from 'delivered')::int as failed,
           count(*) filter (where state = 'waiting')::int as waiting,
           max(delivery_id) filter (where state = 'waiting') as last
    from looked`;
  const { delivered = 0, failed = 0, waiting = 0, last = null } = row ?? {};
  const goesOn = waiting === waitingMax && last !== null;
  return { delivered, failed, waitingPosition: goesOn ? last : "" };
}

/** Reads a replay's unfinished deliveries: those held, how many are due by endpoint, and whether any wait. */
export async function readInHand(
  tx: Tx,
  { teamId, id }: ReplayName,
): Promise<{ held: ReplayedDelivery[]; due: Map<string, number>; waits: boolean }> {
  const [held, due, [row]] = await Promise.all([
    tx<ReplayedDelivery>`
      select delivery_id as id, subscription_id as "subscriptionId" from replayed_deliveries
      where team_id = ${teamId} and replay_id = ${id} and state = 'held'
      order by delivery_id`,
    tx<{ subscriptionId: string; count: number }>`
      select subscription_id as "subscriptionId", count(*)::int as count from replayed_deliveries
      where team_id = ${teamId} and replay_id = ${id} and state = 'due'
      group by subscription_id`,
    tx<{ waits: boolean }>`
      select exists (
        select from replayed_deliveries
        where team_id = ${teamId} and replay_id = ${id} and state = 'waiting') as waits`,
  ]);
  return {
    held,
    due: new Map(due.map(({ subscriptionId, count }) => [subscriptionId, count])),
    waits: row?.waits ?? false,
  };
}

/** Inserts deliveries that a replay holds or has made due. */
export async function insertReplayed(
  tx: Tx,
  { teamId, id }: ReplayName,
  state: "held" | "due",
  deliveries: readonly ReplayedDelivery[],
): Promise<void> {
  await tx`
    insert into replayed_deliveries (team_id, replay_id, state, delivery_id, subscription_id)
    select ${teamId}, ${id}, ${state}, delivery_id, subscription_id
    from unnest(
      ${textArray(deliveries.map((one) => one.id))}::text[],
      ${textArray(deliveries.map((one) => one.subscriptionId))}::text[])
      as given (delivery_id, subscription_id)`;
}

/** Removes these held deliveries. */
export async function dropHeld(
  tx: Tx,
  { teamId, id }: ReplayName,
  deliveryIds: readonly string[],
): Promise<void> {
  await tx`
    delete from replayed_deliveries
    where team_id = ${teamId} and replay_id = ${id} and state = 'held'
      and delivery_id = any(${textArray(deliveryIds)}::text[])`;
}

/**
 * Moves deliveries to another order key, so that the other messages of their call do not wait for replayed ones. The
 * replayed deliveries of a call keep their order among themselves.
 */
export async function leaveOrder(
  tx: Tx,
  teamId: string,
  deliveryIds: readonly string[],
): Promise<void> {
  await tx`
    update deliveries set order_key = order_key || '/replayed'
    where team_id = ${teamId} and id = any(${textArray(deliveryIds)}::text[])
      and order_key not like '%/replayed'`;
}
