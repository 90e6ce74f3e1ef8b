import { lostAttemptCode } from "../domain/crash-policy.ts";
import { textArray } from "./arrays.ts";
import { unseenAttemptId } from "./attempts.ts";
import { tellingChanges } from "./delivery-changes.ts";
import { addingEnded } from "./rollups.ts";
import { part, type SqlPart } from "./sql.ts";
import type { Tx } from "./transaction.ts";

/** A delivery that a person wants to retry, with the values that decide whether it is possible. */
export type RedeliveryCandidate = {
  id: string;
  status: "pending" | "delivered" | "failed";
  /** The event's UUID, without the public prefix. */
  eventId: string;
  subscriptionId: string;
  /** The event's payload is past its retention. */
  payloadExpired: boolean;
  /** It is ordered: it is sent once, and once more for each manual retry. */
  ordered: boolean;
  /** It has not ended. */
  waiting: boolean;
  /** An attempt may be in flight now. */
  inFlight: boolean;
  /** It ended before its first attempt. */
  neverAttempted: boolean;
  /** An attempt was begun and has no result: it may be in flight or lost. */
  leased: boolean;
  subscriptionDeleted: boolean;
  subscriptionEnabled: boolean;
};

/** A name of deliveries: the id of one, or the UUID of their event. */
export type DeliveryName = { deliveryId: string } | { eventId: string };

type Owner = { teamId: string; contract: string | null };
type Named = DeliveryName | { deliveryIds: readonly string[] };

/** Locks the named deliveries, in id order; contract null: all contracts. */
export async function lockForRedelivery(
  tx: Tx,
  owner: Owner,
  name: Named,
): Promise<RedeliveryCandidate[]> {
  return await tx<RedeliveryCandidate>`${candidates(owner, name)} for no key update of d`;
}

/** Reads the same without a lock: the deliveries may change meanwhile. */
export async function readForRedelivery(
  tx: Tx,
  owner: Owner,
  name: Named,
): Promise<RedeliveryCandidate[]> {
  return await tx<RedeliveryCandidate>`${candidates(owner, name)}`;
}

function candidates(owner: Owner, name: Named): SqlPart {
  const deliveryId = "deliveryId" in name ? name.deliveryId : null;
  const deliveryIds = "deliveryIds" in name ? textArray(name.deliveryIds) : null;
  const eventId = "eventId" in name ? name.eventId : null;
  return part`
    select d.id, d.status, d.event_id as "eventId", d.subscription_id as "subscriptionId",
           e.payload is null as "payloadExpired",
           d.order_key is not null as ordered, d.finished_at is null as waiting,
           d.attempt_count = 0 and d.finished_at is not null as "neverAttempted",
           d.lease_token is not null as leased,
           -- Under a hot lease it has no due time.
           d.lease_token is not null and coalesce(d.due_at > now(), true) as "inFlight",
           s.deleted_at is not null as "subscriptionDeleted", s.enabled as "subscriptionEnabled"
    from deliveries d
    join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
    left join events e on e.team_id = d.team_id and e.id = d.event_id and e.created_at = d.created_at
    where d.team_id = ${owner.teamId} and (${owner.contract}::text is null or s.contract = ${owner.contract})
      and (${deliveryId}::text is null or d.id = ${deliveryId})
      and (${deliveryIds}::text[] is null or d.id = any(${deliveryIds}::text[]))
      and (${eventId}::uuid is null or d.event_id = ${eventId})
    order by d.id`;
}

/**
 * Makes deliveries due now, for one attempt asked for by a person. The caller holds their locks.
 *
 * The attempt is counted separately, so that it neither uses nor adds a retry. Two requests before it begins make one
 * attempt. An attempt that was lost with its process is recorded as lost. `pastBreaker`: it does not wait for its
 * endpoint's breaker.
 */
export async function redeliver(
  tx: Tx,
  teamId: string,
  deliveryIds: readonly string[],
  { actor, pastBreaker }: { actor: string; pastBreaker: boolean },
): Promise<void> {
  await insertUnseenAttempts(tx, teamId, deliveryIds);
  await tx`
    with told as (
      ${tellingChanges(named(teamId, deliveryIds))}
    )
    update deliveries
    set status = 'pending', finished_at = null, due_at = now(),
        crash_count = crash_count + case when lease_token is null then 0 else 1 end,
        lease_token = null,
        -- One that ended with its process is still marked, and was counted.
        manual_count = manual_count + case when manual and status = 'pending' then 0 else 1 end,
        manual = true, past_breaker = ${pastBreaker},
        retry_at = case when last_attempt_at is not null or lease_token is not null then now() end,
        last_attempt_at = case when lease_token is null then last_attempt_at else now() end,
        updated_by = ${actor}, updated_at = now()
    where team_id = ${teamId} and id = any(${textArray(deliveryIds)}::text[])`;
}

/** These deliveries of a team, as rows. */
const named = (teamId: string, deliveryIds: readonly string[]): SqlPart =>
  part`(select ${teamId}::text as team_id, unnest(${textArray(deliveryIds)}::text[]) as id) named`;

const batchRows = 5_000;
const batchesMax = 20;

/**
 * Ends the pending deliveries of a deleted subscription as failed, also those in flight: their late results are logged
 * and change nothing. Returns how many.
 *
 * Rows that are locked now, and those beyond 100,000, are left to the janitor.
 */
export async function failPendingDeliveries(
  tx: Tx,
  teamId: string,
  subscriptionId: string,
  actor: string,
): Promise<number> {
  let ended = 0;
  await makeHotOnesDue(tx, teamId, subscriptionId);
  for (let batch = 0; batch < batchesMax; batch++) {
    const rows = await tx<{ id: string }>`
      select id from deliveries
      where team_id = ${teamId} and subscription_id = ${subscriptionId} and due_at is not null
      limit ${batchRows}
      for no key update skip locked`;
    const ids = rows.map(({ id }) => id);
    await insertUnseenAttempts(tx, teamId, ids);
    await tx`
      ${addingEnded(
        part`(select team_id, subscription_id, event_type, lease_token from deliveries
              where team_id = ${teamId} and id = any(${textArray(ids)}::text[])) ended`,
        { lost: part`lease_token is not null`, failed: part`true` },
      )}`;
    await tx`
      with told as (
        ${tellingChanges(named(teamId, ids))}
      )
      update deliveries
      set status = 'failed', finished_at = now(), due_at = null, retry_at = null, manual = false,
          last_attempt_at = case when lease_token is null then last_attempt_at else now() end,
          lease_token = null, last_error = 'subscription_deleted',
          updated_by = ${actor}, updated_at = now()
      where team_id = ${teamId} and id = any(${textArray(ids)}::text[])`;
    ended += ids.length;
    if (ids.length < batchRows) break;
  }
  return ended;
}

/** Makes the deliveries of a subscription that are under hot leases due, so that they are found like the others. */
async function makeHotOnesDue(tx: Tx, teamId: string, subscriptionId: string): Promise<void> {
  await tx`
    update deliveries d set due_at = now()
    from hot_leases h cross join lateral unnest(h.team_ids, h.delivery_ids) as hot (team_id, id)
    where hot.team_id = ${teamId} and d.team_id = hot.team_id and d.id = hot.id
      and d.subscription_id = ${subscriptionId} and d.lease_token = h.lease_token
      and d.due_at is null`;
}

/** Inserts attempts whose leases are being ended: their requests may have been sent. A late result replaces the row. */
async function insertUnseenAttempts(
  tx: Tx,
  teamId: string,
  deliveryIds: readonly string[],
): Promise<void> {
  await tx`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url,
      success, error_code, error_message, will_retry, manual, created_by)
    select d.id, d.attempt_count, d.created_at,
           ${unseenAttemptId(part`d.id`, part`d.attempt_count`)},
           d.team_id, s.url, false, ${lostAttemptCode},
           'What came of this attempt was not recorded before it was given up.',
           false, d.manual, case when d.manual then d.updated_by else 'system' end
    from deliveries d
    join subscriptions s on s.team_id = d.team_id and s.id = d.subscription_id
    where d.team_id = ${teamId} and d.id = any(${textArray(deliveryIds)}::text[])
      and d.lease_token is not null
    on conflict do nothing`;
}
