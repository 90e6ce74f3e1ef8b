import { setTimeout as pause } from "node:timers/promises";
import {
  endLeasesOfDeadOwnerOfAllTeams,
  removeLeaseOwnerOfAllTeams,
  seeLeaseOwnerOfAllTeams,
} from "../db/lease-owners.ts";
import type { Database } from "../db/pool.ts";

export type OwnershipDeps = {
  database: Database;
  /** The name of this process, the first half of its lease tokens. */
  owner: string;
  /** Called when the leases of a dead process were ended: its deliveries are due. */
  onEnded: () => void;
  onError: (error: unknown) => void;
};

/** Shows that this process is alive, and finds processes that are not. */
export type Ownership = {
  start(): void;
  /** For a process that holds nothing any more: removes its row. */
  close(): Promise<void>;
  /** For a process that ends while it holds something: other processes will find it dead. */
  stop(): void;
};

const lookEveryMs = 2_000;
/** A process often starts because another one died: it looks more often at first. */
const atFirst = { forMs: 6_000, lookEveryMs: 500 };

/**
 * Writes every two seconds that this process is alive, and ends the leases of dead processes.
 *
 * A process is dead when it was not seen for 3 s and the lock of its session is free. A frozen process keeps its session,
 * and a process that lost its session is still seen: their leases end by time.
 */
export function openOwnership({ database, owner, onEnded, onError }: OwnershipDeps): Ownership {
  const closing = new AbortController();
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    for (const unseen of await seeLeaseOwnerOfAllTeams(database.sql, owner)) {
      if (await endLeasesOfDeadOwnerOfAllTeams(database, unseen)) onEnded();
    }
  }

  async function lookOn(): Promise<void> {
    const startedAtMs = performance.now();
    while (!closing.signal.aborted) {
      await look().catch(onError);
      const isNew = performance.now() - startedAtMs < atFirst.forMs;
      await pause(isNew ? atFirst.lookEveryMs : lookEveryMs, undefined, {
        ref: false,
        signal: closing.signal,
      }).catch(() => {});
    }
  }

  return {
    start() {
      looking ??= lookOn();
    },
    stop: () => closing.abort(),
    async close() {
      closing.abort();
      await looking;
      if (looking) await removeLeaseOwnerOfAllTeams(database.sql, owner).catch(() => {});
    },
  };
}
