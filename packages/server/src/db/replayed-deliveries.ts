import type { ReplayedDelivery } from "../domain/replay.ts";
import { textArray } from "./arrays.ts";
import type { Tx } from "./transaction.ts";

/** A replay that the transaction holds. */
export type ReplayName = { teamId: string; id: string };

/** What has become of the deliveries that a replay has made due. */
export type Settled = {
  delivered: number;
  /** Ended as failed, or erased meanwhile. */
  failed: number;
  /** Up to where those that wait were looked at. */
  waitingPosition: string;
};

/** Of those that wait for a retry or their endpoint, so many are looked at in one step. */
const waitingMax = 500;

/**
 * Lets go of what has ended, counts it, and sets apart what waits: for a retry, or for a disabled endpoint.
 *
 * All that is due is looked at. What waits can be as much as was replayed: it is looked at in turn.
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

/** What a replay has in hand: what is held, how much is due by endpoint, and whether anything waits. */
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

/** Notes what a replay holds, or has made due. */
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

/** Holds these deliveries no longer. */
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
 * Takes deliveries out of their order: what is made again goes beside the messages of its call, so that none of those
 * waits for it. Among themselves the replayed ones of a call keep their order.
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
