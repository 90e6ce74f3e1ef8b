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
  /**
   * Sealed if it begins with a zero byte: it must be opened first. Only a payload that was claimed from the table can be
   * sealed.
   */
  payload: Buffer;
  /** The trace of the event's report; null: none. */
  trace: TraceContext | null;
  /** The payload is stored sealed, and so is the answer to it. */
  sealed: boolean;
  /** When the transaction that made it began, in the database's precision. It selects the partition of its attempts. */
  createdAt: string;
  leaseToken: string;
  /** Milliseconds the lease lasts from when it was asked for. */
  leaseMs: number;
  /** Milliseconds from its creation to its lease; 0 when it was leased as it was made. */
  ageMs: number;
  /** The number of this attempt, from 1. */
  attemptNumber: number;
  crashCount: number;
  manualCount: number;
  manual: boolean;
  /** Another delivery may wait for the end of this one. */
  ordered: boolean;
  /** What it does while its endpoint fails: it waits, it is the probe, or it passes because a person asked for it. */
  breaker: "waits" | "probes" | "passes";
  /** Who asked for this attempt: `system`, or the API key that asked for a manual retry. */
  actor: string;
};

/** Attempts that count against the retry budget: not those lost with their process or asked for by a person. */
export const automaticAttempts = (
  delivery: Pick<LeasedDelivery, "attemptNumber" | "crashCount" | "manualCount">,
): number => delivery.attemptNumber - delivery.crashCount - delivery.manualCount;

/** A lease is longer than the longest attempt by this much, for the wait in memory and the commit of the result. */
const leaseMarginMs = 15_000;

/** Longest wait for the response body after its head. */
export const bodyBudgetMs = 1_000;

/** An attempt begins only if its lease lasts this much longer: the time to commit the result. */
export const commitMarginMs = 5_000;

/** How long a lease on a delivery with this timeout lasts. */
export const leaseMs = (timeoutSeconds: number): number =>
  timeoutSeconds * 1_000 + bodyBudgetMs + leaseMarginMs;

/** The longest time that an attempt under a lease may take, from `leaseMs`. */
export const attemptMsMax = (delivery: Pick<LeasedDelivery, "leaseMs">): number =>
  delivery.leaseMs - leaseMarginMs;

/** The statuses of a delivery as callers see them. `retrying` is a pending delivery with an ended attempt. */
export const deliveryStatuses = ["pending", "retrying", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];
