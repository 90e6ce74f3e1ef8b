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
  /** Called for each transaction that could have used the standby. */
  onRead: (outcome: StandbyOutcome) => void;
  /** Called when the standby is not used for a while; `onBack`: when it answers again. */
  onAway: (error: unknown) => void;
  onBack: () => void;
};

/** How long a list waits for the standby to have all that the primary has committed. */
const behindMsMax = 100;
const lookEveryMs = 5;
/** How long the standby may take to answer. */
const silentMsMax = 500;
/** How long a standby that did not answer is not used. */
const restMs = 5_000;

/** Thrown in the standby's transaction to end it before it reads anything. */
class NotReady extends Error {}

/**
 * Runs read transactions of teams on a streaming standby, and on the primary when the standby is behind or away.
 *
 * Reads include everything that was committed before: each transaction reads the end of the primary's log, and waits
 * until the standby has replayed it. `sql` uses the primary: single rows are read there by their keys. A transaction may
 * be begun twice, so it must only read.
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

/** Does not use a standby that did not answer, and reports each change once. */
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

/** A position of the primary: its snapshot, and the end of its log that a standby must reach to show it. */
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
  reading.catch(() => {}); // Awaited below, unless it is given up.
  try {
    // A frozen server gives no error: its connection would be given up much later.
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
    // The read conflicted with the standby's replay of the log: the primary has no such conflict.
    if (isRetryable(error)) return { outcome: "behind" };
    if (!isStorageUnavailable(error)) throw error;
    rest.away(error);
    return { outcome: "away" };
  }
}

/**
 * Waits until the standby has replayed the primary's log up to this position; false when that takes too long. A server
 * without a primary, such as a promoted or disconnected one, never does.
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
