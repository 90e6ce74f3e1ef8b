import { lockForRedelivery, readForRedelivery, redeliver } from "../db/interventions.ts";
import { bounded } from "../db/lists.ts";
import { noteReplayDone } from "../db/operational-happenings.ts";
import type { Database } from "../db/pool.ts";
import { countToReplay, findToReplay, type ReadOn } from "../db/replay-search.ts";
import {
  dropHeld,
  insertReplayed,
  leaveOrder,
  type ReplayName,
  readInHand,
  settleReplayed,
} from "../db/replayed-deliveries.ts";
import { type LockedReplay, lockDueReplay, type Step, saveStep } from "../db/replays.ts";
import type { Tx } from "../db/transaction.ts";
import {
  dueMax,
  type FoundDelivery,
  nextStepMs,
  planStep,
  type ReplayedDelivery,
} from "../domain/replay.ts";
import { reach } from "../fault-points.ts";
import { canBeMadeAgain } from "./redeliver.ts";

export type ReplayStepDeps = {
  /** The team's database as the API uses it: row security applies to replays too. */
  database: Database;
  /** How many more attempts of a subscription could begin in this process now. */
  freeSlots: (subscriptionId: string) => number;
};

/** The fewest deliveries that a step looks at, so that many that cannot be retried are skipped quickly. */
const foundMin = 50;

/**
 * Does one step of a replay in one transaction, and returns how many deliveries it made due; undefined when the replay is
 * not due, or another process works on it.
 *
 * The due deliveries, the counts and the position are committed together. If the process dies before the commit, nothing
 * was made due; if it dies after it, nothing is repeated.
 */
export async function stepReplay(
  { database, freeSlots }: ReplayStepDeps,
  { teamId, id }: ReplayName,
): Promise<number | undefined> {
  const replayed = await bounded(database, async (tx) => {
    const replay = await lockDueReplay(tx, teamId, id);
    if (!replay) return undefined;
    const step =
      replay.position !== null && replay.matching === null
        ? await countOn(tx, teamId, replay, replay.position)
        : await goOn(tx, { teamId, id }, replay, freeSlots);
    await saveStep(tx, teamId, id, step);
    if (step.nextMs === null) await noteReplayDone(tx, teamId, id);
    reach("replay_before_commit");
    return step.replayed;
  });
  if (replayed !== undefined) reach("replay_after_commit");
  return replayed;
}

const nothingDone: Omit<Step, "position" | "waitingPosition" | "nextMs"> = {
  counted: 0,
  isCounted: false,
  replayed: 0,
  skipped: 0,
  delivered: 0,
  failed: 0,
};

/** Counts the next part; at the end the position goes back to the beginning. */
async function countOn(
  tx: Tx,
  teamId: string,
  replay: LockedReplay,
  position: string,
): Promise<Step> {
  const { matching, next } = await countToReplay(tx, teamId, replay, position);
  return {
    ...nothingDone,
    counted: matching,
    isCounted: next === null,
    position: next ?? "",
    waitingPosition: "",
    nextMs: 0,
  };
}

/** Counts the deliveries that have ended, and makes others due while there are slots. */
async function goOn(
  tx: Tx,
  name: ReplayName,
  replay: LockedReplay,
  freeSlots: ReplayStepDeps["freeSlots"],
): Promise<Step> {
  const { waitingPosition, ...settled } = await settleReplayed(tx, name, replay.waitingPosition);
  const inHand = await readInHand(tx, name);
  const dueBefore = [...inHand.due.values()].reduce((sum, count) => sum + count, 0);
  const allowance = Math.min(replay.allowance, dueMax - dueBefore);

  const { found, next } = await findBehind(tx, name, replay, allowance);
  const plan = planStep(inHand, found, { allowance, freeSlots });
  const { taken, putAside, passed } = plan;
  if (putAside.length > 0) await insertReplayed(tx, name, "held", putAside);
  const replayed = await makeDue(tx, name, replay, taken);

  const position = passed === found.at(-1)?.id ? next : (passed ?? replay.position);
  const due = dueBefore + replayed;
  const held = inHand.held.length + putAside.length - countCommon(inHand.held, taken);
  const isBusy = position !== null || due > 0 || held > 0;
  const hasMoved =
    taken.length > 0 || position !== replay.position || settled.delivered + settled.failed > 0;
  const progress = hasMoved ? "moved" : isBusy ? "blocked" : "only_retries";
  return {
    ...nothingDone,
    ...settled,
    replayed,
    skipped: plan.skipped + taken.length - replayed,
    position,
    waitingPosition,
    nextMs: isBusy || inHand.waits ? nextStepMs(progress, replay.ratePerSecond) : null,
  };
}

/** Finds the next deliveries, and whether they can be retried; none while nothing may be made due. */
async function findBehind(
  tx: Tx,
  { teamId }: ReplayName,
  replay: LockedReplay,
  allowance: number,
): Promise<ReadOn<{ found: FoundDelivery[] }>> {
  const { position } = replay;
  if (position === null || allowance <= 0) return { found: [], next: position };
  const limit = Math.max(allowance, foundMin);
  const { found, next } = await findToReplay(tx, teamId, replay, { position, limit });
  if (found.length === 0) return { found: [], next };
  const deliveryIds = found.map(({ id }) => id);
  const candidates = await readForRedelivery(tx, { teamId, contract: null }, { deliveryIds });
  const possible = new Set(candidates.filter(canBeMadeAgain).map(({ id }) => id));
  return { found: found.map((one) => ({ ...one, possible: possible.has(one.id) })), next };
}

/** Makes due the deliveries that can be retried, and returns how many. */
async function makeDue(
  tx: Tx,
  name: ReplayName,
  { which, createdBy }: LockedReplay,
  taken: readonly ReplayedDelivery[],
): Promise<number> {
  if (taken.length === 0) return 0;
  const { teamId } = name;
  const deliveryIds = taken.map(({ id }) => id);
  await dropHeld(tx, name, deliveryIds);
  const candidates = await lockForRedelivery(tx, { teamId, contract: null }, { deliveryIds });
  // Another request may have retried one since it was found.
  const possible = candidates.filter(
    (one) => canBeMadeAgain(one) && (which === "all" || one.status === "failed"),
  );
  if (possible.length === 0) return 0;
  const ids = possible.map(({ id }) => id);
  if (possible.some(({ ordered }) => ordered)) await leaveOrder(tx, teamId, ids);
  await redeliver(tx, teamId, ids, { actor: createdBy, pastBreaker: false });
  await insertReplayed(tx, name, "due", possible);
  return possible.length;
}

function countCommon(some: readonly ReplayedDelivery[], others: readonly ReplayedDelivery[]) {
  const ids = new Set(others.map(({ id }) => id));
  return some.filter(({ id }) => ids.has(id)).length;
}
