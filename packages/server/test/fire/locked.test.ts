import { expect, onTestFinished, test } from "vitest";
import { openPayloadVault } from "../../src/actions/payload-vault.ts";
import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { isTimeout } from "../../src/db/errors.ts";
import { openTeamDatabase } from "../../src/db/pool.ts";
import { newId } from "../../src/ids.ts";
import { openHouse } from "../support/house.ts";
import { notSent } from "../support/not-sent.ts";

/** The service waits ten seconds for a lock; here, where nothing else differs, it is less. */
const lockMs = 500;

test("a lock that is held holds callers for four times the limit at most, however many they are; released, all goes on", async () => {
  const house = await openHouse({ started: false });
  const workflowId = await house.workflow();
  const database = openTeamDatabase({
    url: house.databaseUrl,
    name: "ingest",
    role: "postrider_team",
    connectionsMax: 2,
    statementTimeoutMs: lockMs,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  const facts = openRecordFacts({
    database,
    vault: openPayloadVault(house),
    contracts: [],
    hotPath: notSent(),
    waitingMax: 1_000,
    onUnwanted: () => {},
  });
  const data = { trigger: "manual", input: null, timeoutSeconds: null } as const;
  const start = () =>
    facts.record(house.fact({ type: "run.started", runId: newId(), workflowId, data }));

  await house.database.begin(async (tx) => {
    await tx`lock table runs in access exclusive mode`;
    const beganAtMs = performance.now();
    // Half of them are taken at once, and the others wait for those: 500 are a transaction.
    const all = await Promise.allSettled(Array.from({ length: 1_000 }, start));
    expect(performance.now() - beganAtMs).toBeLessThan(4 * lockMs + 3_000);
    for (const one of all) expect("reason" in one && isTimeout(one.reason)).toBe(true);
  });
  expect(await start()).toMatchObject({ outcome: "recorded" });
});
