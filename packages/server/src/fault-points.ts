/**
 * The steps at which a process may die in the middle of its work, in the order of a fact's life. docs/faults.md says what
 * happens to a delivery at each of them.
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

/** The action of a test at a point; `deliveryId`: the delivery, if the point is about a single one. */
export type Fault = (point: FaultPoint, deliveryId: string | undefined) => void;

let fault: Fault | undefined;

/** Marks that the process has reached this point. Does nothing, unless a test has armed the points. */
export function reach(point: FaultPoint, deliveryId?: string): void {
  fault?.(point, deliveryId);
}

/** Sets the action of a test at the points. Code in src and bin must not call it. */
export function armFaultPoints(given: Fault): void {
  fault = given;
}
