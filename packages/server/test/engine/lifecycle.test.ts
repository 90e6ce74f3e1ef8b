import { expect, test } from "vitest";
import type { NewRun, RunChanges, RunStatus } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import { newId } from "../../src/ids.ts";
import { actOnDueTimers } from "../../src/watch/timers.ts";
import { type House, openHouse } from "../support/house.ts";

const cold = { hot: false, started: false };
const exact = (text: string) => text as JsonText;

const reportable = ["running", "paused", "completed", "failed", "cancelled"] as const;
const final: readonly RunStatus[] = ["completed", "failed", "cancelled"];

/** Brings a new run into the given state. */
async function runIn(house: House, workflowId: string, status: RunStatus): Promise<string> {
  const runId = await house.startRun(workflowId);
  if (status !== "started") await report(house, runId, { status });
  return runId;
}

const report = (house: House, runId: string, data: RunChanges) =>
  house.record({ type: "run.updated", runId, data });

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "accepted",
    (error) => error.code as string,
  );

const payloads = async (house: House) =>
  (await house.events()).map(({ payload }) => JSON.parse(payload.toString()));

test("an unfinished run may take every state; an ended run accepts only its earlier states, as repeats", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_run_completed"] });
  const workflowId = await house.workflow();
  const outcomes: Record<string, string> = {};
  const expected: Record<string, string> = {};
  for (const from of ["started", ...reportable] as const) {
    for (const to of reportable) {
      const runId = await runIn(house, workflowId, from);
      const before = (await house.events()).length;
      const pair = `${from} → ${to}`;
      outcomes[pair] = await report(house, runId, { status: to }).then(
        ({ outcome, run }) => `${outcome}, now ${run?.status}`,
        (error) => error.code,
      );
      outcomes[`${pair}, events`] = String((await house.events()).length - before);
      const repeat = from === to || (final.includes(from) && !final.includes(to));
      const refused = final.includes(from) && !repeat;
      expected[pair] = refused
        ? "transition_refused"
        : `${repeat ? `repeated, now ${from}` : `recorded, now ${to}`}`;
      expected[`${pair}, events`] = !refused && !repeat && final.includes(to) ? "1" : "0";
    }
  }
  expect(outcomes).toEqual(expected);
});

test("an ended run refuses another output; the same report in other words of JSON is a repeat", async () => {
  const house = await openHouse(cold);
  const runId = await house.startRun(await house.workflow());
  await report(house, runId, { status: "completed", output: exact('{"a":1,"b":2}') });
  const same = await report(house, runId, {
    status: "completed",
    output: exact('{ "b" : 2.0, "a" : 1 }'),
  });
  expect(same.outcome).toBe("repeated");
  expect(await codeOf(report(house, runId, { output: exact('{"a":2}') }))).toBe(
    "reported_differently",
  );
});

test("a run or workflow under a known id with other content is refused; the same again is a repeat", async () => {
  const house = await openHouse(cold);
  const [one, two] = [await house.workflow(), await house.workflow()];
  const runId = newId();
  const start = (workflowId: string, data: Partial<NewRun> = {}) =>
    house.record({
      type: "run.started",
      runId,
      workflowId,
      data: { trigger: "manual", ...data },
    });
  expect((await start(one)).outcome).toBe("recorded");
  expect((await start(one)).outcome).toBe("repeated");
  const differently = "reported_differently";
  expect(await codeOf(start(one, { input: exact("{}") }))).toBe(differently);
  expect(await codeOf(start(two))).toBe(differently);
  expect(await codeOf(start(newId()))).toBe(differently);
  expect(await codeOf(start(one, { trigger: "scheduled" }))).toBe(differently);

  const data = {
    name: "a workflow",
    description: null,
    configuration: null,
    settings: null,
    versionName: null,
  };
  const create = (name: string) =>
    house.record({ type: "workflow.created", workflowId: one, data: { ...data, name } });
  expect((await create("a workflow")).outcome).toBe("repeated");
  expect(await codeOf(create("another"))).toBe(differently);
  await house.record({ type: "workflow.deleted", workflowId: one });
  expect(await codeOf(create("a workflow"))).toBe("id_taken");
  expect((await start(one)).outcome).toBe("repeated");
});

test("a fact more than a day in the future is refused; a clock that is a little ahead is accepted", async () => {
  const house = await openHouse(cold);
  const workflowId = await house.workflow();
  const start = (hoursAhead: number) =>
    house.record({
      type: "run.started",
      runId: newId(),
      workflowId,
      occurredAt: new Date(Date.now() + hoursAhead * 3_600_000),
      data: { trigger: "manual", input: null, timeoutSeconds: null },
    });
  expect((await start(23)).outcome).toBe("recorded");
  expect(await codeOf(start(25))).toBe("invalid_request");
});

test("a run past its deadline ends once as failed by run_timeout, whichever process notices it", async () => {
  const house = await openHouse(cold);
  const other = house.openProcess();
  await house.subscribe({ events: ["workflow_run_completed"] });
  const workflowId = await house.workflow();
  const late = await house.startRun(workflowId, { timeoutSeconds: 60 });
  const inTime = await house.startRun(workflowId, { timeoutSeconds: 3_600 });
  const endless = await house.startRun(workflowId);
  const look = (process: typeof other) =>
    actOnDueTimers({ database: house.database, recordFacts: process.facts.record });

  expect(await look(house)).toBe(0);
  await house.passTime("61 seconds");
  await Promise.all([look(house), look(other), look(house), look(other)]);

  const told = await payloads(house);
  expect(told).toMatchObject([
    {
      action: "workflow_run_completed",
      workflow_run_id: late,
      workflow_run_status: "failed",
      run: {
        status: "failed",
        termination_source: "run_timeout",
        error: "The run did not end within 60 seconds.",
        completed_at: expect.any(String),
      },
    },
  ]);
  expect(await look(house)).toBe(0);
  expect(await codeOf(report(house, late, { status: "completed" }))).toBe("transition_refused");
  for (const runId of [inTime, endless]) {
    expect(await codeOf(report(house, runId, { status: "completed" }))).toBe("accepted");
  }
});

test("a premature time-out report changes nothing", async () => {
  const house = await openHouse(cold);
  const runId = await house.startRun(await house.workflow(), { timeoutSeconds: 60 });
  expect(await house.record({ type: "run.timed_out", runId })).toMatchObject({
    outcome: "repeated",
    run: { status: "started" },
  });
});

test("deleting a workflow first cancels its unfinished runs, each with its terminal event, and then sends workflow_deleted", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_run_completed", "workflow_deleted"] });
  const [workflowId, untouched] = [await house.workflow({ name: "mine" }), await house.workflow()];
  const other = await house.startRun(untouched);
  const running = await runIn(house, workflowId, "running");
  const paused = await runIn(house, workflowId, "paused");
  const ended = await runIn(house, workflowId, "completed");
  // The last one starts in the very batch that deletes.
  const [startedRun] = await Promise.all([
    house.startRun(workflowId),
    house.record({ type: "workflow.deleted", workflowId }),
  ]);

  const runs = await house.database.sql<{ id: string; status: string; termination_source: string }>`
    select id, status, termination_source from runs`;
  const statusOf = new Map(runs.map((run) => [run.id, `${run.status} ${run.termination_source}`]));
  expect(statusOf).toEqual(
    new Map([
      [other, "started null"],
      [running, "cancelled workflow_deleted"],
      [paused, "cancelled workflow_deleted"],
      [ended, "completed null"],
      [startedRun, "cancelled workflow_deleted"],
    ]),
  );
  const told = await payloads(house);
  const cancelled = told.filter(({ workflow_run_status }) => workflow_run_status === "cancelled");
  expect(cancelled.map(({ workflow_run_id }) => workflow_run_id).sort()).toEqual(
    [running, paused, startedRun].sort(),
  );
  expect(told.filter(({ action }) => action === "workflow_deleted")).toMatchObject([
    {
      dedupe_key: `workflow_deleted:${workflowId}`,
      workflow_id: workflowId,
      workflow_name: "mine",
      workflow: { id: workflowId, name: "mine" },
    },
  ]);
  // Written in this order, deliveries are sent in this order.
  const order = (await house.deliveries()).map(({ event_id }) => event_id);
  const deleted = (await house.events()).find(
    ({ event_type }) => event_type === "workflow_deleted",
  );
  expect(order.at(-1)).toBe(deleted?.id);
  expect(await codeOf(house.startRun(workflowId))).toBe("not_found");
  expect(await codeOf(house.record({ type: "workflow.deleted", workflowId }))).toBe("not_found");
});

const manyRuns = (house: House, workflowId: string, count: number) => house.database.sql`
  insert into runs (team_id, id, workflow_id, status, trigger, version_number, started_at,
    created_by, updated_by, created_at, updated_at)
  select ${house.teamId}, substr(md5(${workflowId} || n), 1, 24), ${workflowId}, 'running', 'manual', 1,
    now(), 'system', 'system', now(), now()
  from generate_series(1, ${count}::int) n`;

const unfinished = async (house: House) => {
  const [row] = await house.database.sql<{ count: number }>`
    select count(*)::int as count from runs where completed_at is null`;
  return row?.count;
};

test("a workflow with more unfinished runs than can be cancelled at once is not deleted, and none of them is touched", async () => {
  const house = await openHouse(cold);
  const workflowId = await house.workflow();
  await manyRuns(house, workflowId, 10_001);
  expect(await codeOf(house.record({ type: "workflow.deleted", workflowId }))).toBe(
    "too_many_unfinished_runs",
  );
  expect(await unfinished(house)).toBe(10_001);
  await house.database.sql`
    update runs set status = 'failed', completed_at = now()
    where id = (select id from runs limit 1)`;
  expect(await codeOf(house.record({ type: "workflow.deleted", workflowId }))).toBe("accepted");
  expect(await unfinished(house)).toBe(0);
});

test("several workflows that are deleted at once leave no unfinished run behind", async () => {
  const house = await openHouse(cold);
  const workflows = [await house.workflow(), await house.workflow()];
  for (const workflowId of workflows) await manyRuns(house, workflowId, 6_000);
  await Promise.all(
    workflows.map((workflowId) => house.record({ type: "workflow.deleted", workflowId })),
  );
  expect(await unfinished(house)).toBe(0);
});

test("workflow_updated contains the changes and the reason, and counts revisions", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_updated"] });
  const workflowId = await house.workflow({
    name: "one",
    configuration: exact('{"steps":[1,2],"model":"a","gone":true}'),
    settings: exact('{"tone":"kind"}'),
  });
  const update = (data: object) => house.record({ type: "workflow.updated", workflowId, data });
  const versionId = newId();
  const version = (markAsActive: boolean, id = versionId) =>
    house.record({
      type: "workflow.version_created",
      workflowId,
      data: { versionId: id, versionName: "second", markAsActive },
    });

  await update({ name: "two", description: "new" });
  await update({ name: "two" });
  await update({ settings: exact('{ "tone": "kind" }') });
  await update({ settings: exact('{"tone":"stern"}') });
  await update({
    name: "three",
    configuration: exact('{"steps":[1,2,3],"model":"a","big":12345678901234567890}'),
  });
  expect((await version(false)).outcome).toBe("recorded");
  expect((await version(false)).outcome).toBe("repeated");
  const activate = (versionNumber: number) =>
    house.record({ type: "workflow.version_activated", workflowId, data: { versionNumber } });
  expect((await activate(2)).outcome).toBe("recorded");
  expect((await activate(2)).outcome).toBe("repeated");
  expect(await codeOf(activate(7))).toBe("not_found");
  await version(true, newId());

  const told = await payloads(house);
  const change = (path: string, old_value: unknown, new_value: unknown) => ({
    path,
    old_value,
    new_value,
  });
  expect(told.map(({ dedupe_key, reason, changes }) => ({ dedupe_key, reason, changes }))).toEqual([
    {
      dedupe_key: `workflow_updated:${workflowId}:1`,
      reason: "settings",
      changes: [change("name", "one", "two"), change("description", null, "new")],
    },
    {
      dedupe_key: `workflow_updated:${workflowId}:2`,
      reason: "settings",
      changes: [change("settings.tone", "kind", "stern")],
    },
    {
      dedupe_key: `workflow_updated:${workflowId}:3`,
      reason: "configuration",
      changes: [
        change("name", "two", "three"),
        change("configuration.steps", [1, 2], [1, 2, 3]),
        change("configuration.gone", true, null),
        // biome-ignore lint/correctness/noPrecisionLoss: what JSON.parse makes of it.
        change("configuration.big", null, 12345678901234567890),
      ],
    },
    {
      dedupe_key: `workflow_updated:${workflowId}:4`,
      reason: "version",
      changes: [change("version_number", 1, 2), change("version_name", null, "second")],
    },
    {
      dedupe_key: `workflow_updated:${workflowId}:5`,
      reason: "version",
      changes: [change("version_number", 2, 3)],
    },
  ]);
  const third = (await house.events())[2]?.payload.toString();
  expect(third).toContain('"new_value":12345678901234567890');
});

test("a run event has exactly the members the contract promises", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_run_started", "workflow_run_completed"] });
  const workflowId = await house.workflow({ name: "orders", description: "d", versionName: "v1" });
  const runId = newId();
  await house.record({
    type: "run.started",
    runId,
    workflowId,
    occurredAt: new Date("2026-11-21T10:30:00.000Z"),
    data: { trigger: "scheduled", input: exact('{"n":1}'), timeoutSeconds: null },
  });
  await house.record({
    type: "run.updated",
    runId,
    occurredAt: new Date("2026-11-21T10:30:00.812Z"),
    data: {
      status: "failed",
      output: exact("[1.0]"),
      collectedInformation: exact('{"who":"me"}'),
      error: jsonText("it broke"),
    },
  });
  const [started, ended] = await payloads(house);
  const events = await house.events();
  const workflow = {
    id: workflowId,
    name: "orders",
    description: "d",
    version_number: 1,
    version_name: "v1",
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updated_at: expect.any(String),
  };
  const run = {
    id: runId,
    workflow_id: workflowId,
    trigger: "scheduled",
    version_number: 1,
    started_at: "2026-11-21T10:30:00.000Z",
    input: { n: 1 },
    termination_source: null,
  };
  const common = {
    team_id: house.teamId,
    workflow_id: workflowId,
    workflow_name: "orders",
    workflow_run_id: runId,
    workflow,
  };
  expect(started).toEqual({
    ...common,
    event_id: `event_${events[0]?.id}`,
    action: "workflow_run_started",
    dedupe_key: `workflow_run_started:${runId}`,
    occurred_at: "2026-11-21T10:30:00.000Z",
    workflow_run_status: "started",
    run: {
      ...run,
      status: "started",
      completed_at: null,
      duration_ms: null,
      output: null,
      collected_information: null,
      error: null,
    },
  });
  expect(ended).toEqual({
    ...common,
    event_id: `event_${events[1]?.id}`,
    action: "workflow_run_completed",
    dedupe_key: `workflow_run_completed:${runId}`,
    occurred_at: "2026-11-21T10:30:00.812Z",
    workflow_run_status: "failed",
    run: {
      ...run,
      status: "failed",
      completed_at: "2026-11-21T10:30:00.812Z",
      duration_ms: 812,
      output: [1],
      collected_information: { who: "me" },
      error: "it broke",
    },
  });
});

test("a workflow event has exactly the members the contract promises", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_created", "workflow_updated", "workflow_deleted"] });
  const workflowId = await house.workflow();
  await house.record({ type: "workflow.updated", workflowId, data: { name: "new" } });
  await house.record({ type: "workflow.deleted", workflowId });
  const common = [
    "action",
    "dedupe_key",
    "event_id",
    "occurred_at",
    "team_id",
    "workflow",
    "workflow_id",
    "workflow_name",
  ];
  expect((await payloads(house)).map((told) => [told.action, Object.keys(told).sort()])).toEqual([
    ["workflow_created", common],
    ["workflow_updated", [...common, "changes", "reason"].sort()],
    ["workflow_deleted", common],
  ]);
});

test("a run that is reported to have ended before it started lasted no time", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_run_completed"] });
  const runId = await house.startRun(await house.workflow());
  await house.record({
    type: "run.updated",
    runId,
    occurredAt: new Date("2020-01-01T00:00:00Z"),
    data: { status: "completed" },
  });
  expect(await payloads(house)).toMatchObject([{ run: { duration_ms: 0 } }]);
});

test("reported input and output are posted byte for byte", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_completed"] });
  const input = '{"b":1,"a":2,"10":3,"2":4,"big":12345678901234567890,"float":1.0,"tiny":1e-400}';
  const output = '[1.0, -0, 1E5, "\\u0041\\ud83d", {"__proto__":1}]';
  const runId = await house.startRun(await house.workflow(), { input: exact(input) });
  await house.endRun(runId, { output: exact(output) });
  await house.settled();
  const posted = house.receiver.requests[0]?.body.toString();
  expect(posted).toContain(`"input":${input},`);
  expect(posted).toContain(`"output":${output},`);
});
