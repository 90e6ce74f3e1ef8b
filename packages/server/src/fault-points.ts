/**
 * The steps at which a process may die with something half done, in the order of a fact's life. docs/faults.md says what
 * becomes of a delivery at each of them.
 */
export const faultPoints = [
  "after_begin",
  "before_commit",
  "after_commit_before_answer",
  "after_hot_accept",
  "before_idempotent_answer",
  "after_claim",
  "before_request",
  "after_request_written",
  "after_response_head",
  "before_result_commit",
  "after_result_commit",
  "before_release",
  "before_timer",
  "after_timer",
  "redelivery_before_commit",
  "redelivery_after_commit",
  "replay_before_commit",
  "replay_after_commit",
  "secret_before_commit",
  "secret_after_commit",
  "janitor_step",
  "mid_migration",
] as const;
export type FaultPoint = (typeof faultPoints)[number];

/** What a test does to the process at a point; `deliveryId` where the point is about a single delivery. */
export type Fault = (point: FaultPoint, deliveryId: string | undefined) => void;

let fault: Fault | undefined;

/** Says that the process has come to this point. Does nothing, unless a test has armed the points. */
export function reach(point: FaultPoint, deliveryId?: string): void {
  fault?.(point, deliveryId);
}

/** Lets a test decide what happens at the points. Nothing in src or bin may call it. */
export function armFaultPoints(given: Fault): void {
  fault = given;
}
