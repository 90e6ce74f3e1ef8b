import { randomUUID } from "node:crypto";
import type { HotPath } from "../actions/fan-out.ts";
import {
  type ClaimShare,
  claimDueOfAllTeams,
  type DueSubscription,
  listDueSubscriptionsOfAllTeams,
} from "../db/deliveries.ts";
import type { Database } from "../db/sql.ts";
import { type LeasedDelivery, leaseMs } from "../domain/delivery.ts";
import { reach } from "../fault-points.ts";
import { openPace, type Pace } from "../pace.ts";
import { type AttemptDeps, type Attempted, attempt } from "./attempt.ts";
import { adaptSlots, firstSlots, heldAtPace, holdMax } from "./slots.ts";

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
const walkMax = 500;
const claimMax = 500;
const claimBytesMax = 16 * 1024 * 1024;
/** A claim is worth its two statements once this part of the room is free. */
const roomWorthAClaim = 0.25;
/** Payload bytes held in memory before new deliveries are left in the table. */
const heldBytesMax = 64 * 1024 * 1024;
const idleLanesMax = 20_000;

/** A delivery and when its lease was asked for. */
type Held = { delivery: LeasedDelivery; leasedAtMs: number };

/** One subscription's deliveries in this process: its lane. Lanes take turns. */
type Lane = {
  subscriptionId: string;
  ready: Held[];
  /** Places promised to deliveries whose transaction is not committed yet. */
  reserved: number;
  inFlight: number;
  slots: number;
  /** Attempts that ended. */
  pace: Pace;
  /** It stands in the ring. */
  queued: boolean;
  /** More is due in the table than could be taken. */
  backlog: boolean;
  /** Until then the receiver wants no request; of `performance.now()`, and known to this process only. */
  quietUntilMs: number;
};

export function openDispatcher(deps: DispatcherDeps): Dispatcher {
  const lanes = new Map<string, Lane>();
  /** Lanes that have something ready and a free slot, in the order of their turns. */
  const ring: Lane[] = [];
  const pace = openPace();
  let inFlight = 0;
  let held = 0;
  let heldBytes = 0;
  let closing = false;
  let polledAtMs: number | undefined;
  let cursor = "";
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
        ready: [],
        reserved: 0,
        inFlight: 0,
        slots: firstSlots(deps.subscriptionConcurrency),
        pace: openPace(),
        queued: false,
        backlog: false,
        quietUntilMs: 0,
      };
      lanes.set(subscriptionId, lane);
      if (lanes.size > idleLanesMax) forgetIdleLanes();
    }
    return lane;
  }

  function forgetIdleLanes(): void {
    for (const [id, lane] of lanes) {
      if (lane.inFlight + lane.reserved + lane.ready.length > 0 || isQuiet(lane)) continue;
      lanes.delete(id);
    }
  }

  // Nearly no lane ever is, and each delivery asks: the clock is read for those alone.
  const isQuiet = (lane: Lane): boolean =>
    lane.quietUntilMs > 0 && performance.now() < lane.quietUntilMs;

  const holdMaxOf = (lane: Lane): number => holdMax(lane.slots, lane.pace.bestPerSecond());

  const roomOf = (lane: Lane): number =>
    isQuiet(lane) ? 0 : holdMaxOf(lane) - lane.inFlight - lane.ready.length - lane.reserved;

  /** What is sent at most once must not wait under a lease: were it lost with this process, it would never be sent. */
  const slotsFreeOf = (lane: Lane): number =>
    isQuiet(lane)
      ? 0
      : Math.min(lane.slots - lane.inFlight - lane.ready.length, deps.concurrency - inFlight);

  /** Deliveries that may be held, over all lanes: as many again may wait as may be in flight, and more when all goes fast. */
  const capacity = (): number => Math.max(deps.concurrency * 2, heldAtPace(pace.bestPerSecond()));

  const room = (): number => (heldBytes >= heldBytesMax ? 0 : Math.max(0, capacity() - held));

  function enqueue(lane: Lane, entry: Held): void {
    lane.ready.push(entry);
    if (isQuiet(lane)) giveBack(lane);
    else offerTurn(lane);
  }

  /** Gives back the leases of all that waits in a lane: another process or a later claim will take it. */
  function giveBack(lane: Lane): void {
    for (const { delivery } of lane.ready.splice(0)) {
      forgetHeld(delivery);
      deps.recorder.release(delivery).catch((error) => {
        deps.onError("a lease could not be given back", error);
      });
    }
  }

  function keepQuiet(lane: Lane, quietMs: number): void {
    if (quietMs <= 0) return;
    lane.quietUntilMs = Math.max(lane.quietUntilMs, performance.now() + quietMs);
    lane.backlog = true;
    giveBack(lane);
  }

  function offerTurn(lane: Lane): void {
    if (lane.queued || lane.ready.length === 0 || lane.inFlight >= lane.slots) return;
    lane.queued = true;
    ring.push(lane);
  }

  /** Starts what may start: one delivery a lane in turn, while there are slots. */
  function startWhatMay(): void {
    while (inFlight < deps.concurrency) {
      const lane = ring.shift();
      if (!lane) return;
      lane.queued = false;
      const entry = lane.ready.shift();
      if (!entry) continue;
      run(lane, entry);
      offerTurn(lane);
    }
  }

  function run(lane: Lane, { delivery, leasedAtMs }: Held): void {
    lane.inFlight++;
    inFlight++;
    attempt(deps, delivery, () => leasedAtMs + delivery.leaseMs - performance.now())
      .catch((error): Attempted => {
        // Nothing is lost: the lease runs out and the delivery is claimed again.
        deps.onError("an attempt could not be finished", error);
        return { kind: "released" };
      })
      .then((attempted) => {
        lane.inFlight--;
        inFlight--;
        forgetHeld(delivery);
        if (attempted.kind === "attempted") {
          pace.count();
          lane.pace.count();
          lane.slots = adaptSlots(lane.slots, attempted, deps.subscriptionConcurrency);
          keepQuiet(lane, attempted.quietMs);
          if (attempted.retryInMs !== undefined) pollWithin(attempted.retryInMs);
        }
        offerTurn(lane);
        startWhatMay();
        // After these there may be more that are claimed one at a time.
        if (delivery.ordered || delivery.crashCount > 1 || worthAClaim(lane)) wake();
        if (inFlight === 0) onQuiet?.();
      });
  }

  function worthAClaim(lane: Lane): boolean {
    if (starved) return room() >= capacity() * roomWorthAClaim;
    return lane.backlog && roomOf(lane) >= Math.min(holdMaxOf(lane), claimMax) / 2 && room() > 0;
  }

  function forgetHeld(delivery: LeasedDelivery): void {
    held--;
    heldBytes -= delivery.payload.length;
  }

  /** Looks once around all subscriptions with due work, as far as there is room. */
  async function poll(): Promise<void> {
    let nextDueMs = pollMs * (0.9 + 0.1 * deps.random());
    do {
      const walked = await listDueSubscriptionsOfAllTeams(deps.database.sql, cursor, walkMax);
      polledAtMs = performance.now();
      for (const { active, dueInMs } of walked) {
        if (active && dueInMs > 0) nextDueMs = Math.min(nextDueMs, dueInMs);
      }
      const due = walked.filter(({ active, dueInMs }) => active && dueInMs <= 0);
      const { shares, last } = shareOut(due);
      if (shares.length > 0 && !closing) await claim(shares);
      cursor = last ?? (walked.length < walkMax ? "" : (walked.at(-1)?.subscriptionId ?? ""));
    } while (cursor !== "" && !closing && !starved);
    pollWithin(nextDueMs);
  }

  /** Divides the room among subscriptions with due work; `last` is where the room ended, to go on from there. */
  function shareOut(due: readonly DueSubscription[]): {
    shares: ClaimShare[];
    last: string | undefined;
  } {
    const shares: ClaimShare[] = [];
    let places = Math.min(room(), claimMax);
    const fairShare = Math.max(1, Math.floor(places / due.length));
    let last: string | undefined;
    starved = false;
    for (const { subscriptionId, timeoutSeconds, ordered } of due) {
      const lane = laneOf(subscriptionId);
      lane.backlog = true;
      if (places <= 0) {
        starved = true;
        break;
      }
      last = subscriptionId;
      const limit = Math.min(ordered ? slotsFreeOf(lane) : roomOf(lane), places, fairShare);
      if (limit <= 0) continue;
      places -= limit;
      shares.push({ subscriptionId, limit, leaseMs: leaseMs(timeoutSeconds), ordered });
    }
    return { shares, last: starved ? (last ?? cursor) : undefined };
  }

  async function claim(shares: readonly ClaimShare[]): Promise<void> {
    const leasedAtMs = performance.now();
    const claimed = await claimDueOfAllTeams(deps.database.sql, shares, {
      leaseToken: randomUUID(),
      payloadBytesMax: claimBytesMax,
    });
    if (claimed.length > 0) reach("after_claim");
    const counts = new Map<string, number>();
    for (const delivery of claimed) {
      counts.set(delivery.subscriptionId, (counts.get(delivery.subscriptionId) ?? 0) + 1);
      held++;
      heldBytes += delivery.payload.length;
      enqueue(laneOf(delivery.subscriptionId), { delivery, leasedAtMs });
    }
    for (const { subscriptionId, limit } of shares) {
      laneOf(subscriptionId).backlog = (counts.get(subscriptionId) ?? 0) >= limit;
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
      if (closing || room() <= 0) {
        lane.backlog = true;
        starved = true;
        return false;
      }
      // What already waits in the table keeps room for a claim. A lane that goes fast has more than that.
      if (roomOf(lane) <= (lane.backlog ? claimMax : 0)) {
        lane.backlog = true;
        return false;
      }
      lane.reserved++;
      held++;
      heldBytes += payloadBytes;
      return true;
    },
    cancel(subscriptionId, payloadBytes) {
      laneOf(subscriptionId).reserved--;
      held--;
      heldBytes -= payloadBytes;
    },
    accept(deliveries, leasedAtMs) {
      for (const delivery of deliveries) {
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
      ring.length = 0;
      for (const lane of lanes.values()) giveBack(lane);
      if (inFlight > 0) {
        await new Promise<void>((resolve) => {
          onQuiet = resolve;
        });
      }
      await deps.recorder.idle();
    },
    sincePollMs: () => (polledAtMs === undefined ? undefined : performance.now() - polledAtMs),
    get inFlight() {
      return inFlight;
    },
    get held() {
      return held;
    },
  };
}
