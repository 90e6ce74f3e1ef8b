/** The recent rate of something. */
export type Pace = {
  /** Counts one more. */
  count(): void;
  /** The rate per second in the last complete window; 0 when nothing was counted for two windows. */
  perSecond(): number;
  /** The best recent rate: it halves every ten seconds in which it is not reached again. */
  bestPerSecond(): number;
};

const windowMs = 250;
const bestHalvesMs = 10_000;

/** Opens a pace. Each count reads the clock once; there is no timer. */
export function openPace(nowMs: () => number = () => performance.now()): Pace {
  let windowStartMs = nowMs();
  let counts = 0;
  let rate = 0;
  let best = 0;

  function turn(): void {
    const elapsedMs = nowMs() - windowStartMs;
    if (elapsedMs < windowMs) return;
    // If a window was not ended in time, its average is the best estimate.
    const average = (counts * 1_000) / elapsedMs;
    rate = elapsedMs < 2 * windowMs ? average : 0;
    best = Math.max(average, best * 0.5 ** (elapsedMs / bestHalvesMs));
    counts = 0;
    windowStartMs += elapsedMs;
  }

  return {
    count() {
      turn();
      counts++;
    },
    perSecond() {
      turn();
      return rate;
    },
    bestPerSecond() {
      turn();
      return best;
    },
  };
}
