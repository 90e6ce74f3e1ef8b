import type { HotPath } from "../actions/fan-out.ts";
import type { Database } from "../db/pool.ts";
import type { LeasedDelivery } from "../domain/delivery.ts";
import type { DispatchProgress } from "../domain/dispatch-progress.ts";
import type { ReceiverStanding } from "../domain/survey.ts";
import type { Tally } from "../domain/tally.ts";
import { newLeaseToken } from "../ids.ts";
import { openPace } from "../pace.ts";
import type { Tracing } from "../tracing.ts";
import { type AttemptDeps, type Attempted, attempt } from "./attempt.ts";
import { openClaiming, pollMs } from "./claiming.ts";
import { openHeldLeases } from "./held-leases.ts";
import { openHotPath } from "./hot-path.ts";
import { type Held, type Lane, Lanes, mustWait } from "./lanes.ts";
import { openProgress } from "./progress.ts";
import { openReceiverStandings } from "./receiver-standing.ts";
import { openRoom } from "./room.ts";
import { adaptSlots } from "./slots.ts";
import { quickMs, takenInAll } from "./standing.ts";
import { openTurns } from "./turns.ts";

export type DispatcherDeps = AttemptDeps & {
  /** The connections that claim; they plan with nested loops only (see `claimSettings`). */
  database: Database;
  /** The name of this process, the first half of its lease tokens. */
  leaseOwner: string;
  /** Maximum number of attempts in flight, over all subscriptions. */
  concurrency: number;
  /** Maximum number of attempts in flight for one subscription. */
  subscriptionConcurrency: number;
  onError: (message: string, error: unknown) => void;
  /** Counts what the dispatcher does. */
  tally?: Tally;
};

/** Claims due deliveries, decides which may start, and makes their attempts. */
export type Dispatcher = {
  hotPath: HotPath;
  /** Begins to claim due deliveries. */
  start(): void;
  /**
   * Polls now instead of at the next interval. `subscriptionId`: a person retried one of its deliveries, or the
   * subscription was changed. If its receiver asked for a pause, the pause ends.
   */
  wake(subscriptionId?: string): void;
  /** These endpoints fail from now on: only probes and manual retries are sent to them. */
  shut(subscriptionIds: readonly string[]): void;
  /** How many more attempts of a subscription could begin in this process now; 0 while its receiver wants a pause. */
  freeSlots(subscriptionId: string): number;
  /** Stops claiming, finishes attempts in flight, releases the other leases; resolves when all results are written. */
  close(): Promise<void>;
  /** Milliseconds since a poll had claimed all that it found; undefined before the first time. */
  sincePollMs(): number | undefined;
  /** Its progress with the deliveries that it holds. */
  progress(): DispatchProgress;
  /** What this process knows of a subscription's receiver. */
  standingOf(subscriptionId: string): ReceiverStanding;
  readonly inFlight: number;
  readonly held: number;
};

/** Slow lanes free their slots one by one, and there may be many: their claims are gathered for this time. */
const slowRefillMs = 100;

export function openDispatcher(deps: DispatcherDeps): Dispatcher {
  const lanes = new Lanes(deps.subscriptionConcurrency);
  const turns = openTurns(lanes, deps.concurrency);
  const pace = openPace();
  const room = openRoom(lanes, pace, deps.concurrency);
  const leases = openHeldLeases();
  const progress = openProgress();
  const standings = openReceiverStandings();
  const newToken = () => newLeaseToken(deps.leaseOwner);
  const claiming = openClaiming({
    database: deps.database,
    lanes,
    room,
    leases,
    newLeaseToken: newToken,
    beforeWalk: demoteSilentLanes,
    setShut,
    enqueue,
    afterClaim: startWhatMay,
    onClaimed: deps.tracing && tellClaims(deps.tracing),
    random: deps.random,
    onError: deps.onError,
    ...(deps.tally && { tally: deps.tally }),
  });
  let demotedAtMs = 0;
  let closing = false;
  let onAllRecorded: (() => void) | undefined;

  /** Makes lanes slow whose receivers have stopped answering, before their attempts time out. */
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
    if (mustWait(lane, held.delivery)) giveBack(lane);
    else turns.offer(lane);
  }

  /** Releases the leases of deliveries that wait in a lane: another process or a later claim takes them. */
  function giveBack(lane: Lane, which: "all" | "what must wait" = "what must wait"): void {
    for (const { delivery } of lanes.clear(lane, which)) {
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

  /**
   * An endpoint began to fail, or recovered. Its lane then begins with one attempt at a time and grows with each success,
   * so that the waiting deliveries do not all arrive at once.
   */
  function setShut(lane: Lane, isShut: boolean): void {
    if (lane.isShut === isShut) return;
    lane.isShut = isShut;
    if (isShut) giveBack(lane);
    else {
      lane.slots = 1;
      claiming.noteBacklog(lane);
    }
  }

  function startWhatMay(): void {
    turns.startWhatMay(run);
  }

  /** The slot is free when the receiver has answered, the room in memory when the result is written. */
  async function run(lane: Lane, held: Held): Promise<void> {
    const { delivery } = held;
    if (lane.at.inFlight === 1) lane.heardAtMs = performance.now();
    const begun = progress.begin(delivery);
    standings.began(lane);
    const attempted = await attemptOf(held);
    progress.end(begun, attempted?.kind === "attempted");
    if (attempted?.kind === "attempted") {
      lanes.answer(lane);
      learn(lane, attempted);
      turns.offer(lane);
      startWhatMay();
      await recorded(lane, delivery, attempted);
      lanes.leave(lane, "unwritten", delivery);
    } else lanes.leave(lane, "inFlight", delivery);
    turns.offer(lane);
    startWhatMay();
    refill(lane, delivery);
    if (lanes.unrecorded === 0) onAllRecorded?.();
  }

  async function attemptOf({ delivery, leasedAtMs }: Held): Promise<Attempted | undefined> {
    if (deps.tally && delivery.attemptNumber === 1 && !delivery.manual) {
      const waitedMs = performance.now() - leasedAtMs + delivery.ageMs;
      deps.tally.firstAttempt(delivery.contract, waitedMs);
    }
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
    lane: Lane,
    delivery: LeasedDelivery,
    { written }: Attempted & { kind: "attempted" },
  ): Promise<void> {
    try {
      const { moved, delivered, retryInMs } = await progress.writing(written);
      if (moved) leases.leave(delivery);
      else leases.abandon(delivery);
      if (retryInMs !== undefined) claiming.wakeWithin(retryInMs);
      if (moved && delivered && lane.isShut) {
        setShut(lane, false);
        claiming.wake();
      } else if (delivery.breaker === "probes") claiming.wakeWithin(0);
    } catch (error) {
      abandon(delivery, error);
    }
  }

  /** Nothing is lost: the lease ends and the delivery is claimed again. */
  function abandon(delivery: LeasedDelivery, error: unknown): void {
    leases.abandon(delivery);
    deps.onError("an attempt could not be finished", error);
  }

  /** Claims more for a lane that has a free slot. */
  function refill(lane: Lane, { ordered, crashCount }: LeasedDelivery): void {
    // Deliveries like these are claimed one at a time, so the table may have more.
    if (ordered || crashCount > 1) claiming.wake();
    else if (claiming.isWorthIt(lane)) {
      if (lane.standing === "slow") claiming.wakeWithin(slowRefillMs);
      else claiming.wake();
    }
  }

  /** Updates the lane with what an ended attempt shows about its receiver. */
  function learn(lane: Lane, attempted: Attempted & { kind: "attempted" }): void {
    lane.heardAtMs = performance.now();
    lane.answered = attempted.answered;
    turns.setStanding(lane, attempted.quick ? "quick" : "slow");
    pace.count();
    lane.pace.count();
    lane.slots = adaptSlots(lane.slots, attempted, deps.subscriptionConcurrency);
    keepQuiet(lane, attempted.quietMs);
  }

  const hotPath = openHotPath({
    ...{ lanes, room, claiming, leases, enqueue },
    newLeaseToken: newToken,
    isClosing: () => closing,
    afterAccept: startWhatMay,
  });

  return {
    hotPath,
    start: claiming.wake,
    wake(subscriptionId) {
      const lane = subscriptionId === undefined ? undefined : lanes.find(subscriptionId);
      if (lane) lane.quietUntilMs = 0;
      claiming.wake();
    },
    shut(subscriptionIds) {
      for (const id of subscriptionIds) setShut(lanes.of(id), true);
    },
    // A failing endpoint gets one attempt at a time.
    freeSlots(subscriptionId) {
      const lane = lanes.of(subscriptionId);
      return Math.max(0, Math.min(lane.isShut ? 1 : Number.POSITIVE_INFINITY, room.toStart(lane)));
    },
    async close() {
      closing = true;
      await claiming.close();
      for (const lane of lanes) giveBack(lane, "all");
      if (lanes.unrecorded > 0) {
        await new Promise<void>((resolve) => {
          onAllRecorded = resolve;
        });
      }
      await deps.recorder.idle();
    },
    sincePollMs: claiming.sincePollMs,
    progress: () => progress.read(claiming.sincePollMs(), takenInAll(lanes.held)),
    standingOf: (subscriptionId) => standings.of(lanes.find(subscriptionId)),
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
