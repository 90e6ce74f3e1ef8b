import { type DispatchProgress, stallOf } from "../domain/dispatch-progress.ts";

export type WatchdogDeps = {
  progress: () => DispatchProgress;
  /** How long the oldest delivery that waits for the service has been due, in milliseconds; 0 when none is known. */
  oldestDueMs: () => number;
  /** Resolves when the database answers. */
  askDatabase: () => Promise<unknown>;
  /** Called when the dispatcher stalls (with the reason), and when it works again (undefined, with the seconds of the stall). */
  onChange: (reason: string | undefined, seconds: number) => void;
  /** Called when it has been stalled for too long although the database answers: this process must be replaced. */
  onHopeless: (reason: string) => void;
  /** How long it may be stalled before that. */
  patienceMs: number;
};

/** Watches the dispatcher from outside. */
export type Watchdog = {
  /** Why the dispatcher is stalled now; undefined while it works. */
  stall(): string | undefined;
  /** Begins to watch; call it after the dispatcher was started. */
  start(): void;
  close(): void;
};

const lookEveryMs = 1_000;

/**
 * Checks every second whether the dispatcher is stalled. If a stall lasts although the database answers, it calls
 * `onHopeless` once: the caller ends the process, and its leases end with it.
 *
 * The time in which the database is away does not count: nothing can be delivered then, and this process is not at fault.
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
      // One failed check is not enough: a paused process looks the same.
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
      // The outage is reported elsewhere. The stall counts from the time when the database is back.
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
