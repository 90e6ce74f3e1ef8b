/** Wakes those who wait for a thing to happen, by its name. A hint only: nobody waits for longer than they say. */
export type Signals = {
  /** Resolves once the name is signalled, after `ms`, or when told to stop. */
  next(name: string, ms: number, stop?: AbortSignal): Promise<void>;
  /** Wakes all who wait for this name. */
  signal(name: string): void;
};

/** Opens a place for those who wait and those who wake them, in one process. */
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
