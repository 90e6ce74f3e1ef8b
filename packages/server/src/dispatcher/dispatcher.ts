import type { HotPath } from "../actions/fan-out.ts";
import type { Database } from "../db/sql.ts";
import type { LeasedDelivery } from "../domain/delivery.ts";
import { newLeaseToken } from "../ids.ts";
import { openPace } from "../pace.ts";
import type { Tracing } from "../tracing.ts";
import { type AttemptDeps, type Attempted, attempt } from "./attempt.ts";
import { claimMax, openClaiming, pollMs } from "./claiming.ts";
import { openHeldLeases } from "./held-leases.ts";
import { type Held, isQuiet, type Lane, Lanes } from "./lanes.ts";
import { openRoom } from "./room.ts";
import { adaptSlots } from "./slots.ts";
import { quickMs, takenInAll } from "./standing.ts";
import { openTurns } from "./turns.ts";

export type DispatcherDeps = AttemptDeps & {
  /** The connections that claim; they plan with nested loops only (see `claimSettings`). */
  database: Database;
  /** The name of this process, the first half of its lease tokens. */
  leaseOwner: string;
  /** Attempts in flight at once, over all subscriptions. */
  concurrency: number;
  /** Attempts in flight at once for one subscription, at the most. */
  subscriptionConcurrency: number;
  onError: (message: string, error: unknown) => void;
};

/** Decides what may start now, and starts it. */
export type Dispatcher = {
  hotPath: HotPath;
  /** Begins to claim what is due. */
  start(): void;
  /**
   * Looks for due deliveries now instead of at the next poll. One of this subscription's fell due because a person
   * wants it so, or the subscription was changed: should its receiver have asked for quiet, it is asked again.
   */
  wake(subscriptionId?: string): void;
  /** How many attempts to a subscription could begin in this process now, beside what it has: 0 while its receiver wants quiet. */
  freePlaces(subscriptionId: string): number;
  /** Stops claiming, finishes what is in flight, gives back the rest; resolves when all is written. */
  close(): Promise<void>;
  /** Milliseconds since the table was last looked at with success; undefined before the first time. */
  sincePollMs(): number | undefined;
  readonly inFlight: number;
  readonly held: number;
};

/** Slow lanes free their places one by one, and may be many: their claims wait for each other. */
const slowRefillMs = 100;

export function openDispatcher(deps: DispatcherDeps): Dispatcher {
  const lanes = new Lanes(deps.subscriptionConcurrency);
  const turns = openTurns(lanes, deps.concurrency);
  const pace = openPace();
  const room = openRoom(lanes, pace, deps.concurrency);
  const leases = openHeldLeases();
  const newToken = () => newLeaseToken(deps.leaseOwner);
  const claiming = openClaiming({
    database: deps.database,
    lanes,
    room,
    leases,
    newLeaseToken: newToken,
    beforeWalk: demoteSilentLanes,
    enqueue,
    afterClaim: startWhatMay,
    onClaimed: deps.tracing && tellClaims(deps.tracing),
    random: deps.random,
    onError: deps.onError,
  });
  let demotedAtMs = 0;
  let closing = false;
  let onAllRecorded: (() => void) | undefined;

  /** A lane whose receiver has fallen silent is slow, long before its timeouts say so. */
  function demoteSilentLanes(): void {
    const nowMs = performance.now();
    if (nowMs - demotedAtMs < pollMs / 2) return;
    demotedAtMs = nowMs;
    for (const lane of lanes) {
      if (lane.at.inFlight === 0 || nowMs - lane.heardAtMs <= quickMs) continue;
      turns.setStanding(lane, "slow");
    }
    startWhatMay();
  }

  function enqueue(lane: Lane, held: Held): void {
    lanes.arrive(lane, held);
    if (isQuiet(lane)) giveBack(lane);
    else turns.offer(lane);
  }

  /** Gives back the leases of all that waits in a lane: another process or a later claim will take it. */
  function giveBack(lane: Lane): void {
    for (const { delivery } of lanes.clear(lane)) {
      deps.recorder.release(delivery).then(
        () => leases.leave(delivery),
        (error) => {
          leases.abandon(delivery);
          deps.onError("a lease could not be given back", error);
        },
      );
    }
  }

  function keepQuiet(lane: Lane, quietMs: number): void {
    if (quietMs <= 0) return;
    lane.quietUntilMs = Math.max(lane.quietUntilMs, performance.now() + quietMs);
    claiming.noteBacklog(lane);
    giveBack(lane);
  }

  function startWhatMay(): void {
    turns.startWhatMay(run);
  }

  /** Its slot is free when the receiver has answered, its place in memory when that is written. */
  async function run(lane: Lane, held: Held): Promise<void> {
    const { delivery } = held;
    if (lane.at.inFlight === 1) lane.heardAtMs = performance.now();
    const attempted = await attemptOf(held);
    if (attempted?.kind === "attempted") {
      lanes.answer(lane);
      learn(lane, attempted);
      turns.offer(lane);
      startWhatMay();
      await recorded(delivery, attempted);
      lanes.leave(lane, "unwritten", delivery);
    } else lanes.leave(lane, "inFlight", delivery);
    turns.offer(lane);
    startWhatMay();
    refill(lane, delivery);
    if (lanes.unrecorded === 0) onAllRecorded?.();
  }

  async function attemptOf({ delivery, leasedAtMs }: Held): Promise<Attempted | undefined> {
    try {
      const leaseLeftMs = () => leasedAtMs + delivery.leaseMs - performance.now();
      const attempted = await attempt(deps, delivery, leaseLeftMs);
      if (attempted.kind === "released") leases.leave(delivery);
      return attempted;
    } catch (error) {
      abandon(delivery, error);
      return undefined;
    }
  }

  async function recorded(
    delivery: LeasedDelivery,
    { written }: Attempted & { kind: "attempted" },
  ): Promise<void> {
    try {
      const { moved, retryInMs } = await written;
      if (moved) leases.leave(delivery);
      else leases.abandon(delivery);
      if (retryInMs !== undefined) claiming.wakeWithin(retryInMs);
    } catch (error) {
      abandon(delivery, error);
    }
  }

  /** Nothing is lost: the lease runs out and the delivery is claimed again. */
  function abandon(delivery: LeasedDelivery, error: unknown): void {
    leases.abandon(delivery);
    deps.onError("an attempt could not be finished", error);
  }

  /** Claims more for a lane in which a place has become free. */
  function refill(lane: Lane, { ordered, crashCount }: LeasedDelivery): void {
    // After these there may be more that are claimed one at a time.
    if (ordered || crashCount > 1) claiming.wake();
    else if (claiming.isWorthIt(lane)) {
      if (lane.standing === "slow") claiming.wakeWithin(slowRefillMs);
      else claiming.wake();
    }
  }

  /** What an attempt that is over tells of its receiver. */
  function learn(lane: Lane, attempted: Attempted & { kind: "attempted" }): void {
    lane.heardAtMs = performance.now();
    lane.answered = attempted.answered;
    turns.setStanding(lane, attempted.quick ? "quick" : "slow");
    pace.count();
    lane.pace.count();
    lane.slots = adaptSlots(lane.slots, attempted, deps.subscriptionConcurrency);
    keepQuiet(lane, attempted.quietMs);
  }

  const hotPath: HotPath = {
    newLeaseToken: newToken,
    reserve(subscriptionId, payloadBytes) {
      const lane = lanes.of(subscriptionId);
      if (closing || room.of("quick") <= 0) {
        claiming.noteBacklog(lane);
        claiming.noteStarved();
        return false;
      }
      // What already waits in the table keeps room for a claim. A lane that goes fast has more than that.
      if (room.ofLane(lane) <= (claiming.hasBacklog(lane) ? claimMax : 0)) {
        claiming.noteBacklog(lane);
        return false;
      }
      lanes.reserve(lane, 1, payloadBytes);
      return true;
    },
    cancel(subscriptionId, payloadBytes) {
      lanes.cancel(lanes.of(subscriptionId), 1, payloadBytes);
    },
    accept(deliveries, leasedAtMs) {
      for (const delivery of deliveries) {
        leases.enter(delivery);
        enqueue(lanes.of(delivery.subscriptionId), { delivery, leasedAtMs });
      }
      startWhatMay();
    },
    leftInTable: claiming.wake,
  };

  return {
    hotPath,
    start: claiming.wake,
    wake(subscriptionId) {
      const lane = subscriptionId === undefined ? undefined : lanes.find(subscriptionId);
      if (lane) lane.quietUntilMs = 0;
      claiming.wake();
    },
    freePlaces: (subscriptionId) => Math.max(0, room.toStart(lanes.of(subscriptionId))),
    async close() {
      closing = true;
      await claiming.close();
      for (const lane of lanes) giveBack(lane);
      if (lanes.unrecorded > 0) {
        await new Promise<void>((resolve) => {
          onAllRecorded = resolve;
        });
      }
      await deps.recorder.idle();
    },
    sincePollMs: claiming.sincePollMs,
    get inFlight() {
      return takenInAll(lanes.inFlight);
    },
    get held() {
      return takenInAll(lanes.held);
    },
  };
}

const tellClaims =
  (tracing: Tracing) =>
  (startedAtMs: number, deliveries: number): void =>
    tracing.tell("claim", startedAtMs, { "postrider.deliveries": deliveries });
