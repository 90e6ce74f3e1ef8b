export type OutageDeps = {
  /** Says whether an error means that the other side is away, and not a bug. */
  isAway: (error: unknown) => boolean;
  /** Resolves when it is available again. */
  ask: () => Promise<unknown>;
  /** Called when it is away, and again while it is still away, with the seconds so far. */
  onAway: (error: unknown, seconds: number) => void;
  onBack: (seconds: number) => void;
};

/** Reports an outage once when it begins and once when it ends, however many callers notice it. */
export type Outage = {
  /** Takes a caller's error; false when it is not about an outage. */
  noticed(error: unknown): boolean;
  close(): void;
};

const askEveryMs = 1_000;
/** How often a lasting outage is reported again. */
const remindEveryMs = 30_000;

export function openOutage({ isAway, ask, onAway, onBack }: OutageDeps): Outage {
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let sinceMs = 0;
  let toldAtMs = 0;
  const seconds = () => Math.round((performance.now() - sinceMs) / 1_000);

  function tell(error: unknown): void {
    toldAtMs = performance.now();
    onAway(error, seconds());
  }

  function askLater(): void {
    timer = setTimeout(async () => {
      try {
        await ask();
        timer = undefined;
        if (!closed) onBack(seconds());
      } catch (error) {
        if (closed) return;
        if (performance.now() - toldAtMs > remindEveryMs) tell(error);
        askLater();
      }
    }, askEveryMs);
  }

  return {
    noticed(error) {
      if (!isAway(error)) return false;
      if (timer === undefined && !closed) {
        sinceMs = performance.now();
        tell(error);
        askLater();
      }
      return true;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
