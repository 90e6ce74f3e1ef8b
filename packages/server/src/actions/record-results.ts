import { type AttemptRecord, recordAttempts } from "../db/attempts.ts";
import { insertEntryOfService } from "../db/audit.ts";
import { disableFailing, type FailedProbe, lockFailedProbes, pauseProbes } from "../db/breakers.ts";
import { beginFailing, readOpenStreaks, type StreakKey } from "../db/failure-streaks.ts";
import { notifySubscriptionChanged } from "../db/notify.ts";
import { noteExhausted, noteFailingEndpoints } from "../db/operational-happenings.ts";
import type { Database } from "../db/pool.ts";
import type { Tx } from "../db/transaction.ts";
import { afterFailedProbe, hasBreaker, probePauseMs } from "../domain/breaker.ts";
import { isFailing } from "../domain/endpoint-health.ts";

/** What recording did: `unmoved`: attempts that changed no delivery. `shut`: endpoints whose breakers opened. */
export type RecordedResults = { unmoved: Set<string>; shut: readonly StreakKey[] };

/**
 * Records the results of attempts, and decides in the same transaction which endpoints fail from now on and what follows
 * failed probes.
 *
 * If every attempt succeeded, there is nothing to decide: one statement, one round trip.
 */
export async function recordResults(
  database: Database,
  records: readonly AttemptRecord[],
): Promise<RecordedResults> {
  const failed = records.filter(({ outcome }) => outcome !== "delivered");
  if (failed.length === 0) {
    return { unmoved: await recordAttempts(database.sql, records), shut: [] };
  }
  return await database.begin(async (tx) => {
    const unmoved = await recordAttempts(tx, records);
    const failing = (await readOpenStreaks(tx, keysOf(failed))).filter(isFailing);
    if (failing.length > 0) {
      await beginFailing(tx, failing, probePauseMs(0));
      await noteFailingEndpoints(tx, failing, "endpoint.failing");
    }
    const exhausted = failed.filter(
      ({ outcome, attemptId }) => outcome === "failed" && !unmoved.has(attemptId),
    );
    if (exhausted.length > 0) await noteExhausted(tx, exhausted);
    const probes = keysOf(
      failed.filter(({ probe, attemptId }) => probe && !unmoved.has(attemptId)),
    );
    if (probes.length > 0) await goOnAfter(tx, await lockFailedProbes(tx, probes));
    return { unmoved, shut: failing.filter(({ contract }) => hasBreaker(contract)) };
  });
}

/** Sets the next probe of endpoints whose probe failed, or disables them. */
async function goOnAfter(tx: Tx, probes: readonly FailedProbe[]): Promise<void> {
  const paused: (StreakKey & { pauseMs: number })[] = [];
  for (const probe of probes) {
    const next = afterFailedProbe(probe, probe);
    if (next.kind === "disable") await disable(tx, probe);
    else paused.push({ ...probe, pauseMs: next.pauseMs });
  }
  if (paused.length > 0) await pauseProbes(tx, paused);
}

async function disable(tx: Tx, { teamId, subscriptionId }: StreakKey): Promise<void> {
  if (!(await disableFailing(tx, { teamId, subscriptionId }))) return;
  await noteFailingEndpoints(tx, [{ teamId, subscriptionId }], "endpoint.disabled");
  await insertEntryOfService(tx, { teamId, action: "endpoint.disabled" }, subscriptionId);
  await notifySubscriptionChanged(tx, subscriptionId);
}

const keysOf = (records: readonly StreakKey[]): StreakKey[] => [
  ...new Map(
    records.map(({ teamId, subscriptionId }) => [
      `${teamId} ${subscriptionId}`,
      { teamId, subscriptionId },
    ]),
  ).values(),
];
