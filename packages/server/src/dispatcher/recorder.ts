import { recordResults } from "../actions/record-results.ts";
import { type AttemptRecord, recordLateAttempts } from "../db/attempts.ts";
import { releaseDeliveries, type Unsent } from "../db/deliveries.ts";
import { isRetryable, isStorageUnavailable, isTimeout } from "../db/errors.ts";
import type { Database } from "../db/pool.ts";
import { reach } from "../fault-points.ts";
import { type GroupCommit, openGroupCommit } from "../group-commit.ts";

/** Records the results of attempts. Concurrent results share a statement. */
export type Recorder = {
  /** Resolves when the result is committed: true when it changed its delivery, false when the lease was lost. */
  record(record: AttemptRecord): Promise<boolean>;
  /** Releases a lease whose attempt was not begun. */
  release(unsent: Unsent): Promise<void>;
  readonly waiting: number;
  /** Waits until everything is written. */
  idle(): Promise<void>;
};

export type RecorderDeps = {
  database: Database;
  /** Called with the subscriptions whose breakers opened. */
  onShut: (subscriptionIds: readonly string[]) => void;
  /** Called for every failed write; the results stay in memory and are written again. */
  onFailure: (error: unknown, count: number) => void;
};

const lanes = 2;
const patienceMs = 25;
const batchMax = 500;
const batchWeightMax = 8 * 1024 * 1024;
/** In batches of 200 a result costs a fraction of a single write; a result can wait 5 ms to be written. */
const gather = { fromPerSecond: 1_000, batchMin: 200, msMax: 5 };
const retryDelayMs = { first: 50, most: 2_000 };
/** A result is kept while its lease may still be valid; the longest lease is shorter than this. */
const giveUpAfterMs = 90_000;

/** Opens the recorder: group commit of results, tried again while the database is away. */
export function openRecorder(deps: RecorderDeps): Recorder {
  const results: GroupCommit<AttemptRecord, boolean> = openGroupCommit({
    lanes,
    patienceMs,
    batchMax,
    weightMax: batchWeightMax,
    gather,
    // The attempts in flight are the limit: each waits until its result is written.
    waitingMax: Number.POSITIVE_INFINITY,
    mayBeOneItem: (error) => !mayPass(error),
    weigh: (record) =>
      500 +
      (record.responseBody?.length ?? 0) +
      (record.sealedResponseBody?.length ?? 0) +
      (record.responseHeaders?.length ?? 0) +
      (record.sealedResponseHeaders?.length ?? 0),
    commit: (records) =>
      persist(deps, records, async (batch) => {
        reach("before_result_commit");
        const { unmoved, shut } = await recordResults(deps.database, batch);
        reach("after_result_commit");
        if (shut.length > 0) deps.onShut(shut.map(({ subscriptionId }) => subscriptionId));
        const late = batch.filter(({ attemptId }) => unmoved.has(attemptId));
        if (late.length > 0) await recordLateAttempts(deps.database.sql, late);
        return batch.map((record) => ({ result: !unmoved.has(record.attemptId) }));
      }),
  });
  const releases: GroupCommit<Unsent, void> = openGroupCommit({
    lanes: 1,
    patienceMs,
    batchMax,
    weightMax: Number.POSITIVE_INFINITY,
    waitingMax: Number.POSITIVE_INFINITY,
    mayBeOneItem: (error) => !mayPass(error),
    weigh: () => 1,
    commit: (unsent) =>
      persist(deps, unsent, async (batch) => {
        reach("before_release");
        await releaseDeliveries(deps.database.sql, batch);
        return batch.map(() => ({ result: undefined }));
      }),
  });

  return {
    record: (record) => results.submit(record),
    release: (unsent) => releases.submit(unsent),
    get waiting() {
      return results.waiting;
    },
    async idle() {
      await Promise.all([results.idle(), releases.idle()]);
    },
  };
}

/** Says whether the same statement may succeed a little later. */
const mayPass = (error: unknown): boolean =>
  isStorageUnavailable(error) || isTimeout(error) || isRetryable(error);

/** Writes again until it succeeds or no lease can be valid any more: a second write of the same result changes nothing. */
async function persist<Item, Result>(
  deps: RecorderDeps,
  items: readonly Item[],
  write: (items: readonly Item[]) => Promise<Result>,
): Promise<Result> {
  const startedAtMs = performance.now();
  let delayMs = retryDelayMs.first;
  for (;;) {
    try {
      return await write(items);
    } catch (error) {
      deps.onFailure(error, items.length);
      if (!mayPass(error) || performance.now() - startedAtMs > giveUpAfterMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, retryDelayMs.most);
    }
  }
}
