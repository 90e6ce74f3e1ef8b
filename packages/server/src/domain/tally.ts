import type { Outcome } from "./outcome.ts";

/** A delivery that a claim ended, and why. */
export type GivenUp = { contract: string; errorCode: string };

/** Deliveries of a contract that ended without an attempt and without a claim, and why. */
export type EndedDeliveries = { contract: string; errorCode: string; count: number };

/** Told of deliveries that ended without an attempt and without a claim, once it is committed. */
export type OnEnded = (ended: EndedDeliveries) => void;

/** An attempt that is over. */
export type TalliedAttempt = {
  contract: string;
  outcome: Outcome["kind"];
  errorCode: string | null;
  latencyMs: number;
  /** Its result moved its delivery; false: it came after the lease had ended. */
  moved: boolean;
};

/** Counts what the dispatcher does, for metrics. */
export type Tally = {
  /** A claim returned this many deliveries. */
  claimed(deliveries: number): void;
  /** A claim ended a delivery that could not be leased again. */
  gaveUp(given: GivenUp): void;
  /** The first attempt of a delivery begins, `waitedMs` after the delivery was made. */
  firstAttempt(contract: string, waitedMs: number): void;
  /** The result of an attempt is written. */
  attempted(attempt: TalliedAttempt): void;
};
