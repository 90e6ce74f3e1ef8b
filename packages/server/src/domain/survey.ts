import type { BreakerState } from "./breaker.ts";
import type { HealthState } from "./endpoint-health.ts";

/** A subscription with due deliveries that no process holds. */
export type Waiting = {
  subscriptionId: string;
  /** Its endpoint counts as failing. */
  failing: boolean;
  /** How many wait, counted up to a limit. */
  deliveries: number;
  /** For how long the oldest has been due, in milliseconds. */
  dueMs: number;
};

/**
 * What a dispatcher knows of a subscription's receiver: how soon it answers, that all its slots are in use (`full`), or
 * that it asked for a pause (`quiet`).
 */
export type ReceiverStanding = "quick" | "new" | "full" | "slow" | "quiet";

/**
 * Why deliveries wait. `quick` and `new`: for the service, because their receiver causes no known delay. `full`, `slow`,
 * `quiet` and `failing`: for their receiver, whose slots are all in use, which answers late, asked for a pause, or fails.
 */
export const backlogStandings = ["quick", "new", "full", "slow", "quiet", "failing"] as const;
export type BacklogStanding = (typeof backlogStandings)[number];

/** How many deliveries are due and wait, by reason. */
export type Backlog = Record<BacklogStanding, number>;

/** How many endpoints are in each state. */
export type EndpointStates = Record<HealthState, number>;

/** An endpoint that fails, and for how long. */
export type FailingEndpoint = { id: string; contract: string; failingMs: number };

/** The measurements that one process makes for all processes. */
export type Survey = {
  backlog: Backlog;
  /** How long the oldest delivery that waits for the service has been due, in milliseconds; 0: there is none. */
  oldestDueMs: number;
  endpoints: EndpointStates;
  /** How many endpoints have a breaker in each state. */
  breakers: Record<BreakerState, number>;
  /** The endpoints that have failed for the longest, up to a limit. */
  failing: FailingEndpoint[];
  /** Whole days after today for which events and attempts have a partition. */
  partitionsAhead: number;
  /** Days by which the oldest partition exceeds the retention; 0: none does. */
  retentionLagDays: number;
  replays: { queued: number; running: number };
};

/** Counts the waiting deliveries by reason. */
export function sumUpWaiting(
  waiting: readonly Waiting[],
  standingOf: (subscriptionId: string) => ReceiverStanding,
): Pick<Survey, "backlog" | "oldestDueMs"> {
  const backlog: Backlog = { quick: 0, new: 0, full: 0, slow: 0, quiet: 0, failing: 0 };
  let oldestDueMs = 0;
  for (const { subscriptionId, failing, deliveries, dueMs } of waiting) {
    const standing = failing ? "failing" : standingOf(subscriptionId);
    backlog[standing] += deliveries;
    if (standing === "quick" || standing === "new") oldestDueMs = Math.max(oldestDueMs, dueMs);
  }
  return { backlog, oldestDueMs };
}

const shortestPauseMs = 5_000;
/** The largest share of time that surveys take, over all processes. */
const shareOfTime = 0.05;

/** Milliseconds until the next survey: 5 s, and longer if this survey took long because tables are large. */
export const surveyPauseMs = (tookMs: number): number =>
  Math.round(Math.max(shortestPauseMs, tookMs / shareOfTime));
