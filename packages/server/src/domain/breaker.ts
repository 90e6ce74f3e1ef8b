import { assistantMessages } from "./contracts/assistant-messages.ts";
import { listenerContract } from "./listeners.ts";

/**
 * The circuit breaker of an endpoint, one for all processes: closed while it does not fail; open while nothing is sent but
 * one probe at a time; probing while a probe is on its way.
 */
export const breakerStates = ["closed", "open", "probing"] as const;
export type BreakerState = (typeof breakerStates)[number];

/**
 * Contracts that no breaker delays and whose endpoints the service never disables: a late message is of no use in a call,
 * and whoever listens wants to see each failure.
 */
export const contractsWithoutBreaker: readonly string[] = [
  assistantMessages.name,
  listenerContract,
];

export const hasBreaker = (contract: string): boolean =>
  !contractsWithoutBreaker.includes(contract);

/** The breaker of an endpoint, from when its next probe may be made (null: it does not fail) and whether one is on its way. */
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

/** How long an endpoint is left alone before the next probe, after so many probes that failed one after the other. */
export const probePauseMs = (probesFailed: number): number =>
  Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(probesFailed, 30));

/** What a team decides of endpoints that fail; null: as the service does it. */
export type FailingPolicy = {
  /** Days of nothing but failures after which an endpoint is disabled; 0: never. */
  disableAfterDays: number | null;
};

/** Days after which the service disables an endpoint that does nothing but fail, and ends what has waited for it. */
export const daysByDefault = { disable: 5, expire: 3 };
const daySeconds = 86_400;

/** Decides what follows a probe that failed: the endpoint is disabled, or probed again after a pause. */
export function afterFailedProbe(
  { probesFailed, failingSeconds }: { probesFailed: number; failingSeconds: number },
  { disableAfterDays }: FailingPolicy,
): { kind: "disable" } | { kind: "pause"; pauseMs: number } {
  const days = disableAfterDays ?? daysByDefault.disable;
  return days > 0 && failingSeconds >= days * daySeconds
    ? { kind: "disable" }
    : { kind: "pause", pauseMs: probePauseMs(probesFailed + 1) };
}

/** A time in which the endpoint was disabled, in seconds before now. */
export type Disabled = { fromSecondsAgo: number; toSecondsAgo: number };

/**
 * How many seconds ago that began which has now been waited for over so many days, when the time in which the endpoint
 * was disabled does not count. The times do not overlap.
 */
export function waitedSinceSecondsAgo(days: number | null, disabled: readonly Disabled[]): number {
  let secondsAgo = (days ?? daysByDefault.expire) * daySeconds;
  const latestFirst = [...disabled].sort((a, b) => a.toSecondsAgo - b.toSecondsAgo);
  for (const { fromSecondsAgo, toSecondsAgo } of latestFirst) {
    if (toSecondsAgo < secondsAgo) secondsAgo += fromSecondsAgo - toSecondsAgo;
  }
  return secondsAgo;
}
