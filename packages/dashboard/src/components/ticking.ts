import { useSyncExternalStore } from "react";

/** One clock for all shown ages: it stops while the page is hidden or shows no age. */
function openTicks(everyMs: number) {
  const listeners = new Set<() => void>();
  let nowMs = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const tick = (): void => {
    if (document.hidden) return;
    nowMs = Date.now();
    for (const listener of listeners) listener();
  };
  return {
    subscribe(listener: () => void) {
      if (listeners.size === 0) {
        nowMs = Date.now();
        timer = setInterval(tick, everyMs);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearInterval(timer);
      };
    },
    read: () => nowMs,
  };
}

const seconds = openTicks(1_000);
const slow = openTicks(5_000);

/** The present time in Unix milliseconds, for ages: it moves on every five seconds, or every one. */
export function useNow(every: "second" | "5 seconds" = "5 seconds"): number {
  const ticks = every === "second" ? seconds : slow;
  return useSyncExternalStore(ticks.subscribe, ticks.read);
}
