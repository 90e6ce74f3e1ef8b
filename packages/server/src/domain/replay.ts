/** What has become of a replay. Cancelled and done are final. */
export const replayStates = ["queued", "running", "done", "cancelled"] as const;
export type ReplayState = (typeof replayStates)[number];

/** Which of the deliveries that match are replayed: the failed ones, or those that were delivered as well. */
export const replayedKinds = ["failed", "all"] as const;
export type ReplayedKind = (typeof replayedKinds)[number];

/** Deliveries that a replay makes due in a second, unless it is asked for fewer or more, and at the most. */
export const ratePerSecond = { standard: 100, max: 1_000 };
/** Deliveries of one replay that are due and not attempted yet, over all endpoints. */
export const dueMax = 250;
/** Deliveries that wait for a place of their endpoint while the replay goes on with other endpoints. */
export const heldMax = 500;

/** A delivery that a replay has come to. */
export type ReplayedDelivery = { id: string; subscriptionId: string };

/** What a replay has in hand at the beginning of a step. */
export type InHand = {
  /** Waits for a place of its endpoint, in the order of ids. */
  held: readonly ReplayedDelivery[];
  /** How many are due and not attempted yet, by endpoint. */
  due: ReadonlyMap<string, number>;
};

/**
 * How many more deliveries of a subscription a replay may make due: half of the places that its traffic leaves free, less
 * what the replay has due there.
 *
 * So a delivery that comes meanwhile finds a free place, however many deliveries are replayed. No place is left where
 * the receiver wants quiet, or has none for its own traffic.
 */
export function slotsLeft(freeSlots: number, due: number): number {
  return Math.max(0, Math.ceil(Math.max(0, freeSlots) / 2) - due);
}

/** A delivery that was found, and whether it can be made again. */
export type FoundDelivery = ReplayedDelivery & { possible: boolean };

/** What a step does. */
export type Plan = {
  /** Makes due. */
  taken: ReplayedDelivery[];
  /** Puts aside until their endpoints have places. */
  putAside: ReplayedDelivery[];
  /** Passes over, because they cannot be made again. */
  skipped: number;
  /** The last one found that was gone through; undefined: none was. */
  passed: string | undefined;
};

/**
 * Decides what a step does with the deliveries that are held and those that were found, both in the order of ids.
 *
 * A delivery whose endpoint has no place is put aside, so that an endpoint that does not answer does not stop the others.
 * When too many are put aside, the replay waits for their endpoints.
 */
export function planStep(
  { held, due }: InHand,
  found: readonly FoundDelivery[],
  { allowance, freeSlots }: { allowance: number; freeSlots: (subscriptionId: string) => number },
): Plan {
  const plan: Plan = { taken: [], putAside: [], skipped: 0, passed: undefined };
  const places = new Map<string, number>();
  const take = ({ id, subscriptionId }: ReplayedDelivery): boolean => {
    const left =
      places.get(subscriptionId) ??
      slotsLeft(freeSlots(subscriptionId), due.get(subscriptionId) ?? 0);
    places.set(subscriptionId, Math.max(0, left - 1));
    if (left > 0) plan.taken.push({ id, subscriptionId });
    return left > 0;
  };
  const isFull = () => plan.taken.length >= allowance;

  for (const one of held) {
    if (isFull()) return plan;
    take(one);
  }
  const heldStill = held.length - plan.taken.length;
  for (const one of found) {
    if (!one.possible) plan.skipped++;
    else if (isFull()) return plan;
    else if (!take(one)) {
      if (heldStill + plan.putAside.length >= heldMax) return plan;
      plan.putAside.push(one);
    }
    plan.passed = one.id;
  }
  return plan;
}

/** How far a step came: it moved something; it waits for places or attempts; or all that is left waits for retries. */
export type Progress = "moved" | "blocked" | "only_retries";

/** What is made due in a step pays for its statements from about this many on. */
const worthAStep = 25;
const shortestPauseMs = 100;
/** Progress is seen, and places are used, at least this often. */
const worthwhilePauseMsMax = 500;
const onlyRetriesPauseMs = 2_000;

/** How long until the next step, at this many deliveries a second. */
export function nextStepMs(progress: Progress, perSecond: number): number {
  const oneMs = Math.ceil(1_000 / perSecond);
  switch (progress) {
    case "only_retries":
      return onlyRetriesPauseMs;
    case "blocked":
      // It would find the same for as long as a receiver does not answer.
      return Math.max(oneMs, worthwhilePauseMsMax);
    case "moved": {
      const worthwhileMs = Math.min(worthwhilePauseMsMax, worthAStep * oneMs);
      return Math.max(oneMs, worthwhileMs, shortestPauseMs);
    }
    default:
      throw new Error(`unknown progress ${progress satisfies never}`);
  }
}
