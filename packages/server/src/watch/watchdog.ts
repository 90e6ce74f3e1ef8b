import { type DispatchProgress, stallOf } from "../domain/dispatch-progress.ts";

export type WatchdogDeps = {
  progress: () => DispatchProgress;
  /** For how long the oldest delivery has been due that waits for us; 0 when nothing is known of one. */
  oldestDueMs: () => number;
  /** Resolves when the database answers. */
  askDatabase: () => Promise<unknown>;
  /** The dispatcher stands still, or does so no more: then it stood still for so many seconds. */
  onChange: (reason: string | undefined, seconds: number) => void;
  /** It has stood still for too long, although the database answers: this process is of no use any more. */
  onHopeless: (reason: string) => void;
  /** How long it may stand still before that. */
  patienceMs: number;
};

/** Watches over the dispatcher, from outside of it. */
export type Watchdog = {
  /** Why the dispatcher stands still now; undefined while it works. */
  stall(): string | undefined;
  /** Begins to look, once the dispatcher has been started. */
  start(): void;
  close(): void;
};

const lookEveryMs = 1_000;

/**
 * Looks every second whether the dispatcher stands still. A standstill that lasts although the database answers is told
 * as hopeless, once: whoever opened this ends the process, and its leases end with it.
 *
 * While the database is away nothing can be delivered, and nothing is wrong with this process: that time does not count.
 */
export function openWatchdog(deps: WatchdogDeps): Watchdog {
  let stalledAtMs: number | undefined;
  let told = false;
  let hopeless = false;
  let asking = false;
  const stall = () => stallOf(deps.progress(), deps.oldestDueMs());
  const stalledMs = () => (stalledAtMs === undefined ? 0 : performance.now() - stalledAtMs);

  async function look(): Promise<void> {
    const reason = stall();
    if (reason === undefined) {
      if (told) deps.onChange(undefined, Math.round(stalledMs() / 1_000));
      stalledAtMs = undefined;
      told = false;
      return;
    }
    if (asking || hopeless) return;
    asking = true;
    try {
      await deps.askDatabase();
      // Once is nothing yet: a process that was paused looks like that as well.
      if (stalledAtMs !== undefined && !told) {
        told = true;
        deps.onChange(reason, 0);
      }
      stalledAtMs ??= performance.now();
      if (stalledMs() >= deps.patienceMs) {
        hopeless = true;
        deps.onHopeless(reason);
      }
    } catch {
      // Told elsewhere. It counts from when the database is back.
      stalledAtMs = undefined;
    } finally {
      asking = false;
    }
  }

  let timer: NodeJS.Timeout | undefined;
  return {
    stall,
    start() {
      timer ??= setInterval(() => void look(), lookEveryMs);
      timer.unref();
    },
    close: () => clearInterval(timer),
  };
}
