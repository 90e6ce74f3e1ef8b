import { attemptMsMax, type LeasedDelivery } from "../domain/delivery.ts";
import type { DispatchProgress } from "../domain/dispatch-progress.ts";

/** What an attempt and its result must come to an end by. */
type Begun = { beganAtMs: number; limitMs: number };
type Unwritten = { endedAtMs: number };

/**
 * What the dispatcher has in hand, and since when: who looks at it from outside sees what stands still.
 *
 * It costs a set's insertion and removal for each attempt and each result.
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
    /** It is over. One that came to nothing, because its lease was given back, is no progress. */
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
    /** `lookedMs`: since the last look was done; `held`: deliveries in hand. */
    read(lookedMs: number | undefined, held: number): DispatchProgress {
      const nowMs = performance.now();
      let overrunMs = 0;
      let lastMs = steppedAtMs;
      for (const { beganAtMs, limitMs } of begun) {
        lastMs = Math.max(lastMs, beganAtMs);
        overrunMs = Math.max(overrunMs, nowMs - beganAtMs - limitMs);
      }
      // The first that was put in is the oldest.
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
