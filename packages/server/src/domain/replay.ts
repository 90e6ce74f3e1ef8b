/** The states of a replay. Cancelled and done are final. */
export const replayStates = ["queued", "running", "done", "cancelled"] as const;
export type ReplayState = (typeof replayStates)[number];

/** Which matching deliveries are replayed: only failed ones, or delivered ones too. */
export const replayedKinds = ["failed", "all"] as const;
export type ReplayedKind = (typeof replayedKinds)[number];

/** Deliveries that a replay makes due in a second: by default, and at most. */
export const ratePerSecond = { standard: 100, max: 1_000 };
/** Deliveries of one replay that are due and not attempted yet, over all endpoints. */
export const dueMax = 250;
/** Deliveries that wait for a slot of their endpoint while the replay continues with other endpoints. */
export const heldMax = 500;

/** A delivery of a replay. */
export type ReplayedDelivery = { id: string; subscriptionId: string };

/** The deliveries of a replay that are not done at the beginning of a step. */
export type InHand = {
  /** Deliveries that wait for a slot of their endpoint, in the order of ids. */
  held: readonly ReplayedDelivery[];
  /** How many deliveries are due and not attempted yet, by endpoint. */
  due: ReadonlyMap<string, number>;
};

/**
 * How many more deliveries of a subscription a replay may make due: half of the slots that other traffic leaves free,
 * minus those that the replay has due there.
 *
 * So a new delivery finds a free slot, however many deliveries are replayed. It is 0 while the receiver asked for a pause
 * or other traffic uses all slots.
 */
export function slotsLeft(freeSlots: number, due: number): number {
  return Math.max(0, Math.ceil(Math.max(0, freeSlots) / 2) - due);
}

/** A delivery that was found, and whether it can be delivered again. */
export type FoundDelivery = ReplayedDelivery & { possible: boolean };

/** The plan of a step: the deliveries it makes due, puts aside and skips. */
export type Plan = {
  /** Deliveries to make due. */
  taken: ReplayedDelivery[];
  /** Deliveries to put aside until their endpoints have slots. */
  putAside: ReplayedDelivery[];
  /** Deliveries to skip, because they cannot be delivered again. */
  skipped: number;
  /** The id of the last found delivery that the plan covers; undefined: none. */
  passed: string | undefined;
};

/**
 * Decides what a step does with the held and the found deliveries, both in the order of ids.
 *
 * A delivery whose endpoint has no slot is put aside, so that an endpoint that does not answer does not stop the others.
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

/** The progress of a step: it made deliveries due; it waits for slots or attempts; or it only waits for retries. */
export type Progress = "moved" | "blocked" | "only_retries";

/** A step with at least about this many deliveries is worth its statements. */
const worthAStep = 25;
const shortestPauseMs = 100;
/** The longest pause of a step, so that progress is shown and free slots are used this often. */
const worthwhilePauseMsMax = 500;
const onlyRetriesPauseMs = 2_000;

/** Milliseconds until the next step, at this many deliveries a second. */
export function nextStepMs(progress: Progress, perSecond: number): number {
  const oneMs = Math.ceil(1_000 / perSecond);
  switch (progress) {
    case "only_retries":
      return onlyRetriesPauseMs;
    case "blocked":
      // A step at once would find the same while the receiver does not answer.
      return Math.max(oneMs, worthwhilePauseMsMax);
    case "moved": {
      const worthwhileMs = Math.min(worthwhilePauseMsMax, worthAStep * oneMs);
      return Math.max(oneMs, worthwhileMs, shortestPauseMs);
    }
    default:
      throw new Error(`unknown progress ${progress satisfies never}`);
  }
}
