import { randomUUID } from "node:crypto";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import { newId } from "../../src/ids.ts";

/** A delivery under a lease, with nothing behind it in a database. */
export const leasedDelivery = (given: Partial<LeasedDelivery> = {}): LeasedDelivery => ({
  teamId: newId(),
  id: newId(),
  subscriptionId: newId(),
  eventId: randomUUID(),
  contract: "workflow",
  eventType: "workflow_created",
  payload: Buffer.from("{}"),
  sealed: false,
  createdAt: "2026-01-01 00:00:00+00",
  leaseToken: randomUUID(),
  leaseMs: 26_000,
  attemptNumber: 1,
  crashCount: 0,
  manualCount: 0,
  manual: false,
  ordered: false,
  actor: "system",
  ...given,
});
