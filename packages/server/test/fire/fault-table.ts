import type { FaultPoint } from "../../src/fault-points.ts";

/** The two ways of delivering: at least once in any order (contracts A and B), or at most once in order (contract C). */
export const deliveryKinds = ["unordered", "ordered"] as const;
export type DeliveryKind = (typeof deliveryKinds)[number];

/** How a process is brought to a point. */
export type Approach =
  /** A caller reports the fact to it. */
  | "reported"
  /** The fact was recorded by another process and waits in the table. */
  | "waiting"
  /** As `waiting`, twice with one slot: the second one is given back when the process is told to stop. */
  | "drained"
  /** A caller reports the fact under an Idempotency-Key. */
  | "keyed"
  /** Time brings the fact about. */
  | "timed"
  /** A person asks for a delivered delivery again. */
  | "redelivered"
  /** A person asks for a replay of a delivered delivery: its first step counts, and the process dies in the second one. */
  | "replayed"
  /** A person rotates the signing secret; the fact waits in the table. */
  | "rotated"
  /** The fact waits in the table, and the process dies in its first round as a janitor. */
  | "tidied";

/** What became of the delivery after a second process took over. */
export type Fate = {
  /** Requests that reached the receiver. */
  arrived: number;
  /** What each attempt came to, in order: a status, or `unknown_outcome`. */
  attempts: readonly (number | "unknown_outcome")[];
  status: "delivered" | "failed";
};

export type FaultCase = {
  point: FaultPoint;
  approach: Approach;
  /** Where the process is, in words for docs/faults.md. */
  where: string;
  /** Undefined: this kind never comes here. */
  unordered: Fate;
  ordered: Fate | undefined;
  /** What else may become of an unordered one: when the process had gone on by itself before it died. */
  orElse?: Fate;
};

const once: Fate = { arrived: 1, attempts: [200], status: "delivered" };
const onceAfterLoss: Fate = { ...once, attempts: ["unknown_outcome", 200] };
const twice: Fate = { ...onceAfterLoss, arrived: 2 };
const unknownUnsent: Fate = { arrived: 0, attempts: ["unknown_outcome"], status: "failed" };
const unknownSent: Fate = { ...unknownUnsent, arrived: 1 };
const againOnRequest: Fate = { arrived: 2, attempts: [200, 200], status: "delivered" };
const againAfterLoss: Fate = { ...againOnRequest, attempts: [200, "unknown_outcome", 200] };

/** What happens to a delivery whose process is killed at each point, and a second process takes over. */
export const faultCases: readonly FaultCase[] = [
  {
    point: "after_begin",
    approach: "reported",
    where: "the transaction is open, and the rows that it depends on are locked",
    unordered: once,
    ordered: once,
  },
  {
    point: "before_commit",
    approach: "reported",
    where: "fact, event and delivery are sent to the database, COMMIT is not",
    unordered: once,
    ordered: once,
  },
  {
    point: "after_commit_before_answer",
    approach: "reported",
    where: "committed; the caller has no answer yet",
    unordered: onceAfterLoss,
    ordered: once,
  },
  {
    point: "after_hot_accept",
    approach: "reported",
    where: "the dispatcher has the fresh delivery",
    unordered: onceAfterLoss,
    ordered: once,
  },
  {
    point: "before_idempotent_answer",
    approach: "keyed",
    where: "committed with an Idempotency-Key; the answer is not stored",
    unordered: onceAfterLoss,
    ordered: once,
  },
  {
    point: "after_claim",
    approach: "waiting",
    where: "a due delivery is leased",
    unordered: onceAfterLoss,
    ordered: unknownUnsent,
  },
  {
    point: "before_request",
    approach: "waiting",
    where: "the attempt starts, nothing is sent",
    unordered: onceAfterLoss,
    ordered: unknownUnsent,
  },
  {
    point: "after_request_written",
    approach: "waiting",
    where: "the request is on the wire",
    unordered: twice,
    ordered: unknownSent,
  },
  {
    point: "after_response_head",
    approach: "waiting",
    where: "the receiver has answered",
    unordered: twice,
    ordered: unknownSent,
  },
  {
    point: "before_result_commit",
    approach: "waiting",
    where: "the result is about to be written",
    unordered: twice,
    ordered: unknownSent,
  },
  {
    point: "after_result_commit",
    approach: "waiting",
    where: "the result is written",
    unordered: once,
    ordered: once,
  },
  {
    point: "before_release",
    approach: "drained",
    where: "the process was told to stop, and gives back a lease that it has not used",
    unordered: onceAfterLoss,
    ordered: unknownUnsent,
  },
  {
    point: "before_timer",
    approach: "timed",
    where: "a deadline or a hang timeout is over, nothing is recorded",
    unordered: once,
    ordered: once,
  },
  {
    point: "after_timer",
    approach: "timed",
    where: "the deadline or hang is recorded",
    unordered: onceAfterLoss,
    ordered: once,
  },
  {
    point: "redelivery_before_commit",
    approach: "redelivered",
    where: "a redelivery is requested, not committed; the person requests it again",
    unordered: againOnRequest,
    ordered: undefined,
  },
  {
    point: "redelivery_after_commit",
    approach: "redelivered",
    where: "a redelivery is committed; the person has no answer yet",
    unordered: againOnRequest,
    ordered: undefined,
    // Its dispatcher may hear of the commit first, and have claimed it.
    orElse: againAfterLoss,
  },
  {
    point: "replay_before_commit",
    approach: "replayed",
    where:
      "a step of a replay has made a delivery due, not committed; another process repeats the step",
    unordered: againOnRequest,
    ordered: againOnRequest,
  },
  {
    point: "replay_after_commit",
    approach: "replayed",
    where: "a step of a replay is committed",
    unordered: againOnRequest,
    ordered: againOnRequest,
    // Its dispatcher may have claimed it.
    orElse: againAfterLoss,
  },
  {
    point: "secret_before_commit",
    approach: "rotated",
    where: "a new signing secret is written, not committed: the old one stays valid",
    unordered: once,
    ordered: once,
  },
  {
    point: "secret_after_commit",
    approach: "rotated",
    where: "a new signing secret is committed: both sign, and the new one can be read",
    unordered: once,
    ordered: once,
  },
  {
    point: "janitor_step",
    approach: "tidied",
    where: "the janitor is in the middle of its round",
    unordered: once,
    ordered: once,
  },
];

/** Points that no delivery passes; a test of their own each. */
export const pointsWithoutDelivery = ["mid_migration"] as const satisfies readonly FaultPoint[];
