/** Somebody who waits hears of it by then, and from then on as often. */
const newsEveryMs = 4_000;

/** Waits for the work, and tells every 4 s for how many whole seconds it has taken. */
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

/** Waits for the work, or for the signal, whichever comes first: then it rejects with its reason, and the work goes on. */
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

/** Rejects when the work takes longer; the work goes on. */
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
