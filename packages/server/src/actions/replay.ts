import { type Audited, insertAuditEntry } from "../db/audit.ts";
import { readWalkStart } from "../db/delivery-search.ts";
import { bounded } from "../db/lists.ts";
import { notifyReplay } from "../db/notify.ts";
import type { Database } from "../db/pool.ts";
import { lockTeamsForCounting } from "../db/quotas.ts";
import { countToReplay, type Matches } from "../db/replay-search.ts";
import {
  cancelReplay,
  countOpenReplays,
  findReplay,
  insertReplay,
  type NewReplay,
  type Replay,
} from "../db/replays.ts";
import { AppError } from "../errors.ts";

/** The most unfinished replays of a team. */
const openMax = 10;
/** A dry run reads 20,000 deliveries at once, and gives up after this time. */
const dryRunMsMax = 8_000;

/** Starts a replay and returns it; the same id again returns the existing replay. */
export async function startReplay(
  { database, audit }: { database: Database } & Audited,
  replay: NewReplay,
): Promise<Replay> {
  return await database.begin(async (tx) => {
    const { teamId, id } = replay;
    if (await insertReplay(tx, replay)) {
      await lockTeamsForCounting(tx, [teamId]);
      if ((await countOpenReplays(tx, teamId)) > openMax) {
        throw new AppError(
          "quota_exceeded",
          `A team may have at most ${openMax} unfinished replays. Cancel one, or wait until one ends.`,
        );
      }
      await insertAuditEntry(tx, audit, id);
      await notifyReplay(tx, id);
    }
    return await getReplay(tx, teamId, id);
  });
}

/** Counts the deliveries that a replay would find, and stores nothing. Throws `query_too_slow` when that takes too long. */
export async function tryReplay(
  database: Database,
  { teamId, search, which }: Pick<NewReplay, "teamId" | "search" | "which">,
): Promise<Matches> {
  const untilMs = performance.now() + dryRunMsMax;
  const { start, createdAt } = await database.begin(async (tx) => ({
    start: await readWalkStart(tx),
    createdAt: await tx.now,
  }));
  const sum: Matches = { matching: 0, oldest: null, newest: null };
  let position: string | null = "";
  while (position !== null) {
    if (performance.now() > untilMs) throw new AppError("query_too_slow");
    const from: string = position;
    const { next, ...counted } = await bounded(database, (tx) =>
      countToReplay(tx, teamId, { search, which, start, createdAt }, from),
    );
    sum.matching += counted.matching;
    // Ids are almost in the order of times.
    sum.oldest = extremeOf([sum.oldest, counted.oldest], Math.min);
    sum.newest = extremeOf([sum.newest, counted.newest], Math.max);
    position = next;
  }
  return sum;
}

function extremeOf(
  times: readonly (Date | null)[],
  choose: (...times: number[]) => number,
): Date | null {
  const known = times.flatMap((time) => (time === null ? [] : [time.getTime()]));
  return known.length === 0 ? null : new Date(choose(...known));
}

/** Ends a replay, unless it has ended, and returns it. Deliveries that it made due are still sent. */
export async function endReplay(
  { database, audit }: { database: Database } & Audited,
  { teamId, id }: { teamId: string; id: string },
): Promise<Replay> {
  return await database.begin(async (tx) => {
    const replay = await getReplay(tx, teamId, id);
    if (!(await cancelReplay(tx, teamId, id))) return replay;
    await insertAuditEntry(tx, audit, id);
    return await getReplay(tx, teamId, id);
  });
}

async function getReplay(...of: Parameters<typeof findReplay>): Promise<Replay> {
  const replay = await findReplay(...of);
  if (!replay) throw new AppError("not_found");
  return replay;
}
