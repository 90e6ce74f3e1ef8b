/** How often a delivery may be leased again after its process died. */
export const crashesMax = 3;

/** The error code of an attempt whose process died before it recorded the result. */
export const lostAttemptCode = "unknown_outcome";

/** Why a claim ends a delivery instead of leasing it. */
export const giveUpCodes = {
  /** The payload is past its retention: there is nothing to send. */
  withoutPayload: "payload_expired",
  /** A delivery with an order is sent at most once, and its attempt was lost. */
  ordered: lostAttemptCode,
  /** It has lost too many processes, and may be the cause. */
  crashes: "crash_loop",
} as const;

/** A due delivery as a claim finds it. */
export type DueDelivery = {
  /** It still has a lease: the process that held it died or stalled. */
  lost: boolean;
  /** How often it was leased again after a loss. */
  crashCount: number;
  /** It has an order key. */
  ordered: boolean;
  payloadHeld: boolean;
};

/**
 * What a claim does with a due delivery. A suspect has lost two processes in a row: a claim takes only one suspect, so that
 * a delivery that crashes processes does not affect the others.
 */
export type ClaimDecision =
  | { kind: "lease"; suspect: boolean }
  | { kind: "give_up"; errorCode: (typeof giveUpCodes)[keyof typeof giveUpCodes] };

/**
 * Decides whether a due delivery is leased or ends.
 *
 * `claimDueOfAllTeams` applies the same rules to many rows in one statement; a test compares the two.
 */
export function decideClaim({
  lost,
  crashCount,
  ordered,
  payloadHeld,
}: DueDelivery): ClaimDecision {
  // It would be claimed again and again.
  if (!payloadHeld) return { kind: "give_up", errorCode: giveUpCodes.withoutPayload };
  if (!lost) return { kind: "lease", suspect: false };
  if (ordered) return { kind: "give_up", errorCode: giveUpCodes.ordered };
  if (crashCount >= crashesMax) return { kind: "give_up", errorCode: giveUpCodes.crashes };
  return { kind: "lease", suspect: crashCount >= 1 };
}
