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
import type { OnEnded } from "../domain/tally.ts";
import { reach } from "../fault-points.ts";
import { letGo } from "./retention.ts";

export type JanitorDeps = {
  database: Database;
  /** The service's retention in days. */
  retentionDays: number;
  onEnded?: OnEnded;
  onError: (message: string, error: unknown) => void;
};

const roundMs = 60_000;
/** The first round is soon after the start, for work that became due while no process ran. */
const firstRoundMs = 5_000;
const daysAhead = 7;
const rowsMax = 1_000;
/** Changes are written as often as results, and are kept only for minutes. */
const changesMax = 200_000;
/** The longest round; the pause after it leaves time for other work. */
const roundMsMax = 20_000;

/** Makes partitions for the next days and deletes rows past their retention, in one process at a time. */
export function openJanitor(deps: JanitorDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;

  function round(): void {
    working = tidy(deps.database, deps.retentionDays, deps.onEnded)
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

/** Makes the partitions of the next days, unless the tables are busy: there is time for that. */
export async function prepare(database: Database): Promise<void> {
  try {
    await database.begin((tx) => ensurePartitions(tx, daysAhead));
  } catch (error) {
    if (!isTimeout(error)) throw error;
  }
}

/**
 * Does one round, unless another process does one. Every step is limited; the rest waits for the next round.
 *
 * The lock belongs to a transaction in which nothing else happens: it ends with its process, and delays no other transaction.
 */
export async function tidy(
  database: Database,
  retentionDays = 30,
  onEnded?: OnEnded,
): Promise<void> {
  await database.begin(async (tx) => {
    if (await takeJanitorLock(tx)) await doRound(database, { retentionDays, onEnded });
  });
}

async function doRound(
  database: Database,
  { retentionDays, onEnded }: { retentionDays: number; onEnded: OnEnded | undefined },
): Promise<void> {
  const untilMs = performance.now() + roundMsMax;
  await prepare(database);
  reach("janitor_step");
  await failOrphanedDeliveriesOfAllTeams(database.sql, rowsMax, onEnded);
  reach("janitor_step");
  await expireWaiting(database.sql, { rowsMax, untilMs, onEnded });
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
  await letGo(database, { retentionDays, untilMs, onEnded });
}
