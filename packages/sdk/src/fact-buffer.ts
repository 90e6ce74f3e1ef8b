import { ApiError } from "./api-error.ts";
import type { FactResults, FactSink, ReportedFact } from "./facts.ts";
import { requireFunction, requireNumber, requireOptions } from "./guards.ts";
import { FactsRefused, type Outcome, type Refusal, refusalsOf, unfinishedIn } from "./refusals.ts";
import { type OnReportError, tell } from "./report-errors.ts";
import type { Send } from "./request.ts";

/** Limits of a buffer. All options are optional. */
export type BufferOptions = {
  /** Maximum number of facts in memory; above it, `report` waits. Default: 10,000. */
  maxFacts?: number;
  /** Maximum time in milliseconds before a fact is sent. Default: 1,000. */
  flushIntervalMs?: number;
  /** Called immediately for each refused fact. Without it, `flush` throws them once. */
  onReportError?: OnReportError;
};

type Queued = { fact: ReportedFact; text: string };

const batchFactsMax = 1_000;
// The service accepts 1 MiB for a batch; the envelope and commas need a part of it.
const batchLengthMax = 1_000_000;

/**
 * Opens a buffer that sends facts in batches, in the order of `report`, one batch at a time.
 *
 * Each fact gets an identity, so that a batch can be sent again after a lost answer: the service counts it once. Facts
 * that could not be delivered stay in the buffer and are sent by the next flush. Await `flush` before the process ends.
 */
export function openFactBuffer(
  send: Send,
  delay: (ms: number) => Promise<void>,
  options: BufferOptions | undefined,
  onReportErrorOfClient?: OnReportError,
): FactSink {
  requireOptions(options, {
    maxFacts: (value, name) => requireNumber(value, name, { min: 1, whole: true }),
    flushIntervalMs: (value, name) => requireNumber(value, name, { min: 0, max: 2_147_483_647 }),
    onReportError: requireFunction,
  });
  const {
    maxFacts = 10_000,
    flushIntervalMs = 1_000,
    onReportError = onReportErrorOfClient,
  } = options ?? {};
  const queue: Queued[] = [];
  let queuedCount = 0;
  let settledCount = 0;
  /** Refusals that no flush has thrown yet, and the running flushes. */
  let untold: Refusal[] = [];
  const listeners = new Set<Refusal[]>();
  let draining: Promise<void> | undefined;
  let timing = false;
  /** Resolves when every report so far is in the queue or was refused. */
  let line: Promise<void> = Promise.resolve();

  const isFull = () => queue.length >= maxFacts;

  const push = (queued: Queued) => {
    queue.push(queued);
    queuedCount++;
    if (queue.length >= batchFactsMax) void drain().catch(() => {});
    else sendLater();
    // The fact is in the buffer: the thrown error names other facts.
    if (untold.length >= maxFacts) throw new FactsRefused(takeUntold());
  };

  const takeUntold = (): Refusal[] => {
    const taken = untold;
    untold = [];
    return taken;
  };

  /** A failure here loses nothing: the facts stay, and the next report or flush throws it. */
  const sendLater = () => {
    if (timing) return;
    timing = true;
    void delay(flushIntervalMs)
      .finally(() => {
        timing = false;
      })
      .then(drain)
      .catch(sendLater);
  };

  const drain = (): Promise<void> => {
    draining ??= (async () => {
      while (queue.length > 0) await sendBatch(queue.slice(0, batchLength(queue)));
    })().finally(() => {
      draining = undefined;
    });
    return draining;
  };

  /** Sends the first facts of the queue and removes them, recorded or refused. */
  const sendBatch = async (batch: readonly Queued[]): Promise<void> => {
    let outcomes: Outcome[];
    try {
      const json = `{"facts":[${batch.map(({ text }) => text).join(",")}]}`;
      const request = { method: "POST", path: "/v1/facts", json, namesItself: true } as const;
      const answer = await send<FactResults>(request);
      const unfinished = unfinishedIn(answer);
      if (unfinished) throw unfinished;
      outcomes = answer.results;
    } catch (error) {
      if (!isAboutTheBody(error)) throw error;
      if (batch.length > 1) {
        // One malformed fact must not block the others: halve the batch to find it.
        const middle = batch.length >> 1;
        await sendBatch(batch.slice(0, middle));
        return sendBatch(batch.slice(middle));
      }
      outcomes = [{ index: 0, status: "refused", error }];
    }
    queue.splice(0, batch.length);
    settledCount += batch.length;
    for (const refusal of refusalsOf(
      batch.map(({ fact }) => fact),
      outcomes,
    )) {
      noteRefusal(refusal);
    }
  };

  /** Passes a refusal to the listener, otherwise to the running flushes, otherwise to the next one. */
  const noteRefusal = (refusal: Refusal) => {
    const keep = () => {
      if (listeners.size === 0) untold.push(refusal);
      for (const listener of listeners) listener.push(refusal);
    };
    void tell(onReportError, keep, new FactsRefused([refusal]), refusal.fact);
  };

  const report = (queued: Queued): Promise<void> => {
    const turn = line.then(async () => {
      while (isFull()) await drain();
      push(queued);
    });
    line = turn.catch(() => {});
    return turn;
  };

  return {
    report(fact) {
      const named = { id: crypto.randomUUID(), ...fact };
      // Converted to text at once: later changes of the object are not part of the fact.
      return report({ fact: named, text: JSON.stringify(named) });
    },
    async flush() {
      const refusals = takeUntold();
      listeners.add(refusals);
      try {
        await line;
        const target = queuedCount;
        while (settledCount < target) await drain();
      } catch (error) {
        untold.push(...refusals);
        throw error;
      } finally {
        listeners.delete(refusals);
      }
      if (refusals.length > 0) throw new FactsRefused(refusals);
    },
  };
}

const isAboutTheBody = (error: unknown): error is ApiError =>
  error instanceof ApiError && [400, 413, 422].includes(error.status);

/** How many facts from the head of the queue go into one request. */
function batchLength(queue: readonly Queued[]): number {
  let length = 0;
  let count = 0;
  for (const { text } of queue) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    length += text.length * 3;
    const fits = count < batchFactsMax && length <= batchLengthMax;
    // A fact that is too large alone is sent alone: the service refuses it.
    if (count > 0 && !fits) break;
    count++;
  }
  return count;
}
