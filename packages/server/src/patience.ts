/** How often a waiting person gets a line. */
const newsEveryMs = 4_000;

/** Waits for the work, and reports every 4 s how many whole seconds it has taken. */
export async function tellWhileWaiting<T>(
  work: Promise<T>,
  tell: (seconds: number) => void,
): Promise<T> {
  const startedAtMs = performance.now();
  const news = setInterval(
    () => tell(Math.round((performance.now() - startedAtMs) / 1_000)),
    newsEveryMs,
  );
  try {
    return await work;
  } finally {
    clearInterval(news);
  }
}

/** Waits for the work or the signal. If the signal comes first, it rejects with the signal's reason, and the work continues. */
export async function unlessStopped<T>(
  stop: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> {
  if (!stop) return await work;
  let onStop = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    onStop = () => reject(stop.reason);
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener("abort", onStop);
  }
}

/** Repeats work while something is away for a short time. */
export type Patience = <T>(work: () => Promise<T>) => Promise<T>;

/** How long that may last, and the pauses between two tries. */
const awayMsMax = 10_000;
const awayPauseMs = { first: 50, most: 250 };

/**
 * Lets work wait while, for example, the database restarts or fails over. After 10 s without success, all work fails at
 * once with its own error, until some work succeeds again. The work must be safe to repeat.
 */
export function openPatience(isAway: (error: unknown) => boolean): Patience {
  let awaySinceMs = Number.NEGATIVE_INFINITY;
  let lastAwayMs = Number.NEGATIVE_INFINITY;
  return async (work) => {
    let pauseMs = awayPauseMs.first;
    for (;;) {
      try {
        const result = await work();
        lastAwayMs = Number.NEGATIVE_INFINITY;
        return result;
      } catch (error) {
        if (!isAway(error)) throw error;
        const nowMs = performance.now();
        // The last failure was long ago: this is another outage.
        if (nowMs - lastAwayMs > awayMsMax) awaySinceMs = nowMs;
        lastAwayMs = nowMs;
        if (nowMs + pauseMs - awaySinceMs > awayMsMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        pauseMs = Math.min(pauseMs * 2, awayPauseMs.most);
      }
    }
  };
}

/** Rejects when the work takes longer; the work continues. */
export async function withinMs<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
