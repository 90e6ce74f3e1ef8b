/** How often something happened lately. */
export type Pace = {
  /** Counts one more. */
  count(): void;
  /** How many there were in the last whole second of counting; 0 when the last one is longer ago than that. */
  perSecond(): number;
};

const windowMs = 1_000;

/** Opens a pace. It costs a clock reading a count, and no timer. */
export function openPace(nowMs: () => number = () => performance.now()): Pace {
  let windowStartMs = nowMs();
  let counted = 0;
  let counts = 0;

  function turn(): void {
    const elapsedMs = nowMs() - windowStartMs;
    if (elapsedMs < windowMs) return;
    // Of a window that nobody ended in time, the average says more than nothing and less than too much.
    counted = elapsedMs < 2 * windowMs ? (counts * windowMs) / elapsedMs : 0;
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
      return counted;
    },
  };
}
