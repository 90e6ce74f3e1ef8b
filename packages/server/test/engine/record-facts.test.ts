import { expect, test } from "vitest";
import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { AppError } from "../../src/errors.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse, until } from "../support/house.ts";
import { notSent } from "../support/not-sent.ts";
import { plainVault } from "../support/vault.ts";

const count = async (house: House, table: string) => {
  const [row] = await house.database.sql<{ counts: Record<string, number> }>`
    select jsonb_build_object(
      'workflows', (select count(*) from workflows), 'runs', (select count(*) from runs),
      'events', (select count(*) from events), 'deliveries', (select count(*) from deliveries)
    ) as counts`;
  return row?.counts[table];
};

test("invariant 1: when the deliveries cannot be written, there is no run and no event, and the caller gets an error", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  await house.database.sql`
    alter table deliveries add constraint nothing_more check (event_type <> 'workflow_run_started')`;

  await expect(house.startRun(workflowId)).rejects.toMatchObject({ code: "23514" });

  expect(await count(house, "runs")).toBe(0);
  expect(await count(house, "events")).toBe(0);
  expect(house.receiver.requests).toEqual([]);
  expect(house.dispatcher.held).toBe(0);

  // The places that were reserved for them are free again: the next fact takes the direct way.
  await house.database.sql`alter table deliveries drop constraint nothing_more`;
  await house.startRun(workflowId);
  await house.receiver.received(1);
});

test("invariant 1: state, events and deliveries exist before the caller gets a success", async () => {
  const house = await openHouse({ hot: false, started: false });
  await house.subscribe({ events: ["workflow_run_started"] });
  await house.subscribe({ events: ["workflow_run_started", "workflow_run_completed"] });
  const workflowId = await house.workflow();
  await house.startRun(workflowId);
  expect(await count(house, "runs")).toBe(1);
  expect(await count(house, "events")).toBe(1);
  expect(await count(house, "deliveries")).toBe(2);
});

test("invariant 1: a fact that the database refuses fails alone; the others of its batch are recorded", async () => {
  const house = await openHouse({ hot: false, started: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.database.sql`alter table workflows add constraint no_poison check (name <> 'poison')`;
  const names = ["a", "b", "poison", "c", "d"];

  const settled = await Promise.allSettled(names.map((name) => house.workflow({ name })));

  expect(settled.map(({ status }) => status)).toEqual([
    "fulfilled",
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  expect(await count(house, "workflows")).toBe(4);
  expect(await count(house, "events")).toBe(4);
  expect(await count(house, "deliveries")).toBe(4);
});

test("a refused fact fails alone and without a trace; the others of its batch are recorded", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  const settled = await Promise.allSettled([
    house.startRun(workflowId),
    house.startRun(newId()),
    house.startRun(workflowId),
  ]);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(settled[1]).toMatchObject({ reason: expect.any(AppError) });
  expect(settled[1]).toMatchObject({ reason: { code: "not_found" } });
  expect(await count(house, "runs")).toBe(2);
});

test("invariant 2: one fact, reported 1,000 times at once to two processes, is one run, one event and one delivery for each subscription", async () => {
  const house = await openHouse();
  const other = house.openProcess();
  const wanting = [
    await house.subscribe({ events: ["workflow_run_started"] }),
    await house.subscribe({ events: ["workflow_run_started"] }),
  ];
  const workflowId = await house.workflow();
  const runId = newId();
  const fact = house.fact({
    type: "run.started",
    runId,
    workflowId,
    data: { trigger: "manual", input: null, timeoutSeconds: null },
  });

  const told = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) =>
      (index % 2 === 0 ? house : other).facts.record(fact),
    ),
  );

  expect(told.filter(({ outcome }) => outcome === "recorded")).toHaveLength(1);
  expect(told.every(({ run }) => run?.id === runId)).toBe(true);
  expect(await count(house, "runs")).toBe(1);
  expect(await count(house, "events")).toBe(1);
  const deliveries = await house.deliveries();
  expect(deliveries.map((row) => row.subscription_id).sort()).toEqual(
    wanting.map(({ id }) => id).sort(),
  );
  await house.settled();
  expect(house.receiver.requests).toHaveLength(2);
});

test("invariant 2: another report about the same run, sent at once to two processes, ends it once", async () => {
  const house = await openHouse();
  const other = house.openProcess();
  await house.subscribe({ events: ["workflow_run_completed"] });
  const runId = await house.startRun(await house.workflow());
  const end = house.fact({ type: "run.updated", runId, data: { status: "completed" } });
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? house : other).facts.record(end)),
  );
  expect(await count(house, "events")).toBe(1);
  await house.settled();
  expect(house.receiver.requests).toHaveLength(1);
});

test("invariant 2: two contradicting reports, sent at once to two processes, make one end and one refusal", async () => {
  const house = await openHouse();
  const other = house.openProcess();
  await house.subscribe({ events: ["workflow_run_completed"] });
  const workflowId = await house.workflow();
  for (let round = 0; round < 20; round++) {
    const runId = await house.startRun(workflowId);
    const settled = await Promise.allSettled([
      house.record({ type: "run.updated", runId, data: { status: "completed" } }),
      house.record({ type: "run.updated", runId, data: { status: "failed" } }, other),
    ]);
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  }
  expect(await count(house, "events")).toBe(20);
});

test("a report waits for another process that is changing the same run, and is decided on what that one left", async () => {
  const house = await openHouse({ hot: false, started: false });
  const runId = await house.startRun(await house.workflow());
  let report: Promise<unknown> = Promise.resolve();
  await house.database.begin(async (tx) => {
    await tx`select 1 from runs where id = ${runId} for no key update`;
    report = house.record({ type: "run.updated", runId, data: { status: "failed" } });
    report.catch(() => {});
    await waitForLockWaiter(house);
    await tx`update runs set status = 'completed', completed_at = now() where id = ${runId}`;
  });
  await expect(report).rejects.toMatchObject({ code: "transition_refused" });
});

test("an update waits for another process that is changing the same workflow, and loses nothing of its change", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  let update: Promise<unknown> = Promise.resolve();
  await house.database.begin(async (tx) => {
    await tx`select 1 from workflows where id = ${workflowId} for no key update`;
    update = house.record({ type: "workflow.updated", workflowId, data: { name: "ours" } });
    await waitForLockWaiter(house);
    await tx`update workflows set description = 'theirs', revision = 7 where id = ${workflowId}`;
  });
  expect(await update).toMatchObject({
    workflow: { name: "ours", description: "theirs", revision: 8 },
  });
});

test("invariant 2: a caller who starts a run that another process is just starting gets the answer of a repeat", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  const runId = newId();
  let start: Promise<unknown> = Promise.resolve();
  await house.database.begin(async (tx) => {
    await tx`
      insert into runs (team_id, id, workflow_id, status, trigger, version_number, started_at,
        created_by, updated_by, created_at, updated_at)
      values (${house.teamId}, ${runId}, ${workflowId}, 'started', 'manual', 1, now(), 'a key',
        'a key', now(), now())`;
    start = house.record({
      type: "run.started",
      runId,
      workflowId,
      data: { trigger: "manual", input: null, timeoutSeconds: null },
    });
    await waitForLockWaiter(house);
  });
  expect(await start).toMatchObject({ outcome: "repeated", run: { createdBy: "a key" } });
});

test("a run cannot start in a workflow that another process is deleting", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  let start: Promise<unknown> = Promise.resolve();
  await house.database.begin(async (tx) => {
    await tx`select 1 from workflows where id = ${workflowId} for no key update`;
    start = house.startRun(workflowId);
    start.catch(() => {});
    await waitForLockWaiter(house);
    await tx`update workflows set deleted_at = now() where id = ${workflowId}`;
  });
  await expect(start).rejects.toMatchObject({ code: "not_found" });
  expect(await count(house, "runs")).toBe(0);
});

async function waitForLockWaiter(house: House) {
  await until("somebody waits for the lock", async () => {
    const rows = await house.database.sql`
      select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return rows.length > 0;
  });
}

const impossible: [what: string, change: string][] = [
  ["a delivered delivery that is not finished", "status = 'delivered', due_at = null"],
  ["a pending delivery that is finished", "finished_at = now(), due_at = null"],
  ["a finished delivery that is due", "status = 'failed', finished_at = now()"],
  ["a pending delivery that is neither due nor under a lease", "due_at = null"],
  [
    "a lease on a finished delivery",
    "status = 'failed', finished_at = now(), due_at = null, lease_token = gen_random_uuid()",
  ],
  [
    "a retry of a finished delivery",
    "status = 'failed', finished_at = now(), due_at = null, retry_at = now()",
  ],
  ["more crashes than attempts", "crash_count = attempt_count + 1"],
  ["an unknown state", "status = 'retrying'"],
];

for (const [what, change] of impossible) {
  test(`invariant 3: the database refuses ${what}`, async () => {
    const house = await openHouse({ hot: false, started: false });
    await house.subscribe({ events: ["workflow_created"] });
    await house.workflow();
    const strings = [`update deliveries set ${change}`];
    await expect(
      house.database.sql(Object.assign(strings, { raw: strings })),
    ).rejects.toMatchObject({ code: "23514" });
  });
}

test("invariant 3: the database refuses a second delivery of an event to a subscription", async () => {
  const house = await openHouse({ hot: false, started: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await expect(
    house.database.sql`
      insert into deliveries (team_id, id, event_id, subscription_id, event_type)
      select team_id, ${newId()}, event_id, subscription_id, event_type from deliveries`,
  ).rejects.toMatchObject({ code: "23505" });
});

test("invariant 10: another team's workflow and run are as unknown as ones that never were", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  const runId = await house.startRun(workflowId);
  const stranger = await house.newTeam();

  const refusalOf = async (told: Parameters<typeof house.record>[0]) => {
    const error = await house.record(told).then(
      () => undefined,
      (thrown) => thrown,
    );
    return error instanceof AppError
      ? { code: error.code, detail: error.detail?.replace(/[0-9a-f]{24}/, "ID") }
      : error;
  };
  const toWorkflow = [
    { type: "workflow.updated", data: { name: "mine now" } },
    {
      type: "workflow.version_created",
      data: { versionId: newId(), versionName: null, markAsActive: true },
    },
    { type: "workflow.version_activated", data: { versionNumber: 1 } },
    { type: "workflow.deleted" },
    {
      type: "run.started",
      runId: newId(),
      data: { trigger: "manual", input: null, timeoutSeconds: null },
    },
  ] as const;
  for (const told of toWorkflow) {
    const theirs = await refusalOf({ ...told, workflowId, teamId: stranger });
    expect(theirs).toEqual(await refusalOf({ ...told, workflowId: newId(), teamId: stranger }));
    expect(theirs).toMatchObject({ code: "not_found" });
  }
  const toRun = [
    { type: "run.updated", data: { status: "failed" } },
    { type: "run.timed_out" },
  ] as const;
  for (const told of toRun) {
    const theirs = await refusalOf({ ...told, runId, teamId: stranger });
    expect(theirs).toEqual(await refusalOf({ ...told, runId: newId(), teamId: stranger }));
    expect(theirs).toMatchObject({ code: "not_found" });
  }
});

test("invariant 10: two teams may use the same ids; each gets only its own events", async () => {
  const house = await openHouse();
  const stranger = await house.newTeam();
  const theirs = await house.openReceiver();
  await house.subscribe({ events: ["workflow_created", "workflow_run_started"] });
  await house.subscribe({
    teamId: stranger,
    receiver: theirs,
    events: ["workflow_created", "workflow_run_started"],
  });
  const [workflowId, runId] = [newId(), newId()];
  const data = {
    name: "ours",
    description: null,
    configuration: null,
    settings: null,
    versionName: null,
  };
  await Promise.all([
    house.record({ type: "workflow.created", workflowId, data }),
    house.record({
      type: "workflow.created",
      workflowId,
      data: { ...data, name: "theirs" },
      teamId: stranger,
    }),
  ]);
  const run = { trigger: "manual", input: null, timeoutSeconds: null } as const;
  await Promise.all([
    house.record({ type: "run.started", workflowId, runId, data: run }),
    house.record({ type: "run.started", workflowId, runId, data: run, teamId: stranger }),
  ]);
  await house.settled();

  const heard = (receiver: typeof theirs) =>
    receiver.requests.map(({ body }) => JSON.parse(body.toString()));
  for (const [receiver, name, teamId] of [
    [house.receiver, "ours", house.teamId],
    [theirs, "theirs", stranger],
  ] as const) {
    expect(heard(receiver)).toHaveLength(2);
    for (const message of heard(receiver)) {
      expect(message).toMatchObject({ team_id: teamId, workflow_name: name });
    }
  }
  const ids = new Set((await house.events()).map(({ id }) => id));
  expect(ids.size).toBe(4);
});

test("an event that no enabled subscription wants is counted, not stored", async () => {
  const house = await openHouse();
  const subscription = await house.subscribe({ events: ["workflow_created"] });
  await house.subscribe({ events: ["workflow_run_started"] });
  await house.database.sql`update subscriptions set enabled = false where id = ${subscription.id}`;
  await house.workflow();
  expect(await count(house, "events")).toBe(0);
  expect(house.unwanted()).toBe(1);
});

test("a reporter that finds the house full is refused at once, and the waiting ones are recorded", async () => {
  const house = await openHouse({ hot: false, started: false });
  const workflowId = await house.workflow();
  const facts = openRecordFacts({
    database: house.ingest,
    contracts: [],
    hotPath: notSent(),
    vault: plainVault,
    waitingMax: 3,
    onUnwanted: () => {},
  });
  const start = () =>
    facts.record(
      house.fact({
        type: "run.started",
        runId: newId(),
        workflowId,
        data: { trigger: "manual", input: null, timeoutSeconds: null },
      }),
    );
  const settled = await Promise.allSettled([start(), start(), start(), start()]);
  expect(settled.map(({ status }) => status)).toEqual([
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
  ]);
  expect(settled[3]).toMatchObject({ reason: { code: "overloaded" } });
  expect(await count(house, "runs")).toBe(3);
});
