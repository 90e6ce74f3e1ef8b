import { assistantMessages } from "./contracts/assistant-messages.ts";
import { listenerContract } from "./listeners.ts";

/**
 * The states of an endpoint's circuit breaker, which all processes share. Closed: the endpoint does not fail. Open: it
 * fails, and nothing is sent but one probe at a time. Probing: a probe is in flight.
 */
export const breakerStates = ["closed", "open", "probing"] as const;
export type BreakerState = (typeof breakerStates)[number];

/**
 * Contracts that no breaker delays and whose endpoints the service never disables: a late message is of no use in a call,
 * and a developer with a listener wants to see each failure.
 */
export const contractsWithoutBreaker: readonly string[] = [
  assistantMessages.name,
  listenerContract,
];

/** Says whether endpoints of this contract have a circuit breaker. */
export const hasBreaker = (contract: string): boolean =>
  !contractsWithoutBreaker.includes(contract);

/**
 * The breaker of an endpoint, from the time of its next probe (null: the endpoint does not fail) and whether a probe is
 * in flight.
 */
export function breakerOf({
  contract,
  enabled,
  probeAt,
  probing,
}: {
  contract: string;
  enabled: boolean;
  probeAt: Date | null;
  probing: boolean;
}): { state: BreakerState; nextProbeAt: Date | null } {
  if (probeAt === null || !hasBreaker(contract)) return { state: "closed", nextProbeAt: null };
  if (probing) return { state: "probing", nextProbeAt: null };
  return { state: "open", nextProbeAt: enabled ? probeAt : null };
}

const firstPauseMs = 1_000;
const pauseMsMax = 60_000;

/** Milliseconds until the next probe, after this number of failed probes in a row. */
export const probePauseMs = (probesFailed: number): number =>
  Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(probesFailed, 30));

/** A team's settings for endpoints that fail; null: the service's default. */
export type FailingPolicy = {
  /** Days without a success after which an endpoint is disabled; 0: never. */
  disableAfterDays: number | null;
};

/** Default days after which the service disables an endpoint that only fails, and ends the deliveries that wait for it. */
export const daysByDefault = { disable: 5, expire: 3 };
const daySeconds = 86_400;

/** Decides what follows a failed probe: the endpoint is disabled, or probed again after a pause. */
export function afterFailedProbe(
  { probesFailed, failingSeconds }: { probesFailed: number; failingSeconds: number },
  { disableAfterDays }: FailingPolicy,
): { kind: "disable" } | { kind: "pause"; pauseMs: number } {
  const days = disableAfterDays ?? daysByDefault.disable;
  return days > 0 && failingSeconds >= days * daySeconds
    ? { kind: "disable" }
    : { kind: "pause", pauseMs: probePauseMs(probesFailed + 1) };
}

/** A period in which the endpoint was disabled, in seconds before now. */
export type Disabled = { fromSecondsAgo: number; toSecondsAgo: number };

/**
 * How many seconds ago a delivery must have been made to have waited for this number of days by now. The periods in which
 * the endpoint was disabled do not count; they must not overlap.
 */
export function waitedSinceSecondsAgo(days: number | null, disabled: readonly Disabled[]): number {
  let secondsAgo = (days ?? daysByDefault.expire) * daySeconds;
  const latestFirst = [...disabled].sort((a, b) => a.toSecondsAgo - b.toSecondsAgo);
  for (const { fromSecondsAgo, toSecondsAgo } of latestFirst) {
    if (toSecondsAgo < secondsAgo) secondsAgo += fromSecondsAgo - toSecondsAgo;
  }
  return secondsAgo;
}
