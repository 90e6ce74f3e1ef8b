import { attemptMsMax, type LeasedDelivery } from "../domain/delivery.ts";
import type { DispatchProgress } from "../domain/dispatch-progress.ts";

/** The beginning and the time limit of an attempt. */
type Begun = { beganAtMs: number; limitMs: number };
type Unwritten = { endedAtMs: number };

/**
 * The attempts and results that the dispatcher works on, and since when: it shows to a health check what has stalled.
 *
 * It costs one insertion and one removal in a set for each attempt and each result.
 */
export function openProgress() {
  const begun = new Set<Begun>();
  const unwritten = new Set<Unwritten>();
  let steppedAtMs = performance.now();

  return {
    /** The attempt of a delivery begins. */
    begin(delivery: LeasedDelivery): Begun {
      const one = { beganAtMs: performance.now(), limitMs: attemptMsMax(delivery) };
      begun.add(one);
      return one;
    },
    /** The attempt is over. It is no progress if it was not made because its lease was released. */
    end(one: Begun, wasMade: boolean): void {
      if (wasMade) steppedAtMs = performance.now();
      begun.delete(one);
    },
    /** Waits for the result of an attempt to be written. */
    async writing<T>(written: Promise<T>): Promise<T> {
      const one = { endedAtMs: performance.now() };
      unwritten.add(one);
      try {
        return await written;
      } finally {
        unwritten.delete(one);
        steppedAtMs = performance.now();
      }
    },
    /** `lookedMs`: since the last poll was done; `held`: deliveries that the process holds. */
    read(lookedMs: number | undefined, held: number): DispatchProgress {
      const nowMs = performance.now();
      let overrunMs = 0;
      let lastMs = steppedAtMs;
      for (const { beganAtMs, limitMs } of begun) {
        lastMs = Math.max(lastMs, beganAtMs);
        overrunMs = Math.max(overrunMs, nowMs - beganAtMs - limitMs);
      }
      // A set keeps insertion order: the first is the oldest.
      const [oldest] = unwritten;
      return {
        lookedMs,
        held,
        overrunMs,
        unwrittenMs: oldest ? nowMs - oldest.endedAtMs : 0,
        steppedMs: nowMs - lastMs,
      };
    },
  };
}
