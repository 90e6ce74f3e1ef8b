import { type AttemptRecord, recordAttempts } from "../db/attempts.ts";
import { beginFailing, readOpenStreaks, type StreakKey } from "../db/failure-streaks.ts";
import type { Database } from "../db/sql.ts";
import { isFailing } from "../domain/endpoint-health.ts";

/**
 * Records how attempts ended, and decides in the same transaction which endpoints fail from now on; returns the attempts
 * that moved no delivery.
 *
 * Where every attempt succeeded there is nothing to decide: one statement, one round trip.
 */
export async function recordResults(
  database: Database,
  records: readonly AttemptRecord[],
): Promise<Set<string>> {
  const failed = records.filter(({ outcome }) => outcome !== "delivered");
  if (failed.length === 0) return await recordAttempts(database.sql, records);
  return await database.begin(async (tx) => {
    const unmoved = await recordAttempts(tx, records);
    const failing = (await readOpenStreaks(tx, streaksOf(failed))).filter(isFailing);
    if (failing.length > 0) await beginFailing(tx, failing);
    return unmoved;
  });
}

const streaksOf = (records: readonly StreakKey[]): StreakKey[] => [
  ...new Map(records.map((one) => [`${one.teamId} ${one.subscriptionId}`, one])).values(),
];
