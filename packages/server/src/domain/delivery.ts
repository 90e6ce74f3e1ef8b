import type { TraceContext } from "./trace-context.ts";

/** A delivery that this process holds under a lease, with all that its attempt needs. */
export type LeasedDelivery = {
  teamId: string;
  id: string;
  subscriptionId: string;
  /** The event's UUID, without the public prefix. */
  eventId: string;
  contract: string;
  eventType: string;
  /** To be opened first when it begins with a zero byte, as one that was claimed from the table may. */
  payload: Buffer;
  /** The trace of the event's report; null: none. */
  trace: TraceContext | null;
  /** The payload is stored sealed, and so is what is answered to it. */
  sealed: boolean;
  /** The transaction that made it, in the database's own precision: names the partition of its attempts. */
  createdAt: string;
  leaseToken: string;
  /** Milliseconds the lease lasts from when it was asked for. */
  leaseMs: number;
  /** Milliseconds from its making to its lease; leased as it was made, it has none. */
  ageMs?: number;
  /** The number of this attempt, from 1. */
  attemptNumber: number;
  crashCount: number;
  manualCount: number;
  manual: boolean;
  /** Another delivery may be waiting for the end of this one. */
  ordered: boolean;
  /** Whether it waits while its endpoint fails: it is sent all the same as a `probe`, or because a person asked. */
  breaker: "waits" | "probes" | "passes";
  /** Whose request this attempt is: `system`, or the API key that asked for a manual one. */
  actor: string;
};

/** Attempts that count against the retry budget: neither lost with their process nor asked for by a person. */
export const automaticAttempts = (
  delivery: Pick<LeasedDelivery, "attemptNumber" | "crashCount" | "manualCount">,
): number => delivery.attemptNumber - delivery.crashCount - delivery.manualCount;

/** A lease outlasts the longest attempt by this much: the wait in the queue and the commit of the result. */
const leaseMarginMs = 15_000;

/** Longest wait for the response body after its head. */
export const bodyBudgetMs = 1_000;

/** An attempt is begun only if its lease outlasts it by this much: the time to commit the result. */
export const commitMarginMs = 5_000;

/** How long a lease on a delivery with this timeout lasts. */
export const leaseMs = (timeoutSeconds: number): number =>
  timeoutSeconds * 1_000 + bodyBudgetMs + leaseMarginMs;

/** How long an attempt under a lease may last: what `leaseMs` was made of. */
export const attemptMsMax = (delivery: Pick<LeasedDelivery, "leaseMs">): number =>
  delivery.leaseMs - leaseMarginMs;

/** What became of a delivery so far, as it is shown: `retrying` is pending with an attempt that ended. */
export const deliveryStatuses = ["pending", "retrying", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];
