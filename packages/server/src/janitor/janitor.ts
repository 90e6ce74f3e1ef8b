import { finishErasures } from "../actions/erase-team.ts";
import { expireWaiting } from "../actions/expire-waiting.ts";
import { deleteOldAuditEntriesOfAllTeams } from "../db/audit.ts";
import { failOrphanedDeliveriesOfAllTeams } from "../db/deliveries.ts";
import { deleteOldChangesOfAllTeams } from "../db/delivery-changes.ts";
import { isTimeout } from "../db/errors.ts";
import { deleteOldIdentitiesOfAllTeams } from "../db/fact-identities.ts";
import { deleteOldIdempotencyKeysOfAllTeams } from "../db/idempotency-keys.ts";
import { takeJanitorLock } from "../db/janitor-lock.ts";
import { deleteOldListenerRequestsOfAllTeams } from "../db/listener-requests.ts";
import { noteBacklogOfAllTeams } from "../db/operational-happenings.ts";
import { ensurePartitions } from "../db/partitions.ts";
import type { Database } from "../db/pool.ts";
import { deleteOldReplaysOfAllTeams } from "../db/replays.ts";
import { deleteOldRequestHeadsOfAllTeams } from "../db/request-heads.ts";
import { deleteOldRollupsOfAllTeams } from "../db/rollups.ts";
import { deleteOldSessionsOfAllTeams } from "../db/sessions.ts";
import { reach } from "../fault-points.ts";
import { letGo } from "./retention.ts";

export type JanitorDeps = {
  database: Database;
  /** Days that things are kept at the most. */
  retentionDays: number;
  onError: (message: string, error: unknown) => void;
};

const roundMs = 60_000;
/** The first round comes soon: what fell due while nothing ran has waited long enough. */
const firstRoundMs = 5_000;
const daysAhead = 7;
const rowsMax = 1_000;
/** Changes are written at the rate of results, and none is kept for longer than minutes. */
const changesMax = 200_000;
/** Longest round: in between there is time for everything else. */
const roundMsMax = 20_000;

/** Keeps the house tidy, in one process at a time: partitions for the days to come, and away with what is over. */
export function openJanitor(deps: JanitorDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;

  function round(): void {
    working = tidy(deps.database, deps.retentionDays)
      .catch((error) => deps.onError("the janitor could not do its round", error))
      .finally(() => {
        if (!closing) timer = setTimeout(round, roundMs);
      });
  }
  timer = setTimeout(round, firstRoundMs);

  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await working;
    },
  };
}

/** Makes the partitions of the days to come, unless the tables are busy: there are days for that. */
export async function prepare(database: Database): Promise<void> {
  try {
    await database.begin((tx) => ensurePartitions(tx, daysAhead));
  } catch (error) {
    if (!isTimeout(error)) throw error;
  }
}

/**
 * Does one round, unless another process is at it; every step is bounded, what is left over waits for the next one.
 *
 * The lock is that of a transaction in which nothing else happens: it goes with its process, and holds nobody up.
 */
export async function tidy(database: Database, retentionDays = 30): Promise<void> {
  await database.begin(async (tx) => {
    if (await takeJanitorLock(tx)) await doRound(database, retentionDays);
  });
}

async function doRound(database: Database, retentionDays: number): Promise<void> {
  const untilMs = performance.now() + roundMsMax;
  await prepare(database);
  reach("janitor_step");
  await failOrphanedDeliveriesOfAllTeams(database.sql, rowsMax);
  reach("janitor_step");
  await expireWaiting(database.sql, { rowsMax, untilMs });
  await noteBacklogOfAllTeams(database.sql);
  await deleteOldIdentitiesOfAllTeams(database.sql, rowsMax);
  reach("janitor_step");
  await deleteOldIdempotencyKeysOfAllTeams(database.sql, rowsMax);
  await deleteOldAuditEntriesOfAllTeams(database.sql, rowsMax);
  await deleteOldRollupsOfAllTeams(database.sql, rowsMax);
  await deleteOldRequestHeadsOfAllTeams(database.sql, retentionDays, rowsMax);
  await deleteOldChangesOfAllTeams(database.sql, changesMax);
  await deleteOldReplaysOfAllTeams(database.sql, rowsMax);
  await deleteOldSessionsOfAllTeams(database.sql, rowsMax);
  await deleteOldListenerRequestsOfAllTeams(database.sql, changesMax);
  await finishErasures(database, untilMs);
  await letGo(database, { retentionDays, untilMs });
}
