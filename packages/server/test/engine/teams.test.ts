import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { listUnfinishedRuns, lockRuns } from "../../src/db/runs.ts";
import { listSubjectSubscriptions, listTeamSubscriptions } from "../../src/db/wanted.ts";
import {
  lockWorkflows,
  readVersions,
  readWorkflowsOfRuns,
  shareWorkflows,
} from "../../src/db/workflows.ts";
import { makeAssistant } from "../support/calls.ts";
import { openHouse } from "../support/house.ts";
import { attemptRecord } from "../support/leased.ts";

test("invariant 10: no statement finds a row under another team's id", async () => {
  const house = await openHouse({ hot: false, started: false });
  const stranger = await house.newTeam();
  await house.subscribe({ events: ["workflow_created"] });
  const workflowId = await house.workflow();
  const runId = await house.startRun(workflowId);
  const assistantId = await makeAssistant(house);

  const found = (teamId: string) =>
    house.database.begin(async (tx) => {
      const [workflow, run] = [[{ teamId, id: workflowId }], [{ teamId, id: runId }]];
      return {
        lockedWorkflows: (await lockWorkflows(tx, workflow)).length,
        sharedWorkflows: (await shareWorkflows(tx, workflow)).length,
        workflowsOfRuns: (await readWorkflowsOfRuns(tx, run)).length,
        versions: (await readVersions(tx, workflow)).length,
        unfinishedRuns: (await listUnfinishedRuns(tx, workflow, 10)).length,
        lockedRuns: (await lockRuns(tx, run)).length,
        ofTeam: (await listTeamSubscriptions(tx, [teamId], ["workflow_created"])).length,
        ofSubject: (await listSubjectSubscriptions(tx, [teamId], [assistantId], ["hang"])).length,
      };
    });

  expect(Object.values(await found(house.teamId))).toEqual(Array(8).fill(1));
  expect(Object.values(await found(stranger))).toEqual(Array(8).fill(0));
});

test("invariant 10: a delivery is neither moved nor given back under another team's id", async () => {
  const house = await openHouse({ hot: false, started: false });
  const stranger = await house.newTeam();
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const leaseToken = randomUUID();
  await house.database.sql`
    update deliveries
    set attempt_count = 1, lease_token = ${leaseToken}, due_at = now() + interval '1 minute'`;
  const before = await house.delivery();
  const [row] = await house.database.sql<{ created_at: string }>`
    select created_at::text from deliveries`;
  const theirs = { teamId: stranger, id: before.id, leaseToken };

  await house.recorder.release(theirs);
  await house.recorder.record(
    attemptRecord({
      teamId: stranger,
      leaseToken,
      deliveryId: before.id,
      subscriptionId: before.subscription_id,
      createdAt: row?.created_at ?? "",
      attemptId: before.id,
    }),
  );
  expect({ ...(await house.delivery()), due_in: 0 }).toEqual({ ...before, due_in: 0 });
});

test("invariant 4: a lease that was lost cannot be given back", async () => {
  const house = await openHouse({ hot: false, started: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.database.sql`
    update deliveries
    set attempt_count = 2, lease_token = gen_random_uuid(), due_at = now() + interval '1 minute'`;
  const before = await house.delivery();
  await house.recorder.release({
    teamId: house.teamId,
    id: before.id,
    leaseToken: randomUUID(),
  });
  expect({ ...(await house.delivery()), due_in: 0 }).toEqual({ ...before, due_in: 0 });
});
