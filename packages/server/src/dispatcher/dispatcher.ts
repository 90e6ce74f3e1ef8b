import { randomUUID } from "node:crypto";
import type { HotPath } from "../actions/fan-out.ts";
import {
  type ClaimShare,
  claimDueOfAllTeams,
  type DueSubscription,
  listDueSubscriptionsOfAllTeams,
} from "../db/claims.ts";
import type { Database } from "../db/sql.ts";
import { type LeasedDelivery, leaseMs } from "../domain/delivery.ts";
import { reach } from "../fault-points.ts";
import { openPace, type Pace } from "../pace.ts";
import { type AttemptDeps, type Attempted, attempt } from "./attempt.ts";
import { Fifo } from "./fifo.ts";
import { openHeldLeases } from "./held-leases.ts";
import { adaptSlots, firstSlots, heldAtPace, holdMax, slotsOfNew } from "./slots.ts";
import { Places, quickMs, type Standing, standings } from "./standing.ts";

export type DispatcherDeps = AttemptDeps & {
  /** The connections that claim; they plan with nested loops only (see `claimSettings`). */
  database: Database;
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
  /** Stops claiming, finishes what is in flight, gives back the rest; resolves when all is written. */
  close(): Promise<void>;
  /** Milliseconds since the table was last looked at with success; undefined before the first time. */
  sincePollMs(): number | undefined;
  readonly inFlight: number;
  readonly held: number;
};

/**
 * Planner switches for connections that claim. At 1,000 and more rows a subscription the planner takes a bitmap scan
 * and a sort over the walk along the index, which is several times dearer; and while events are few it reads all of
 * them into a hash table, in a plan that is kept when they are many.
 */
export const claimSettings = {
  enable_bitmapscan: "off",
  enable_sort: "off",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};

const pollMs = 1_000;
/** A claim of 500 takes a few of each: the pages of a large backlog are far apart, and read once for all of them. */
export const walkMax = 200;
export const claimMax = 500;
export const claimBytesMax = 16 * 1024 * 1024;
/** A claim is worth its two statements once this part of the room is free. */
const roomWorthAClaim = 0.25;
/** Payload bytes held in memory before new deliveries are left in the table. */
const heldBytesMax = 64 * 1024 * 1024;
const idleLanesMax = 20_000;
/** Slow lanes free their places one by one, and may be many: their claims wait for each other. */
const slowRefillMs = 100;

/** A delivery and when its lease was asked for. */
type Held = { delivery: LeasedDelivery; leasedAtMs: number };

/** One subscription's deliveries in this process: its lane. Lanes of the same standing take turns. */
type Lane = {
  subscriptionId: string;
  ready: Fifo<Held>;
  /** Places promised to deliveries whose transaction is not committed yet. */
  reserved: number;
  inFlight: number;
  /** Attempts that are over, with a result that is not committed yet. */
  unwritten: number;
  slots: number;
  /** Attempts that are over. */
  pace: Pace;
  standing: Standing;
  /** Whether the last attempt that is over brought an answer, however late and whatever it said. */
  answered: boolean;
  /** When an attempt ended last, or began while there was no other; of `performance.now()`. */
  heardAtMs: number;
  /** The last walk by which more was due in the table than could be taken; see `hasBacklog`. */
  backlogWalk: number;
  /** Until then the receiver wants no request; of `performance.now()`, and known to this process only. */
  quietUntilMs: number;
};

export function openDispatcher(deps: DispatcherDeps): Dispatcher {
  const lanes = new Map<string, Lane>();
  /** Lanes that have something ready and a free slot, in the order of their turns. */
  const rings = { slow: new Set<Lane>(), new: new Set<Lane>(), quick: new Set<Lane>() };
  const pace = openPace();
  const inFlight = new Places();
  const held = new Places();
  let unwritten = 0;
  let heldBytes = 0;
  const leases = openHeldLeases();
  let demotedAtMs = 0;
  let closing = false;
  let polledAtMs: number | undefined;
  let cursor = "";
  /** The walk around all subscriptions that is under way, or was last; and the last one that came around. */
  let walk = 0;
  let walkDone = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerDueMs = Number.POSITIVE_INFINITY;
  let polling: Promise<void> | undefined;
  let pollAgain = false;
  /** More is due in the table than there was room for, over all lanes. */
  let starved = false;
  let onQuiet: (() => void) | undefined;

  function laneOf(subscriptionId: string): Lane {
    let lane = lanes.get(subscriptionId);
    if (!lane) {
      lane = {
        subscriptionId,
        ready: new Fifo(),
        reserved: 0,
        inFlight: 0,
        unwritten: 0,
        slots: firstSlots(deps.subscriptionConcurrency),
        pace: openPace(),
        standing: "new",
        answered: false,
        heardAtMs: 0,
        backlogWalk: -1,
        quietUntilMs: 0,
      };
      lanes.set(subscriptionId, lane);
      if (lanes.size > idleLanesMax) forgetIdleLanes();
    }
    return lane;
  }

  const noteBacklog = (lane: Lane): void => {
    lane.backlogWalk = walk;
  };

  /** More is due in the table than could be taken, for all that is known: a whole walk since then would have met it. */
  const hasBacklog = (lane: Lane): boolean => lane.backlogWalk >= walkDone;

  const heldOf = (lane: Lane): number =>
    lane.reserved + lane.ready.length + lane.inFlight + lane.unwritten;

  function forgetIdleLanes(): void {
    for (const [id, lane] of lanes) {
      if (heldOf(lane) === 0 && !isQuiet(lane)) lanes.delete(id);
    }
  }

  // Nearly no lane ever is, and each delivery asks: the clock is read for those alone.
  const isQuiet = (lane: Lane): boolean =>
    lane.quietUntilMs > 0 && performance.now() < lane.quietUntilMs;

  function setStanding(lane: Lane, standing: Standing): void {
    if (lane.standing === standing) return;
    inFlight.take(lane.standing, -lane.inFlight);
    held.take(lane.standing, -heldOf(lane));
    for (const old of standings) rings[old].delete(lane);
    lane.standing = standing;
    inFlight.take(standing, lane.inFlight);
    held.take(standing, heldOf(lane));
    offerTurn(lane);
  }

  /**
   * Among whom a lane asks for one more place, of so many that it has. Who answers late still answers: for its only
   * place it waits with the new ones, and not until those that hang have come to their timeouts.
   */
  const placeOf = (lane: Lane, places: number): Standing =>
    lane.standing === "slow" && lane.answered && places === 0 ? "new" : lane.standing;

  /** A lane whose receiver has fallen silent is slow, long before its timeouts say so. */
  function demoteSilentLanes(): void {
    const nowMs = performance.now();
    if (nowMs - demotedAtMs < pollMs / 2) return;
    demotedAtMs = nowMs;
    for (const lane of lanes.values()) {
      if (lane.inFlight === 0 || nowMs - lane.heardAtMs <= quickMs) continue;
      setStanding(lane, "slow");
    }
    startWhatMay();
  }

  const slotsOf = (lane: Lane): number => (lane.standing === "new" ? slotsOfNew : lane.slots);

  const holdMaxOf = (lane: Lane): number =>
    lane.standing === "new" ? slotsOfNew * 2 : holdMax(lane.slots, lane.pace.bestPerSecond());

  const roomOf = (lane: Lane): number =>
    isQuiet(lane) ? 0 : Math.min(holdMaxOf(lane) - heldOf(lane), roomFor(lane));

  /** What is left for a lane that has so many places: all that its standing has, or one place among the new ones. */
  function leftFor(lane: Lane, places: number, left: (standing: Standing) => number): number {
    const own = left(lane.standing);
    const place = placeOf(lane, places);
    return place === lane.standing ? own : Math.max(own, Math.min(1, left(place)));
  }

  const roomFor = (lane: Lane): number => leftFor(lane, heldOf(lane), room);

  /** What is sent at most once must not wait under a lease: were it lost with this process, it would never be sent. */
  const slotsFreeOf = (lane: Lane): number =>
    isQuiet(lane)
      ? 0
      : Math.min(
          slotsOf(lane) - heldOf(lane),
          leftFor(lane, lane.inFlight, (standing) => inFlight.left(standing, deps.concurrency)),
          roomFor(lane),
        );

  /** Deliveries that may be held, over all lanes: as many again may wait as may be in flight, and more when all goes fast. */
  const capacity = (): number => Math.max(deps.concurrency * 2, heldAtPace(pace.bestPerSecond()));

  const room = (standing: Standing): number =>
    heldBytes >= heldBytesMax ? 0 : Math.max(0, held.left(standing, capacity()));

  function enqueue(lane: Lane, entry: Held): void {
    lane.ready.push(entry);
    if (isQuiet(lane)) giveBack(lane);
    else offerTurn(lane);
  }

  /** Gives back the leases of all that waits in a lane: another process or a later claim will take it. */
  function giveBack(lane: Lane): void {
    for (const { delivery } of lane.ready.drain()) {
      forgetHeld(lane, delivery);
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
    noteBacklog(lane);
    giveBack(lane);
  }

  function offerTurn(lane: Lane): void {
    if (lane.ready.length === 0 || lane.inFlight >= slotsOf(lane)) return;
    const place = placeOf(lane, lane.inFlight);
    // It may wait there since it had another one in flight.
    if (place !== lane.standing) rings[lane.standing].delete(lane);
    rings[place].add(lane);
  }

  /** Starts what may start: one delivery a lane in turn and one lane a standing, while there are slots. */
  function startWhatMay(): void {
    let started = true;
    while (started) {
      started = false;
      for (const standing of standings) started = startNext(standing) || started;
    }
  }

  function startNext(standing: Standing): boolean {
    // Should this process die now, all that is not written would be sent again.
    if (inFlight.taken + unwritten >= deps.concurrency * 2) return false;
    if (inFlight.left(standing, deps.concurrency) <= 0) return false;
    for (const lane of rings[standing]) {
      rings[standing].delete(lane);
      const entry = lane.ready.shift();
      if (!entry) continue;
      run(lane, entry);
      offerTurn(lane);
      return true;
    }
    return false;
  }

  /** Its slot is free when the receiver has answered, its place in memory when that is written. */
  async function run(lane: Lane, { delivery, leasedAtMs }: Held): Promise<void> {
    if (lane.inFlight === 0) lane.heardAtMs = performance.now();
    lane.inFlight++;
    inFlight.take(lane.standing, 1);
    try {
      const leaseLeftMs = () => leasedAtMs + delivery.leaseMs - performance.now();
      const attempted = await attempt(deps, delivery, leaseLeftMs).finally(() => {
        lane.inFlight--;
        inFlight.take(lane.standing, -1);
      });
      if (attempted.kind === "attempted") {
        lane.unwritten++;
        unwritten++;
        learn(lane, attempted);
        offerTurn(lane);
        startWhatMay();
        const { moved, retryInMs } = await attempted.written.finally(() => {
          lane.unwritten--;
          unwritten--;
        });
        if (moved) leases.leave(delivery);
        else leases.abandon(delivery);
        if (retryInMs !== undefined) pollWithin(retryInMs);
      } else leases.leave(delivery);
    } catch (error) {
      // Nothing is lost: the lease runs out and the delivery is claimed again.
      leases.abandon(delivery);
      deps.onError("an attempt could not be finished", error);
    }
    forgetHeld(lane, delivery);
    offerTurn(lane);
    startWhatMay();
    // After these there may be more that are claimed one at a time.
    if (delivery.ordered || delivery.crashCount > 1) wake();
    else if (worthAClaim(lane)) {
      if (lane.standing === "slow") pollWithin(slowRefillMs);
      else wake();
    }
    if (inFlight.taken + unwritten === 0) onQuiet?.();
  }

  /** What an attempt that is over tells of its receiver. */
  function learn(lane: Lane, attempted: Attempted & { kind: "attempted" }): void {
    lane.heardAtMs = performance.now();
    lane.answered = attempted.answered;
    setStanding(lane, attempted.quick ? "quick" : "slow");
    pace.count();
    lane.pace.count();
    lane.slots = adaptSlots(lane.slots, attempted, deps.subscriptionConcurrency);
    keepQuiet(lane, attempted.quietMs);
  }

  function worthAClaim(lane: Lane): boolean {
    if (starved) return room("quick") >= capacity() * roomWorthAClaim;
    return hasBacklog(lane) && roomOf(lane) >= Math.min(holdMaxOf(lane), claimMax) / 2;
  }

  function forgetHeld(lane: Lane, delivery: LeasedDelivery): void {
    held.take(lane.standing, -1);
    heldBytes -= delivery.payload.length;
  }

  /** Takes the next step of a walk, and ends leases on the way. */
  const walkOn = (): Promise<DueSubscription[]> =>
    leases.end((ended) =>
      listDueSubscriptionsOfAllTeams(deps.database.sql, cursor, walkMax, ended),
    );

  /** Looks once around all subscriptions with due work, as far as there is room. */
  async function poll(): Promise<void> {
    let nextDueMs = pollMs * (0.9 + 0.1 * deps.random());
    demoteSilentLanes();
    do {
      if (cursor === "") walk++;
      const walked = await walkOn();
      polledAtMs = performance.now();
      for (const { active, dueInMs } of walked) {
        if (active && dueInMs > 0) nextDueMs = Math.min(nextDueMs, dueInMs);
      }
      const due = walked.filter(({ active, dueInMs }) => active && dueInMs <= 0);
      if (closing) return;
      const { shares, last } = shareOut(due);
      if (shares.length > 0) await claim(shares);
      cursor = last ?? (walked.length < walkMax ? "" : (walked.at(-1)?.subscriptionId ?? ""));
    } while (cursor !== "" && !starved);
    if (cursor === "") walkDone = walk;
    pollWithin(nextDueMs);
  }

  /** Divides the room among subscriptions with due work; `last` is where the room ended, to go on from there. */
  function shareOut(due: readonly DueSubscription[]): {
    shares: ClaimShare[];
    last: string | undefined;
  } {
    const shares: ClaimShare[] = [];
    let places = Math.min(room("quick"), claimMax);
    const fairShares = fairSharesOf(due, places);
    let last: string | undefined;
    starved = false;
    for (const { subscriptionId, timeoutSeconds, ordered } of due) {
      const lane = laneOf(subscriptionId);
      noteBacklog(lane);
      if (places <= 0) {
        starved = true;
        break;
      }
      last = subscriptionId;
      const limit = Math.min(
        ordered ? slotsFreeOf(lane) : roomOf(lane),
        places,
        fairShares[lane.standing],
      );
      if (limit <= 0) continue;
      places -= limit;
      reserve(lane, limit);
      shares.push({ subscriptionId, limit, leaseMs: leaseMs(timeoutSeconds), ordered });
    }
    return { shares, last: starved ? (last ?? cursor) : undefined };
  }

  /** What each due subscription of a standing gets when all of them get the same. */
  function fairSharesOf(due: readonly DueSubscription[], places: number): Record<Standing, number> {
    const counts = { slow: 0, new: 0, quick: 0 };
    for (const { subscriptionId } of due) counts[laneOf(subscriptionId).standing]++;
    const fairShareOf = (standing: Standing) =>
      Math.max(1, Math.floor(Math.min(places / due.length, room(standing) / counts[standing])));
    return { slow: fairShareOf("slow"), new: fairShareOf("new"), quick: fairShareOf("quick") };
  }

  /** Promises places in a lane; a negative count takes the promise back. */
  function reserve(lane: Lane, count: number): void {
    lane.reserved += count;
    held.take(lane.standing, count);
  }

  async function claim(shares: readonly ClaimShare[]): Promise<void> {
    const leasedAtMs = performance.now();
    const claimed = await claimDueOfAllTeams(deps.database.sql, shares, {
      leaseToken: randomUUID(),
      payloadBytesMax: claimBytesMax,
    }).finally(() => {
      for (const { subscriptionId, limit } of shares) reserve(laneOf(subscriptionId), -limit);
    });
    if (claimed.length > 0) reach("after_claim");
    const counts = new Map<string, number>();
    for (const delivery of claimed) {
      const lane = laneOf(delivery.subscriptionId);
      counts.set(delivery.subscriptionId, (counts.get(delivery.subscriptionId) ?? 0) + 1);
      held.take(lane.standing, 1);
      heldBytes += delivery.payload.length;
      enqueue(lane, { delivery, leasedAtMs });
    }
    for (const { subscriptionId, limit } of shares) {
      if ((counts.get(subscriptionId) ?? 0) < limit) laneOf(subscriptionId).backlogWalk = -1;
    }
    startWhatMay();
  }

  /** Polls not later than after this many milliseconds. */
  function pollWithin(delayMs: number): void {
    if (closing) return;
    const dueMs = performance.now() + Math.min(delayMs, pollMs);
    if (timer && timerDueMs <= dueMs) return;
    clearTimeout(timer);
    timerDueMs = dueMs;
    const delay = Math.max(0, Math.ceil(dueMs - performance.now()));
    timer = setTimeout(() => {
      timer = undefined;
      wake();
    }, delay);
  }

  function wake(): void {
    if (closing) return;
    if (polling) {
      pollAgain = true;
      return;
    }
    clearTimeout(timer);
    timer = undefined;
    pollAgain = false;
    polling = poll()
      .catch((error) => {
        deps.onError("due deliveries could not be claimed", error);
        pollAgain = false;
        pollWithin(pollMs);
      })
      .finally(() => {
        polling = undefined;
        if (pollAgain) wake();
      });
  }

  const hotPath: HotPath = {
    reserve(subscriptionId, payloadBytes) {
      const lane = laneOf(subscriptionId);
      if (closing || room("quick") <= 0) {
        noteBacklog(lane);
        starved = true;
        return false;
      }
      // What already waits in the table keeps room for a claim. A lane that goes fast has more than that.
      if (roomOf(lane) <= (hasBacklog(lane) ? claimMax : 0)) {
        noteBacklog(lane);
        return false;
      }
      reserve(lane, 1);
      heldBytes += payloadBytes;
      return true;
    },
    cancel(subscriptionId, payloadBytes) {
      reserve(laneOf(subscriptionId), -1);
      heldBytes -= payloadBytes;
    },
    accept(deliveries, leasedAtMs) {
      for (const delivery of deliveries) {
        leases.enter(delivery);
        const lane = laneOf(delivery.subscriptionId);
        lane.reserved--;
        enqueue(lane, { delivery, leasedAtMs });
      }
      startWhatMay();
    },
    leftInTable: () => wake(),
  };

  return {
    hotPath,
    start: wake,
    wake(subscriptionId) {
      const lane = subscriptionId === undefined ? undefined : lanes.get(subscriptionId);
      if (lane) lane.quietUntilMs = 0;
      wake();
    },
    async close() {
      closing = true;
      clearTimeout(timer);
      await polling;
      for (const lane of lanes.values()) giveBack(lane);
      if (inFlight.taken + unwritten > 0) {
        await new Promise<void>((resolve) => {
          onQuiet = resolve;
        });
      }
      await deps.recorder.idle();
    },
    sincePollMs: () => (polledAtMs === undefined ? undefined : performance.now() - polledAtMs),
    get inFlight() {
      return inFlight.taken;
    },
    get held() {
      return held.taken;
    },
  };
}
