/** How often something happened lately. */
export type Pace = {
  /** Counts one more. */
  count(): void;
  /** How many there were in the last whole window, as a rate per second; 0 when nothing was counted for two windows. */
  perSecond(): number;
  /** The best rate of late: it halves every ten seconds in which it is not reached again. */
  bestPerSecond(): number;
};

const windowMs = 250;
const bestHalvesMs = 10_000;

/** Opens a pace. It costs a clock reading a count, and no timer. */
export function openPace(nowMs: () => number = () => performance.now()): Pace {
  let windowStartMs = nowMs();
  let counts = 0;
  let rate = 0;
  let best = 0;

  function turn(): void {
    const elapsedMs = nowMs() - windowStartMs;
    if (elapsedMs < windowMs) return;
    // Of a window that nobody ended in time, the average says more than nothing and less than too much.
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
