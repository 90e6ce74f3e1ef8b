import { setTimeout as pause } from "node:timers/promises";
import { tellOperators } from "../actions/tell-operators.ts";

/** The running watch for operational happenings. */
export type OperationalWatch = {
  /** Looks for happenings at once. */
  wake(): void;
  close(): Promise<void>;
};

export type OperationalWatchDeps = Parameters<typeof tellOperators>[0] & {
  onError: (message: string, error: unknown) => void;
};

/** Happenings are notified; this poll finds those whose notifications were missed. */
const pollMs = 10_000;

/** Makes events of noted happenings until none are left. Every process runs it; they take turns. */
export function openOperationalWatch(deps: OperationalWatchDeps): OperationalWatch {
  const closing = new AbortController();
  const { signal } = closing;
  let waiting = new AbortController();

  async function lookOn(): Promise<void> {
    while (!signal.aborted) {
      // A happening that is noted during a look is found after it.
      waiting = new AbortController();
      const woken = AbortSignal.any([signal, waiting.signal]);
      const told = await tellOperators(deps).catch((error) => {
        deps.onError("operators could not be told; it is tried again", error);
        return 0;
      });
      if (told === 0) await pause(pollMs, undefined, { signal: woken }).catch(() => {});
    }
  }
  const looking = lookOn();

  return {
    wake: () => waiting.abort(),
    async close() {
      closing.abort();
      await looking;
    },
  };
}
