/** The failures of an endpoint since its last success. */
export type FailureStreak = {
  /** Attempts of the last 10 minutes, without those before the last recovery, and how many of them failed. */
  attempts: number;
  failed: number;
  /** Deliveries in a row that used up their retries without a success between them. */
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

/** The states of an endpoint. `idle`: enabled, and without an attempt in the last 24 hours. */
export const healthStates = ["healthy", "failing", "disabled", "idle"] as const;
export type HealthState = (typeof healthStates)[number];

/** The facts that decide the state. */
export type HealthFacts = {
  enabled: boolean;
  /** An attempt ended in the last 24 hours. */
  attemptedLately: boolean;
  /** `isFailing` became true, and no attempt succeeded since. */
  failing: boolean;
};

/** The facts of each state, which filter a list; null: any value. */
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

/** A period in which an endpoint failed: from the creation of its first failed delivery to the success that ended it. */
export type Spell = { from: Date; to: Date };

/** What is known of an endpoint's attempts. */
export type HealthHistory = Omit<HealthFacts, "failing"> & {
  createdAt: Date;
  /** When it was last enabled or disabled. */
  switchedAt: Date | null;
  lastSuccessAt: Date | null;
  lastFailureAt: Date | null;
  /** When the oldest failed delivery of the present period was made; null: the endpoint does not fail. */
  failingFrom: Date | null;
  /** The last period of failures that a success ended. */
  lastSpell: Spell | null;
};

/** The state of an endpoint, since when it has it, and the last period of failures that is over. */
export type Health = { state: HealthState; since: Date; lastFailing: Spell | null };

/**
 * Decides the state of an endpoint and when it began.
 *
 * A failing endpoint fails since the creation of its first failed delivery, so a replay from then on misses nothing. An
 * idle endpoint is idle since its last attempt. A period of failures that ends because the endpoint is disabled or gets
 * no attempts is told up to its last failure.
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
