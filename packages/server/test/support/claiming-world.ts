import { onTestFinished, vi } from "vitest";
import type { ClaimShare } from "../../src/db/claims.ts";
import { openClaiming } from "../../src/dispatcher/claiming.ts";
import { openHeldLeases } from "../../src/dispatcher/held-leases.ts";
import { type Held, type Lane, Lanes } from "../../src/dispatcher/lanes.ts";
import { openRoom } from "../../src/dispatcher/room.ts";
import type { Standing } from "../../src/dispatcher/standing.ts";
import { asDatabase, openClaimTable, type TableRow } from "./claim-table.ts";

/** Time passes for whom `openClaimingWorld` was called. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A claiming over a table with these rows, with room for so many attempts in flight; what it does is written down. */
export function openClaimingWorld(
  rows: readonly TableRow[] = [],
  { concurrency = 8, random = 1 } = {},
) {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const table = openClaimTable(rows);
  const walks: { after: string; limit: number; ended: readonly string[] }[] = [];
  const claims: ClaimShare[][] = [];
  const options: unknown[] = [];
  const { walk, claim } = table;
  table.walk = (after, limit, ended) => {
    walks.push({ after, limit, ended: [...ended] });
    return walk(after, limit, ended);
  };
  table.claim = (shares, given) => {
    claims.push([...shares]);
    options.push(given);
    return claim(shares, given);
  };
  const lanes = new Lanes(16);
  const leases = openHeldLeases();
  const taken: Held[] = [];
  const calls: string[] = [];
  const errors: string[] = [];
  const claiming = openClaiming({
    database: asDatabase(table),
    lanes,
    room: openRoom(lanes, { count() {}, perSecond: () => 0, bestPerSecond: () => 0 }, concurrency),
    leases,
    newLeaseToken: () => "token",
    beforeWalk: () => calls.push("before the walk"),
    setShut: (lane, isShut) => {
      lane.isShut = isShut;
    },
    enqueue: (lane, held) => {
      lanes.arrive(lane, held);
      taken.push(held);
    },
    afterClaim: () => calls.push(`after a claim of ${taken.length}`),
    random: () => random,
    onError: (message) => errors.push(message),
  });
  return {
    ...{ table, walks, claims, options, lanes, leases, taken, calls, errors, claiming },
    lane(name: string, standing: Standing): Lane {
      lanes.setStanding(lanes.of(name), standing);
      return lanes.of(name);
    },
    /** Looks around once, as far as no time has to pass. */
    async look(): Promise<void> {
      claiming.wake();
      await pass(0);
    },
    /** What each claim asked for, by subscription. */
    limits: () =>
      claims.map((shares) => shares.map((share) => [share.subscriptionId, share.limit])),
    /** So many of a lane's are through. */
    end(lane: Lane, count: number): void {
      for (let ended = 0; ended < count; ended++) {
        const held = lanes.start(lane);
        if (held) lanes.leave(lane, "inFlight", held.delivery);
      }
    },
  };
}
