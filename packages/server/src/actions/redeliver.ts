import { type Audited, insertAuditEntry } from "../db/audit.ts";
import {
  type DeliveryName,
  lockForRedelivery,
  type RedeliveryCandidate,
  redeliver,
} from "../db/interventions.ts";
import { notifyDue } from "../db/notify.ts";
import type { Database } from "../db/sql.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";
import { publicEventId } from "../ids.ts";

/** A request of a person to deliver again. */
export type Redelivery = { teamId: string; contract: string; name: DeliveryName; actor: string };

/**
 * Makes a delivery due now, whatever became of it, and returns its event's UUID and how many deliveries it is about.
 *
 * An event's id stands for all its deliveries: those that can be made again are. When none can, the reason of the
 * first one is thrown: `delivery_in_flight`, `subscription_gone`, `subscription_disabled`,
 * `payload_expired`; or `not_found`.
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
      actor,
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

function refusalOf(candidate: RedeliveryCandidate): AppError | undefined {
  if (candidate.subscriptionDeleted) return new AppError("subscription_gone");
  if (!candidate.subscriptionEnabled) return new AppError("subscription_disabled");
  if (candidate.payloadExpired) return new AppError("payload_expired");
  if (candidate.inFlight) return new AppError("delivery_in_flight");
  return undefined;
}
