import { findWatchersWithChanges, type Watcher } from "../db/delivery-changes.ts";
import type { TeamDatabase } from "../db/pool.ts";

/** Wakes the streams that wait for changes of deliveries, by any process. */
export type ChangeWatch = {
  /** Resolves when a delivery of the team has changed after the snapshot, after `ms`, or when `stop` is aborted. */
  next(watcher: Watcher, ms: number, stop: AbortSignal): Promise<void>;
  /** Wakes all waiters; later calls do not wait. */
  close(): void;
};

export type ChangeWatchDeps = {
  database: TeamDatabase;
  onError: (error: unknown) => void;
};

/** Changes must be sent within two seconds. */
const pollMs = 500;

type Waiting = Watcher & { untilMs: number; wake: () => void };

/** Opens the watch: one statement each half second for all waiters of this process, none without waiters. */
export function openChangeWatch({ database, onError }: ChangeWatchDeps): ChangeWatch {
  const waiting = new Set<Waiting>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  function wake(one: Waiting): void {
    waiting.delete(one);
    one.wake();
  }

  async function look(): Promise<void> {
    const asked = [...waiting];
    const teamIds = [...new Set(asked.map(({ teamId }) => teamId))];
    const places = await findWatchersWithChanges(database.forTeams(teamIds).sql, asked);
    for (const place of places) {
      const one = asked[place];
      if (one) wake(one);
    }
  }

  function poll(): void {
    timer = setTimeout(() => {
      look()
        .catch(onError)
        .finally(() => {
          const nowMs = performance.now();
          for (const one of waiting) if (one.untilMs <= nowMs) wake(one);
          timer = undefined;
          if (waiting.size > 0) poll();
        });
    }, pollMs);
  }

  return {
    next(watcher, ms, stop) {
      if (closed || stop.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const stopped = () => wake(one);
        const one = {
          ...watcher,
          untilMs: performance.now() + ms,
          wake() {
            stop.removeEventListener("abort", stopped);
            resolve();
          },
        };
        stop.addEventListener("abort", stopped, { once: true });
        waiting.add(one);
        if (timer === undefined) poll();
      });
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const one of waiting) wake(one);
    },
  };
}
