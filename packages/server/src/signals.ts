/** Wakes waiters by the name of what happened. It is only a hint: each waiter also has a time limit. */
export type Signals = {
  /** Resolves when the name is signalled, after `ms`, or when `stop` is aborted. */
  next(name: string, ms: number, stop?: AbortSignal): Promise<void>;
  /** Wakes all waiters for this name. */
  signal(name: string): void;
};

/** Opens signals within one process. */
export function openSignals(): Signals {
  const waiting = new Map<string, Set<() => void>>();
  return {
    next(name, ms, stop) {
      if (stop?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const own = waiting.get(name) ?? new Set();
        waiting.set(name, own);
        const wake = () => {
          clearTimeout(timer);
          stop?.removeEventListener("abort", wake);
          own.delete(wake);
          if (own.size === 0 && waiting.get(name) === own) waiting.delete(name);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        stop?.addEventListener("abort", wake, { once: true });
        own.add(wake);
      });
    },
    signal(name) {
      for (const wake of [...(waiting.get(name) ?? [])]) wake();
    },
  };
}
