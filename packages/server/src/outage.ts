export type OutageDeps = {
  /** Says whether an error means that something is away, as opposed to a fault of ours. */
  isAway: (error: unknown) => boolean;
  /** Resolves when it is there. */
  ask: () => Promise<unknown>;
  /** It is away, or is still so after this many seconds. */
  onAway: (error: unknown, seconds: number) => void;
  onBack: (seconds: number) => void;
};

/** Tells of an outage once when it begins and once when it ends, however many notice it. */
export type Outage = {
  /** Takes an error that somebody met; false when it is no news of an outage. */
  noticed(error: unknown): boolean;
  close(): void;
};

const askEveryMs = 1_000;
/** One that lasts is told again. */
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
