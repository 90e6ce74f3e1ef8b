import { type Audited, insertAuditEntry } from "../db/audit.ts";
import {
  deleteAnswersAbout,
  deleteCall,
  deleteEvents,
  deleteRun,
  insertErasure,
  lockCallToErase,
  lockRunToErase,
} from "../db/erasures.ts";
import { isRetryable } from "../db/errors.ts";
import type { Database } from "../db/pool.ts";
import type { Tx } from "../db/transaction.ts";
import { callEventIds, runEventIds } from "../domain/event-ids.ts";
import { AppError } from "../errors.ts";

export type ErasureDeps = { database: Database } & Audited;

/** The run or call to erase. */
export type Subject = { teamId: string; id: string };

const triesMax = 5;
/** Events looked for in one statement: a run may have many steps, and each step many attempts. */
const eventsAtOnce = 10_000;

/**
 * Erases a run: its steps, its events with their deliveries and attempts, and kept answers about it; or throws
 * `not_found`. Attempts in flight are not stopped; their results are not recorded.
 */
export async function eraseRun(deps: ErasureDeps, { teamId, id }: Subject): Promise<void> {
  await erase(deps, { teamId, id }, async (tx) => {
    const run = await lockRunToErase(tx, teamId, id);
    if (!run) throw new AppError("not_found");
    for (const ids of chunks(runEventIds(teamId, id, run.steps), eventsAtOnce)) {
      await deleteEvents(tx, teamId, ids, run.createdAt);
    }
    await deleteRun(tx, teamId, id);
  });
}

/** Erases a call in the same way: its messages, its events, deliveries and attempts; or throws `not_found`. */
export async function eraseCall(deps: ErasureDeps, { teamId, id }: Subject): Promise<void> {
  await erase(deps, { teamId, id }, async (tx) => {
    const call = await lockCallToErase(tx, teamId, id);
    if (!call) throw new AppError("not_found");
    await deleteEvents(tx, teamId, callEventIds(teamId, id, call.position), call.createdAt);
    await deleteCall(tx, teamId, id);
  });
}

async function erase(
  { database, audit }: ErasureDeps,
  { teamId, id }: Subject,
  work: (tx: Tx) => Promise<void>,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await database.begin(async (tx) => {
        await work(tx);
        await deleteAnswersAbout(tx, teamId, id);
        await insertErasure(tx, teamId, id);
        await insertAuditEntry(tx, audit, id);
      });
    } catch (error) {
      // Results of attempts are written in another order, so a deadlock is possible.
      if (tries >= triesMax || !isRetryable(error)) throw error;
    }
  }
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
