/** What an endpoint has failed since its last success. */
export type FailureStreak = {
  /** Attempts of the last 10 minutes, those before the last recovery left out, and how many of them failed. */
  attempts: number;
  failed: number;
  /** Deliveries that used up their retries, with no success between. */
  exhausted: number;
};

/** The window of the first rule, in minutes. */
export const failingWindowMinutes = 10;
const attemptsMin = 10;
const exhaustedMax = 3;

/**
 * Decides whether an endpoint fails, after a failed attempt: at least 10 attempts of the last 10 minutes of which 90 %
 * failed, or the last 3 deliveries used up their retries.
 */
export const isFailing = ({ attempts, failed, exhausted }: FailureStreak): boolean =>
  exhausted >= exhaustedMax || (attempts >= attemptsMin && failed * 10 >= attempts * 9);

export const healthStates = ["healthy", "failing", "disabled", "idle"] as const;
export type HealthState = (typeof healthStates)[number];

/** What the state follows from. */
export type HealthFacts = {
  enabled: boolean;
  /** An attempt ended in the last 24 hours. */
  attemptedLately: boolean;
  /** By `isFailing`, and no success since. */
  failing: boolean;
};

/** The facts that a state stands for; null: it does not matter. A list is filtered by them. */
export const factsOf: Readonly<
  Record<HealthState, { [Fact in keyof HealthFacts]: boolean | null }>
> = {
  disabled: { enabled: false, attemptedLately: null, failing: null },
  idle: { enabled: true, attemptedLately: false, failing: null },
  failing: { enabled: true, attemptedLately: true, failing: true },
  healthy: { enabled: true, attemptedLately: true, failing: false },
};

/** Decides the state of an endpoint. */
export function stateOf({ enabled, attemptedLately, failing }: HealthFacts): HealthState {
  if (!enabled) return "disabled";
  if (!attemptedLately) return "idle";
  return failing ? "failing" : "healthy";
}

/** A time in which an endpoint failed: from when its first failed delivery was made, to the success that ended it. */
export type Spell = { from: Date; to: Date };

/** What is known of an endpoint's attempts. */
export type HealthHistory = Omit<HealthFacts, "failing"> & {
  createdAt: Date;
  /** When it was last enabled or disabled. */
  switchedAt: Date | null;
  lastSuccessAt: Date | null;
  lastFailureAt: Date | null;
  /** When the oldest delivery of the present spell was made that failed; null: it does not fail. */
  failingFrom: Date | null;
  /** The last spell that a success ended. */
  lastSpell: Spell | null;
};

/** The state of an endpoint, since when, and the last spell of failures that is over. */
export type Health = { state: HealthState; since: Date; lastFailing: Spell | null };

/**
 * Decides the state of an endpoint and when it began.
 *
 * A failing endpoint fails since its first failed delivery was made: a replay from there misses nothing. An idle one is
 * idle since its last attempt. A spell that is cut short, by disabling or by silence, is told up to its last failure.
 */
export function healthOf(history: HealthHistory): Health {
  const { createdAt, switchedAt, lastSuccessAt, lastFailureAt, failingFrom, lastSpell } = history;
  const state = stateOf({ ...history, failing: failingFrom !== null });
  if (state === "failing" && failingFrom) {
    return { state, since: failingFrom, lastFailing: lastSpell };
  }
  const lastFailing =
    failingFrom && lastFailureAt ? { from: failingFrom, to: lastFailureAt } : lastSpell;
  const began = {
    disabled: [switchedAt],
    idle: [switchedAt, lastSuccessAt, lastFailureAt],
    failing: [],
    healthy: [switchedAt, lastSpell?.to ?? null],
  }[state];
  return { state, since: latest(createdAt, began), lastFailing };
}

const latest = (first: Date, others: readonly (Date | null)[]): Date =>
  others.reduce<Date>((last, one) => (one && one > last ? one : last), first);
