import { setTimeout as pause } from "node:timers/promises";
import { withinMs } from "../patience.ts";
import { isRetryable, isStorageUnavailable } from "./errors.ts";
import type { Database, TeamDatabase } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { walkSnapshotSetting } from "./walk-snapshot.ts";

/** Where a list was read: on the standby, or on the primary because the standby was `behind` or `away`. */
export type StandbyOutcome = "standby" | "behind" | "away";

export type StandbyReadsOptions = {
  primary: TeamDatabase;
  standby: TeamDatabase;
  /** Told of each transaction that could have been read on the standby. */
  onRead: (outcome: StandbyOutcome) => void;
  /** Told when the standby is not asked for a while, and when it answers again. */
  onAway: (error: unknown) => void;
  onBack: () => void;
};

/** So long a list waits for the standby to know all that the primary has answered. */
const behindMsMax = 100;
const lookEveryMs = 5;
/** So long the standby may take to answer at all. */
const silentMsMax = 500;
/** One that did not answer is left alone for so long. */
const restMs = 5_000;

/** Thrown into the standby's transaction: it ends without having read anything. */
class NotReady extends Error {}

/**
 * Reads of teams whose transactions run on a streaming standby, and on the primary when the standby is behind or away.
 *
 * Nothing that was answered before is missing: each transaction asks the primary how far its log has been written, and
 * waits until the standby has come so far. `sql` stays with the primary: single rows are found there by their keys.
 * A transaction may be begun twice; it must only read.
 */
export function openStandbyReads(options: StandbyReadsOptions): Pick<TeamDatabase, "forTeams"> {
  const { primary, standby, onRead } = options;
  const rest = openRest(options);
  return {
    forTeams(teamIds) {
      const own = primary.forTeams(teamIds);
      const copy = standby.forTeams(teamIds);
      return {
        ...own,
        async begin(work) {
          if (rest.isOn()) {
            onRead("away");
            return await own.begin(work);
          }
          const point = await readPoint(primary.forTeams([]).sql);
          const read = await readOnStandby(copy, point, work, rest);
          onRead(read.outcome);
          return read.outcome === "standby" ? read.result : await own.begin(work);
        },
      };
    },
  };
}

type Rest = { isOn(): boolean; away(error: unknown): void; back(): void };

/** Leaves a standby alone that did not answer, and tells each change once. */
function openRest({ onAway, onBack }: StandbyReadsOptions): Rest {
  let untilMs = Number.NEGATIVE_INFINITY;
  let isAway = false;
  return {
    isOn: () => performance.now() < untilMs,
    away(error) {
      untilMs = performance.now() + restMs;
      if (!isAway) onAway(error);
      isAway = true;
    },
    back() {
      if (isAway) onBack();
      isAway = false;
    },
  };
}

/** How far the primary has come: what is visible there, and the end of its log that a standby has to reach for it. */
type Point = { snapshot: string; lsn: string };

async function readPoint(sql: Sql): Promise<Point> {
  // The snapshot is taken before the log's end is read: what it shows as committed lies before that end.
  const [point] = await sql<Point>`
    select pg_current_snapshot()::text as snapshot, pg_current_wal_flush_lsn()::text as lsn`;
  if (!point) throw new Error("the database told no place in its log");
  return point;
}

type StandbyRead<T> = { outcome: "standby"; result: T } | { outcome: "behind" | "away" };

async function readOnStandby<T>(
  copy: Database,
  point: Point,
  work: (tx: Tx) => Promise<T>,
  rest: Rest,
): Promise<StandbyRead<T>> {
  let onReached = () => {};
  const reached = new Promise<void>((resolve) => {
    onReached = resolve;
  });
  let givenUp = false;
  const reading = copy.begin(async (tx) => {
    const isReady = await catchesUp(tx, point.lsn);
    if (givenUp || !isReady) throw new NotReady();
    onReached();
    await tx`select set_config(${walkSnapshotSetting}, ${point.snapshot}, true)`;
    return await work(tx);
  });
  reading.catch(() => {}); // Waited for below, unless it is given up.
  try {
    // A server that has frozen says nothing: its connection is given up much later.
    await withinMs(silentMsMax, Promise.race([reached, reading]));
  } catch (error) {
    givenUp = true;
    if (error instanceof NotReady) return { outcome: "behind" };
    rest.away(error);
    return { outcome: "away" };
  }
  rest.back();
  try {
    return { outcome: "standby", result: await reading };
  } catch (error) {
    // What was read met what the standby replays: the primary has no such conflict.
    if (isRetryable(error)) return { outcome: "behind" };
    if (!isStorageUnavailable(error)) throw error;
    rest.away(error);
    return { outcome: "away" };
  }
}

/**
 * Waits until the standby has come as far as this place in the primary's log; false when that takes too long. A server
 * that follows nobody, such as one that was promoted or cut off, never does.
 */
async function catchesUp(tx: Tx, lsn: string): Promise<boolean> {
  const endMs = performance.now() + behindMsMax;
  for (;;) {
    const [row] = await tx<{ ready: boolean | null }>`
      select pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn
             and exists (select from pg_stat_wal_receiver where pid is not null) as ready`;
    if (row?.ready) return true;
    if (performance.now() >= endMs) return false;
    await pause(lookEveryMs);
  }
}
