import { isTimeout } from "../db/errors.ts";
import {
  dropPartition,
  hasPendingDeliveriesOfAllTeams,
  listOldPartitionsOfAllTeams,
} from "../db/partitions.ts";
import type { Database } from "../db/pool.ts";
import {
  deleteOldDeliveriesOfAllTeams,
  deleteOldStragglersOfAllTeams,
  expirePayloads,
  expireWaitingDeliveriesOfAllTeams,
  listExpiredDaysOfAllTeams,
  markDayExpired,
} from "../db/retention.ts";
import type { OnEnded } from "../domain/tally.ts";

export type Retention = {
  /** The service's retention in days; a team may have a shorter one. */
  retentionDays: number;
  /** When to stop, by `performance.now()`; the next round continues. */
  untilMs: number;
  onEnded?: OnEnded | undefined;
};

const rowsMax = 1_000;
const daysMax = 1_000;

/** Deletes what is past its retention, in steps of few rows, until nothing is left or the time is up. */
export async function letGo(database: Database, given: Retention): Promise<void> {
  const { retentionDays } = given;
  const { sql } = database;
  await repeat(given, () =>
    expireWaitingDeliveriesOfAllTeams(sql, retentionDays, rowsMax, given.onEnded),
  );
  await letPayloadsGo(database, given);
  await repeat(given, () => deleteOldDeliveriesOfAllTeams(sql, retentionDays, rowsMax));
  await repeat(given, () => deleteOldStragglersOfAllTeams(sql, retentionDays, rowsMax));
  await dropOldPartitions(database, given);
}

async function letPayloadsGo({ sql }: Database, given: Retention): Promise<void> {
  for (const expired of await listExpiredDaysOfAllTeams(sql, given.retentionDays, daysMax)) {
    if (performance.now() >= given.untilMs) return;
    await repeat(given, () => expirePayloads(sql, expired, rowsMax));
    await markDayExpired(sql, expired);
  }
}

/** Drops old partitions. A busy partition, or one with pending deliveries, waits for another round. */
async function dropOldPartitions(database: Database, given: Retention): Promise<void> {
  for (const old of await listOldPartitionsOfAllTeams(database.sql, given.retentionDays)) {
    if (performance.now() >= given.untilMs) return;
    if (await hasPendingDeliveriesOfAllTeams(database.sql, old.day)) continue;
    try {
      await database.begin((tx) => dropPartition(tx, old));
    } catch (error) {
      if (!isTimeout(error)) throw error;
    }
  }
}

/** Repeats a step while it finds its maximum of rows. */
async function repeat({ untilMs }: Retention, step: () => Promise<number>): Promise<void> {
  while ((await step()) >= rowsMax && performance.now() < untilMs);
}
