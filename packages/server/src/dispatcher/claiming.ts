import {
  type ClaimKind,
  type ClaimShare,
  claimDueOfAllTeams,
  returnProbesOfAllTeams,
} from "../db/claims.ts";
import { type DueSubscription, listDueSubscriptionsOfAllTeams } from "../db/due-walk.ts";
import type { Database } from "../db/pool.ts";
import { type LeasedDelivery, leaseMs } from "../domain/delivery.ts";
import type { Tally } from "../domain/tally.ts";
import { reach } from "../fault-points.ts";
import type { HeldLeases } from "./held-leases.ts";
import type { Held, Lane, Lanes } from "./lanes.ts";
import type { Room } from "./room.ts";
import type { Standing } from "./standing.ts";

export type ClaimingDeps = {
  /** The connections that claim; they plan with nested loops only (see `claimSettings`). */
  database: Database;
  lanes: Lanes;
  room: Room;
  leases: HeldLeases;
  newLeaseToken: () => string;
  /** Called before each poll. */
  beforeWalk: () => void;
  /** Called with each subscription that has due deliveries, and whether its endpoint fails. */
  setShut: (lane: Lane, isShut: boolean) => void;
  /** Takes a claimed delivery. */
  enqueue: (lane: Lane, held: Held) => void;
  /** Called when a claim's deliveries are all enqueued. */
  afterClaim: () => void;
  /** Called for each claim that took deliveries, with its beginning (monotonic). */
  onClaimed?: ((startedAtMs: number, deliveries: number) => void) | undefined;
  random: () => number;
  onError: (message: string, error: unknown) => void;
  tally?: Tally;
};

/** Claims due deliveries from the table while there is room. */
export type Claiming = {
  /** Polls now instead of at the next interval. */
  wake(): void;
  /** Polls within this many milliseconds. */
  wakeWithin(delayMs: number): void;
  /** Notes that the table has more due deliveries of a lane than could be taken. */
  noteBacklog(lane: Lane): void;
  /** Says whether that is probably still so: no complete walk since then has seen otherwise. */
  hasBacklog(lane: Lane): boolean;
  /** Notes that the table has more due deliveries than there was room for, over all lanes. */
  noteStarved(): void;
  /** Says whether enough room is free to make a claim worth its two statements. */
  isWorthIt(lane: Lane): boolean;
  /** Milliseconds since a poll had claimed all that it found; undefined before the first time. */
  sincePollMs(): number | undefined;
  /** Stops claiming; resolves when the last claim is answered. */
  close(): Promise<void>;
};

/**
 * Planner settings for connections that claim. For subscriptions with 1,000 and more rows the planner would choose a
 * bitmap scan and a sort instead of an index walk, which costs several times as much. While events are few, it would read
 * all of them into a hash table, and keep that plan when they are many.
 */
export const claimSettings = {
  enable_bitmapscan: "off",
  enable_sort: "off",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};

export const pollMs = 1_000;
/**
 * The most subscriptions of one walk step. A claim of 500 takes a few deliveries of each: the pages of a large backlog
 * are far apart, and are read once for all subscriptions.
 */
export const walkMax = 200;
export const claimMax = 500;
export const claimBytesMax = 16 * 1024 * 1024;
/** A claim is worth its two statements once this part of the room is free. */
const roomWorthAClaim = 0.25;

const isProbe = ({ breaker }: LeasedDelivery): boolean => breaker === "probes";

/** The kinds of a subscription's deliveries that are claimed. */
function kindsOf({ ordered, failing, probeInMs, pastBreaker }: DueSubscription): ClaimKind[] {
  if (ordered) return ["ordered"];
  if (!failing) return ["any"];
  const kinds: ClaimKind[] = [];
  if (pastBreaker) kinds.push("past_breaker");
  if (probeInMs !== null && probeInMs <= 0) kinds.push("probe");
  return kinds;
}

export function openClaiming(deps: ClaimingDeps): Claiming {
  const { lanes, room, leases } = deps;
  /** The subscription after which the walk continues. */
  let cursor = "";
  /** The number of the present or last walk around all subscriptions; below, that of the last complete one. */
  let walk = 0;
  let walkDone = 0;
  let starved = false;
  let lookedAtMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let timerDueMs = Number.POSITIVE_INFINITY;
  let polling: Promise<void> | undefined;
  let pollAgain = false;
  let closing = false;

  const noteBacklog = (lane: Lane): void => {
    lane.backlogWalk = walk;
  };

  const hasBacklog = (lane: Lane): boolean => lane.backlogWalk >= walkDone;

  /** Takes the next step of a walk, and ends hot leases in the same request. */
  const walkOn = (): Promise<DueSubscription[]> =>
    leases.end((ended) =>
      listDueSubscriptionsOfAllTeams(deps.database.sql, cursor, walkMax, ended),
    );

  /** Walks once around all subscriptions with due deliveries, while there is room. */
  async function poll(): Promise<void> {
    let nextDueMs = pollMs * (0.9 + 0.1 * deps.random());
    deps.beforeWalk();
    do {
      if (cursor === "") walk++;
      const walked = await walkOn();
      for (const { subscriptionId, active, dueInMs, failing, probeInMs } of walked) {
        if (failing || lanes.find(subscriptionId)?.isShut) {
          deps.setShut(lanes.of(subscriptionId), failing);
        }
        const inMs = Math.max(dueInMs, probeInMs ?? dueInMs);
        if (active && inMs > 0) nextDueMs = Math.min(nextDueMs, inMs);
      }
      const due = walked.filter(({ active, dueInMs }) => active && dueInMs <= 0);
      if (closing) return;
      const { shares, last } = shareOut(due);
      if (shares.length > 0) await claim(shares);
      // Not earlier: deliveries that are found but not claimed are no progress.
      lookedAtMs = performance.now();
      cursor = last ?? (walked.length < walkMax ? "" : (walked.at(-1)?.subscriptionId ?? ""));
    } while (cursor !== "" && !starved);
    if (cursor === "") walkDone = walk;
    wakeWithin(nextDueMs);
  }

  /**
   * Divides the room among subscriptions with due deliveries; `last` is where the room ended, and where the next walk
   * continues.
   */
  function shareOut(due: readonly DueSubscription[]): {
    shares: ClaimShare[];
    last: string | undefined;
  } {
    const shares: ClaimShare[] = [];
    let left = Math.min(room.of("quick"), claimMax);
    const fairShares = fairSharesOf(due, left);
    let last: string | undefined;
    starved = false;
    for (const subscription of due) {
      const { subscriptionId } = subscription;
      const lane = lanes.of(subscriptionId);
      if (!subscription.failing) noteBacklog(lane);
      if (left <= 0) {
        starved = true;
        break;
      }
      last = subscriptionId;
      for (const kind of kindsOf(subscription)) {
        const limit = Math.min(wantedOf(kind, lane), left, fairShares[lane.standing]);
        if (limit <= 0) continue;
        left -= limit;
        lanes.reserve(lane, limit);
        shares.push({ subscriptionId, limit, leaseMs: leaseMs(subscription.timeoutSeconds), kind });
      }
    }
    return { shares, last: starved ? (last ?? cursor) : undefined };
  }

  function wantedOf(kind: ClaimKind, lane: Lane): number {
    if (kind === "any") return room.ofLane(lane);
    // An ordered delivery must not wait under a lease: if this process crashed, it would never be sent.
    return kind === "probe" ? Math.min(1, room.toStart(lane)) : room.toStart(lane);
  }

  /** The equal share of each due subscription of a standing. */
  function fairSharesOf(due: readonly DueSubscription[], left: number): Record<Standing, number> {
    const counts = { slow: 0, new: 0, quick: 0 };
    for (const { subscriptionId } of due) counts[lanes.of(subscriptionId).standing]++;
    const fairShareOf = (standing: Standing) =>
      Math.max(1, Math.floor(Math.min(left / due.length, room.of(standing) / counts[standing])));
    return { slow: fairShareOf("slow"), new: fairShareOf("new"), quick: fairShareOf("quick") };
  }

  async function claim(shares: readonly ClaimShare[]): Promise<void> {
    const leasedAtMs = performance.now();
    const leaseToken = deps.newLeaseToken();
    const claimed = await claimDueOfAllTeams(deps.database.sql, shares, {
      leaseToken,
      payloadBytesMax: claimBytesMax,
      ...(deps.tally && { onGivenUp: deps.tally.gaveUp }),
    }).finally(() => {
      for (const { subscriptionId, limit } of shares) {
        lanes.cancel(lanes.of(subscriptionId), limit);
      }
    });
    deps.tally?.claimed(claimed.length);
    if (claimed.length > 0) {
      reach("after_claim");
      deps.onClaimed?.(leasedAtMs, claimed.length);
    }
    const counts = new Map<string, number>();
    for (const delivery of claimed) {
      const lane = lanes.of(delivery.subscriptionId);
      counts.set(delivery.subscriptionId, (counts.get(delivery.subscriptionId) ?? 0) + 1);
      lanes.reserve(lane, 1, delivery.payload.length);
      deps.enqueue(lane, { delivery, leasedAtMs });
    }
    for (const { subscriptionId, limit } of shares) {
      if ((counts.get(subscriptionId) ?? 0) < limit) lanes.of(subscriptionId).backlogWalk = -1;
    }
    deps.afterClaim();
    const probed = new Set(claimed.filter(isProbe).map(({ subscriptionId }) => subscriptionId));
    const unused = shares.filter(
      ({ kind, subscriptionId }) => kind === "probe" && !probed.has(subscriptionId),
    );
    if (unused.length > 0) await returnProbes(unused, leaseToken);
  }

  /** Releases probes without a delivery: it is gone meanwhile, or ended in the claim. */
  async function returnProbes(shares: readonly ClaimShare[], leaseToken: string): Promise<void> {
    const subscriptionIds = shares.map(({ subscriptionId }) => subscriptionId);
    await returnProbesOfAllTeams(deps.database.sql, subscriptionIds, leaseToken);
  }

  function wakeWithin(delayMs: number): void {
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
        wakeWithin(pollMs);
      })
      .finally(() => {
        polling = undefined;
        if (pollAgain) wake();
      });
  }

  return {
    wake,
    wakeWithin,
    noteBacklog,
    hasBacklog,
    noteStarved() {
      starved = true;
    },
    isWorthIt(lane) {
      if (starved) return room.of("quick") >= room.capacity() * roomWorthAClaim;
      const worth = Math.min(room.capacityOf(lane), claimMax) / 2;
      return hasBacklog(lane) && room.ofLane(lane) >= worth;
    },
    sincePollMs: () => (lookedAtMs === undefined ? undefined : performance.now() - lookedAtMs),
    async close() {
      closing = true;
      clearTimeout(timer);
      await polling;
    },
  };
}
