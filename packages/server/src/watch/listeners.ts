import { endSilentListener } from "../actions/listeners.ts";
import { listEndedListenersOfAllTeams } from "../db/listeners.ts";
import type { Database } from "../db/pool.ts";
import type { OnEnded } from "../domain/tally.ts";

export type ListenerWatchDeps = {
  /** Of all teams. */
  database: Database;
  onEnded?: OnEnded;
  onError: (message: string, error: unknown) => void;
};

const lookMs = 5_000;
const rowsMax = 100;

/** Ends listeners whose stream has been closed for a minute. Every process runs it. */
export function openListenerWatch({ database, onEnded, onError }: ListenerWatchDeps): {
  close(): Promise<void>;
} {
  let closing = false;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    for (const key of await listEndedListenersOfAllTeams(database.sql, rowsMax)) {
      if (closing) return;
      await endSilentListener(database, key, onEnded);
    }
  }

  const timer = setInterval(() => {
    looking = looking.then(look).catch((error) => onError("listeners could not be ended", error));
  }, lookMs);

  return {
    async close() {
      closing = true;
      clearInterval(timer);
      await looking;
    },
  };
}
