import { failOrphanedDeliveriesOfAllTeams } from "../db/deliveries.ts";
import { deleteOldIdentitiesOfAllTeams } from "../db/fact-identities.ts";
import { deleteOldIdempotencyKeysOfAllTeams } from "../db/idempotency-keys.ts";
import { ensurePartitions } from "../db/partitions.ts";
import type { Database } from "../db/sql.ts";
import { reach } from "../fault-points.ts";

export type JanitorDeps = {
  database: Database;
  onError: (message: string, error: unknown) => void;
};

const roundMs = 60_000;
const daysAhead = 7;
const rowsMax = 1_000;

/** Keeps the house tidy: partitions for the days to come, idempotency keys that are over, deliveries without a subscription. */
export function openJanitor(deps: JanitorDeps): { close(): Promise<void> } {
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;

  function round(): void {
    working = tidy(deps.database)
      .catch((error) => deps.onError("the janitor could not do its round", error))
      .finally(() => {
        if (!closing) timer = setTimeout(round, roundMs);
      });
  }
  timer = setTimeout(round, roundMs);

  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await working;
    },
  };
}

/** Does one round; every step is bounded, what is left over waits for the next one. */
export async function tidy(database: Database): Promise<void> {
  await database.begin((tx) => ensurePartitions(tx, daysAhead));
  reach("janitor_step");
  await failOrphanedDeliveriesOfAllTeams(database.sql, rowsMax);
  reach("janitor_step");
  await deleteOldIdentitiesOfAllTeams(database.sql, rowsMax);
  reach("janitor_step");
  await deleteOldIdempotencyKeysOfAllTeams(database.sql, rowsMax);
}
