import type { LeasedDelivery } from "../domain/delivery.ts";
import type { OnEnded } from "../domain/tally.ts";
import { int4Array, textArray, uuidArray } from "./arrays.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { countingEnded, type EndedCount, tellEnded } from "./ended-counts.ts";
import { addingEnded } from "./rollups.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A delivery to insert: one event for one subscription. */
export type NewDelivery = {
  teamId: string;
  id: string;
  eventId: string;
  subscriptionId: string;
  eventType: string;
  /** The workflow by which it is listed; null if its lists cannot be filtered by workflow. */
  workflowId: string | null;
  /** For ordered deliveries: it is sent after the earlier ones of its key, and at most once. */
  order: { key: string; position: number } | null;
  /** Milliseconds of a lease for the process that inserts it; null: it is due now and not leased. */
  leaseMs: number | null;
};

/**
 * Writes deliveries, some of them already leased to this process, and returns their common created_at.
 *
 * A leased delivery begins its first attempt here: the attempt is counted before any I/O. It has a hot lease: one row for
 * the whole batch, and the delivery is not in the indexes of due deliveries.
 */
export async function insertDeliveries(
  tx: Tx,
  deliveries: readonly NewDelivery[],
  leaseToken: string,
): Promise<string> {
  const [row] = await tx("insert_deliveries")<{ created_at: string }>`
    with given as (
      select
        unnest(${textArray(deliveries.map((d) => d.teamId))}::text[]) as team_id,
        unnest(${textArray(deliveries.map((d) => d.id))}::text[]) as id,
        unnest(${uuidArray(deliveries.map((d) => d.eventId))}::uuid[]) as event_id,
        unnest(${textArray(deliveries.map((d) => d.subscriptionId))}::text[]) as subscription_id,
        unnest(${textArray(deliveries.map((d) => d.eventType))}::text[]) as event_type,
        unnest(${textArray(deliveries.map((d) => d.workflowId))}::text[]) as workflow_id,
        unnest(${int4Array(deliveries.map((d) => d.leaseMs))}::int4[]) as lease_ms,
        unnest(${textArray(deliveries.map((d) => d.order?.key ?? null))}::text[]) as order_key,
        unnest(${int4Array(deliveries.map((d) => d.order?.position ?? null))}::int4[])
          as order_position
    ), inserted as (
      insert into deliveries (team_id, id, event_id, subscription_id, event_type, workflow_id,
        order_key, order_position, due_at, lease_token, attempt_count)
      select team_id, id, event_id, subscription_id, event_type, workflow_id, order_key, order_position,
        case when lease_ms is null then now() end,
        case when lease_ms is not null then ${leaseToken}::uuid end,
        case when lease_ms is not null then 1 else 0 end
      from given
    ), hot as (
      insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
      select now() + lease_ms * interval '1 millisecond', ${leaseToken}::uuid, array_agg(team_id), array_agg(id)
      from given
      where lease_ms is not null
      group by lease_ms
    ), told as (
      ${tellingChanges(part`given`)}
    )
    select now()::text as created_at`;
  return row?.created_at ?? "";
}

/** A lease to release: its attempt was not begun. */
export type Unsent = Pick<LeasedDelivery, "teamId" | "id" | "leaseToken">;

/** Releases leases whose attempt was not begun: the deliveries are due now, and the attempt is not counted. */
export async function releaseDeliveries(sql: Sql, unsent: readonly Unsent[]): Promise<void> {
  await sql("release_deliveries")`
    update deliveries d
    set lease_token = null, due_at = now(), attempt_count = d.attempt_count - 1
    from unnest(
      ${textArray(unsent.map((u) => u.teamId))}::text[],
      ${textArray(unsent.map((u) => u.id))}::text[],
      ${uuidArray(unsent.map((u) => u.leaseToken))}::uuid[]) as u (team_id, id, lease_token)
    where d.team_id = u.team_id and d.id = u.id and d.lease_token = u.lease_token`;
}

/**
 * Ends pending deliveries of deleted subscriptions, of all teams; returns how many.
 *
 * To delete a subscription ends its deliveries; this ends those that were being inserted at that moment.
 */
export async function failOrphanedDeliveriesOfAllTeams(
  sql: Sql,
  limit: number,
  onEnded?: OnEnded,
): Promise<number> {
  const counts = await sql<EndedCount>`
    with ended as (
      update deliveries d
      set status = 'failed', finished_at = now(), due_at = null, lease_token = null, retry_at = null,
          last_error = 'subscription_deleted', updated_at = now()
      from (
        select p.team_id, p.id
        from subscriptions s
        cross join lateral (
          select team_id, id from deliveries
          where subscription_id = s.id and due_at is not null
          limit ${limit}
          for update skip locked
        ) p
        where s.deleted_at is not null
        limit ${limit}
      ) orphan
      where d.team_id = orphan.team_id and d.id = orphan.id
      returning d.team_id, d.id, d.subscription_id, d.event_type
    ), counted as (
      ${addingEnded(part`ended`, { lost: part`false`, failed: part`true` })}
    ), told as (
      ${tellingChanges(part`ended`)}
    )
    ${countingEnded(part`ended`)}`;
  return tellEnded(counts, "subscription_deleted", onEnded);
}
