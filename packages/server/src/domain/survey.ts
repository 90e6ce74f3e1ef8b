import type { BreakerState } from "./breaker.ts";
import type { HealthState } from "./endpoint-health.ts";

/** A subscription with deliveries that are due and that no process holds. */
export type Waiting = {
  subscriptionId: string;
  /** Its endpoint counts as failing. */
  failing: boolean;
  /** How many wait, counted up to some number. */
  deliveries: number;
  /** For how long the oldest has been due, in milliseconds. */
  dueMs: number;
};

/**
 * What a dispatcher knows of the receiver of a subscription: how soon it answers, that as many attempts are on the wire as it
 * takes, or that it wants no request now.
 */
export type ReceiverStanding = "quick" | "new" | "full" | "slow" | "quiet";

/**
 * Why deliveries wait. `quick` and `new`: for us, since nothing is known to hold the receiver up. `full`, `slow`, `quiet` and
 * `failing`: for their receiver, which takes no more at once, answers late, asked for a pause, or fails.
 */
export const backlogStandings = ["quick", "new", "full", "slow", "quiet", "failing"] as const;
export type BacklogStanding = (typeof backlogStandings)[number];

/** How many deliveries are due and wait, by what for. */
export type Backlog = Record<BacklogStanding, number>;

/** How many endpoints are in each state. */
export type EndpointStates = Record<HealthState, number>;

/** An endpoint that fails, and for how long. */
export type FailingEndpoint = { id: string; contract: string; failingMs: number };

/** What one process found out for all of them. */
export type Survey = {
  backlog: Backlog;
  /** For how long the oldest delivery has been due that waits for us, in milliseconds; 0: there is none. */
  oldestDueMs: number;
  endpoints: EndpointStates;
  /** How many endpoints have a breaker in each state. */
  breakers: Record<BreakerState, number>;
  /** Those that have failed for the longest, up to some number. */
  failing: FailingEndpoint[];
  /** Whole days after today for which events and attempts have a partition. */
  partitionsAhead: number;
  /** Days by which the oldest partition is older than things are kept; 0: none is. */
  retentionLagDays: number;
  replays: { queued: number; running: number };
};

/** Adds up what waits, by what for. */
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
/** A survey takes no more than this part of the time, over all processes. */
const shareOfTime = 0.05;

/** How long after a survey the next one is due, by how long it took: every 5 s, and later where tables are large. */
export const surveyPauseMs = (tookMs: number): number =>
  Math.round(Math.max(shortestPauseMs, tookMs / shareOfTime));
