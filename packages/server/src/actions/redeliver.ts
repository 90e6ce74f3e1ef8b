import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { type DeliverySummary, findDelivery } from "../db/delivery-summaries.ts";
import {
  type DeliveryName,
  lockForRedelivery,
  type RedeliveryCandidate,
  redeliver,
} from "../db/interventions.ts";
import { notifyDue } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";
import { publicEventId } from "../ids.ts";

/** A person's request to deliver again. */
export type Redelivery = { teamId: string; contract: string; name: DeliveryName; actor: string };

/**
 * Makes a delivery due now, whatever its state, and returns its event's UUID and the number of deliveries made due.
 *
 * An event's id means all its deliveries: those that can be delivered again are made due. If none can, the first one's
 * reason is thrown: `delivery_in_flight`, `subscription_gone`, `subscription_disabled`, `payload_expired`; or
 * `not_found`.
 */
export async function redeliverNow(
  { database, audit }: { database: Database } & Audited,
  { teamId, contract, name, actor }: Redelivery,
): Promise<{ eventId: string; count: number }> {
  const redelivered = await database.begin(async (tx) => {
    const candidates = await lockForRedelivery(tx, { teamId, contract }, name);
    const [first] = candidates;
    if (!first) throw new AppError("not_found");
    const possible = candidates.filter((candidate) => refusalOf(candidate) === undefined);
    if (possible.length === 0) throw refusalOf(first);

    await redeliver(
      tx,
      teamId,
      possible.map(({ id }) => id),
      { actor, pastBreaker: true },
    );
    for (const id of new Set(possible.map(({ subscriptionId }) => subscriptionId))) {
      await notifyDue(tx, id);
    }
    const named = "deliveryId" in name ? name.deliveryId : publicEventId(first.eventId);
    await insertAuditEntry(tx, audit, named);
    reach("redelivery_before_commit");
    return { eventId: first.eventId, count: possible.length };
  });
  reach("redelivery_after_commit");
  return redelivered;
}

/** A person's request to retry one delivery of any contract. */
export type Retry = { teamId: string; deliveryId: string; actor: string };

/**
 * Makes a delivery of any contract due now and returns it, whether it waits or has ended.
 *
 * Throws `delivery_in_flight`, `subscription_gone`, `subscription_disabled` or `payload_gone`. A waiting ordered delivery
 * is due already: it is sent when its turn comes. An ended one returns to its old place, so the later deliveries of its
 * order wait for it.
 */
export async function retryDelivery(
  { database, audit }: { database: Database } & Audited,
  { teamId, deliveryId, actor }: Retry,
): Promise<DeliverySummary> {
  const retried = await database.begin(async (tx) => {
    const [candidate] = await lockForRedelivery(tx, { teamId, contract: null }, { deliveryId });
    if (!candidate) throw new AppError("not_found");
    const refusal = refusalOfRetry(candidate);
    if (refusal) throw refusal;
    const isDue = candidate.ordered && candidate.waiting;
    if (!isDue) await redeliver(tx, teamId, [deliveryId], { actor, pastBreaker: true });
    await notifyDue(tx, candidate.subscriptionId);
    await insertAuditEntry(tx, audit, deliveryId);
    reach("redelivery_before_commit");
    return await findDelivery(tx, teamId, deliveryId, { withPayload: false });
  });
  reach("redelivery_after_commit");
  if (!retried) throw new AppError("not_found");
  return retried;
}

/** Says whether an ended delivery can be retried. */
export const canBeMadeAgain = (candidate: RedeliveryCandidate): boolean =>
  !candidate.waiting && refusalOfRetry(candidate) === undefined;

function refusalOfRetry(candidate: RedeliveryCandidate): AppError | undefined {
  const { ordered, leased, neverAttempted, payloadExpired } = candidate;
  const refusal = refusalOf({ ...candidate, payloadExpired: false });
  if (refusal) return refusal;
  // A lost attempt ends an ordered delivery, because its request may have arrived.
  if (ordered && leased) return new AppError("delivery_in_flight");
  // An ordered delivery that ended without an attempt has expired. A manual attempt would leave its automatic one unused.
  const isOver = payloadExpired || (ordered && neverAttempted);
  return isOver ? new AppError("payload_gone") : undefined;
}

function refusalOf(candidate: RedeliveryCandidate): AppError | undefined {
  if (candidate.subscriptionDeleted) return new AppError("subscription_gone");
  if (!candidate.subscriptionEnabled) return new AppError("subscription_disabled");
  if (candidate.payloadExpired) return new AppError("payload_expired");
  if (candidate.inFlight) return new AppError("delivery_in_flight");
  return undefined;
}
