import { setTimeout as pause } from "node:timers/promises";
import { tellOperators } from "../actions/tell-operators.ts";

/** What tells operators, for as long as it is open. */
export type OperationalWatch = {
  /** There is something to tell: it is looked for at once. */
  wake(): void;
  close(): Promise<void>;
};

export type OperationalWatchDeps = Parameters<typeof tellOperators>[0] & {
  onError: (message: string, error: unknown) => void;
};

/** What happens is notified; this is for notifications that were missed. */
const pollMs = 10_000;

/** Tells operators what was noted, as long as there is something; every process does, and they take turns. */
export function openOperationalWatch(deps: OperationalWatchDeps): OperationalWatch {
  const closing = new AbortController();
  const { signal } = closing;
  let waiting = new AbortController();

  async function lookOn(): Promise<void> {
    while (!signal.aborted) {
      // Whoever notes something during a look is heard at the end of it.
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
