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
  /** Called when the leases of a process that died have ended: what it held is due. */
  onEnded: () => void;
  onError: (error: unknown) => void;
};

/** Says that this process lives, and notices which others do not. */
export type Ownership = {
  start(): void;
  /** For a process that holds nothing any more: it is nowhere then. */
  close(): Promise<void>;
  /** For one that ends although it holds something: others will find it dead. */
  stop(): void;
};

const lookEveryMs = 2_000;
/** A process that starts often follows one that has died: at first it looks more often. */
const atFirst = { forMs: 6_000, lookEveryMs: 500 };

/**
 * Writes every two seconds that this process is there, and ends the leases of those that are not.
 *
 * A process is dead when it was not seen for 3 s and the lock of its session is free: one that stands still keeps its
 * session, and one that lost its session is seen. Their leases end by their time, as they always did.
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
