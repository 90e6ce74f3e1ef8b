import { expect, test } from "vitest";
import { decide } from "../../src/domain/decide.ts";
import type { Fact } from "../../src/domain/facts.ts";
import { noChanges, subjectKey, type World } from "../../src/domain/world.ts";
import { AppError } from "../../src/errors.ts";

type Reported = Fact extends infer One
  ? One extends Fact
    ? Omit<One, "teamId" | "actor"> & { teamId?: string }
    : never
  : never;

const now = new Date("2026-11-21T10:30:00.000Z");
const after = (ms: number) => new Date(now.getTime() + ms);
const dayMs = 24 * 60 * 60 * 1_000;
const keyOf = (id: string, step?: string) => subjectKey("team", id, step);

const emptyWorld = (): World => ({
  now,
  workflows: new Map(),
  versions: new Map(),
  runs: new Map(),
  steps: new Map(),
  assistants: new Map(),
  calls: new Map(),
  messages: new Map(),
  cancelledRunsMax: 2,
});

/** Decides one fact, and tells what is answered and what is written because of it. */
function tell(world: World, reported: Reported) {
  const changes = noChanges();
  const recorded = decide({ teamId: "team", actor: "key", ...reported } as Fact, world, changes);
  return { recorded, changes, kinds: changes.happened.map(({ happening }) => happening.kind) };
}

/** A world in which all of these were recorded. */
function worldAfter(...life: Reported[]): World {
  const world = emptyWorld();
  for (const one of life) expect(tell(world, one).recorded.outcome).toBe("recorded");
  return world;
}

const create = (workflowId = "w"): Reported => ({
  type: "workflow.created",
  workflowId,
  data: { name: "orders", versionName: "v1" },
});
const remove: Reported = { type: "workflow.deleted", workflowId: "w" };
const rename: Reported = { type: "workflow.updated", workflowId: "w", data: { name: "returns" } };
const addVersion = (markAsActive: boolean): Reported => ({
  type: "workflow.version_created",
  workflowId: "w",
  data: { versionId: "v", versionName: "v2", markAsActive },
});
const activate: Reported = {
  type: "workflow.version_activated",
  workflowId: "w",
  data: { versionNumber: 2 },
};
const start = (runId = "r", workflowId = "w"): Reported => ({
  type: "run.started",
  runId,
  workflowId,
  data: { trigger: "manual", timeoutSeconds: 60 },
});
const update = (status: "running" | "completed", runId = "r"): Reported => ({
  type: "run.updated",
  runId,
  data: { status },
});
const timeOut: Reported = { type: "run.timed_out", runId: "r" };
const step = (status: "started" | "completed"): Reported => ({
  type: "step.reported",
  runId: "r",
  stepId: "s",
  data: { status },
});

const nothing = noChanges();
const firstVersion = { id: "w", number: 1, name: "v1", markedActive: true };
const secondVersion = { id: "v", number: 2, name: "v2" };
const ofWorkflow = { teamId: "team", workflowId: "w", createdBy: "key" };
const [w, r, s] = [new Set([keyOf("w")]), new Set([keyOf("r")]), new Set([keyOf("r", "s")])];

test.each<[string, Reported[], Reported, object, string[]]>([
  [
    "a workflow",
    [],
    create(),
    { newWorkflows: w, changedWorkflows: w, newVersions: [{ ...firstVersion, ...ofWorkflow }] },
    ["workflow_created"],
  ],
  ["a workflow's new name", [create()], rename, { changedWorkflows: w }, ["workflow_updated"]],
  [
    "a version",
    [create()],
    addVersion(false),
    {
      changedWorkflows: w,
      newVersions: [{ ...secondVersion, markedActive: false, ...ofWorkflow }],
    },
    [],
  ],
  [
    "a version that is active at once",
    [create()],
    addVersion(true),
    {
      changedWorkflows: w,
      newVersions: [{ ...secondVersion, markedActive: true, ...ofWorkflow }],
    },
    ["workflow_updated"],
  ],
  [
    "a version that becomes active",
    [create(), addVersion(false)],
    activate,
    { changedWorkflows: w },
    ["workflow_updated"],
  ],
  ["a workflow's end", [create()], remove, { changedWorkflows: w }, ["workflow_deleted"]],
  ["a run", [create()], start(), { newRuns: r, changedRuns: r }, ["run_started"]],
  ["a run that goes on", [create(), start()], update("running"), { changedRuns: r }, []],
  ["a run's end", [create(), start()], update("completed"), { changedRuns: r }, ["run_ended"]],
  ["a step", [create(), start()], step("started"), { newSteps: s }, ["step_reported"]],
  [
    "a known step",
    [create(), start(), step("started")],
    step("completed"),
    { changedSteps: s },
    ["step_reported"],
  ],
])("%s is written as such, and nothing besides; told again it changes nothing", (...row) => {
  const [, before, fact, written, told] = row;
  const world = worldAfter(...before);
  const { recorded, changes, kinds } = tell(world, fact);
  expect(recorded.outcome).toBe("recorded");
  expect({ ...changes, happened: [] }).toEqual({ ...nothing, ...written });
  expect(kinds).toEqual(told);
  if (fact === remove) return;
  const again = tell(world, fact);
  expect(again.recorded.outcome).toBe("repeated");
  expect(again.changes).toEqual(nothing);
});

test("a reporter gets the state after a fact, and also after a repeat", () => {
  const world = worldAfter(create());
  for (const outcome of ["recorded", "repeated"]) {
    expect(tell(world, rename).recorded).toMatchObject({ outcome, workflow: { name: "returns" } });
    const { recorded } = tell(world, addVersion(true));
    expect(recorded).toMatchObject({ outcome, version: { number: 2 } });
    expect(recorded).toMatchObject({ workflow: { versionNumber: 2, versionName: "v2" } });
    expect(tell(world, start()).recorded).toMatchObject({ outcome, run: { status: "started" } });
    const stepIsNew = outcome === "recorded" ? { stepIsNew: true } : {};
    const said = { outcome, step: expect.objectContaining({ id: "s", status: "started" }) };
    expect(tell(world, step("started")).recorded).toEqual({ ...said, ...stepIsNew });
  }
  expect(tell(world, step("completed")).recorded).toMatchObject({ stepIsNew: false });
  expect(tell(world, update("completed")).recorded).toMatchObject({ run: { status: "completed" } });
});

test("each fact is decided on the state after the facts before it", () => {
  const world = worldAfter(create(), addVersion(false), activate, start());
  expect(world.workflows.get(keyOf("w"))).toMatchObject({ versionNumber: 2 });
  expect(world.versions.get(keyOf("w"))).toMatchObject([firstVersion, secondVersion]);
  expect(world.runs.get(keyOf("r"))).toMatchObject({ versionNumber: 2 });
});

test.each<[string, Reported[], Reported]>([
  ["a workflow that is not there", [], rename],
  ["a version of a workflow that is not there", [], addVersion(false)],
  ["a version that is not there", [create()], activate],
  ["a version of a workflow that is not there to activate", [], activate],
  ["the end of a workflow that is not there", [], remove],
  ["a run of a workflow that is not there", [], start()],
  ["a run that is not there", [create()], update("running")],
  ["a run that is not there to time out", [create()], timeOut],
  ["a step of a run that is not there", [create()], step("started")],
  ["a workflow that was deleted", [create(), remove], rename],
  ["a version of a workflow that was deleted", [create(), remove], addVersion(true)],
  ["the end of a workflow that was deleted", [create(), remove], remove],
  ["a run of a workflow that was deleted", [create(), remove], start()],
  ["another team's workflow", [create()], { ...rename, teamId: "other" }],
  ["another team's run", [create(), start()], { ...update("running"), teamId: "other" }],
])("%s is not found, and nothing changes", (_, before, fact) => {
  const world = worldAfter(...before);
  const untouched = structuredClone(world);
  const changes = noChanges();
  const deciding = () => decide({ teamId: "team", actor: "key", ...fact } as Fact, world, changes);
  expect(deciding).toThrow(AppError);
  expect(deciding).toThrow(expect.objectContaining({ code: "not_found" }));
  expect(world).toEqual(untouched);
  expect(changes).toEqual(nothing);
});

test("a run whose workflow does not exist makes no event", () => {
  const world = worldAfter(create(), start());
  world.workflows.clear();
  for (const fact of [update("running"), timeOut, step("started")]) {
    expect(() => tell(world, fact)).toThrow(expect.objectContaining({ code: "not_found" }));
  }
});

test("a run's start and its updates are repeats after its workflow was deleted", () => {
  const world = worldAfter(create(), start(), update("completed"), remove);
  for (const fact of [start(), update("running"), update("completed")]) {
    expect(tell(world, fact).recorded).toMatchObject({ outcome: "repeated", run: { id: "r" } });
  }
});

test("a fact may lie a day in the future, and not a millisecond more", () => {
  const at = (ms: number) => ({ ...create(), occurredAt: after(ms) });
  expect(tell(emptyWorld(), at(dayMs)).recorded.outcome).toBe("recorded");
  const refused = expect.objectContaining({
    code: "invalid_request",
    errors: [{ loc: ["body"], msg: "is more than a day in the future", type: "maximum" }],
  });
  expect(() => tell(emptyWorld(), at(dayMs + 1))).toThrow(refused);
});

test("an event has the reporter and the time, by the platform's clock if it was given", () => {
  const world = worldAfter(create(), start());
  const occurredAt = after(-5_000);
  const told = [
    tell(world, rename),
    tell(world, { ...step("started"), occurredAt }),
    tell(world, { ...update("completed"), occurredAt }),
  ];
  expect(told.map(({ changes }) => changes.happened[0]?.occurrence)).toEqual([
    { actor: "key", occurredAt: now },
    { actor: "key", occurredAt },
    { actor: "key", occurredAt },
  ]);
  const begun = tell(world, { ...start("early"), occurredAt });
  expect(begun.recorded.run).toMatchObject({ startedAt: occurredAt, createdAt: now });
});

test("a run that times out sends the event of its end", () => {
  const world = worldAfter(create(), start());
  expect(tell(world, timeOut).recorded.outcome).toBe("repeated");
  world.now = after(60_000);
  const { recorded, changes, kinds } = tell(world, timeOut);
  expect(recorded.run).toMatchObject({ status: "failed", terminationSource: "run_timeout" });
  expect(changes.changedRuns).toEqual(r);
  expect(kinds).toEqual(["run_ended"]);
});

test("a deleted workflow's unfinished runs are cancelled before it, and no others", () => {
  const world = worldAfter(
    ...[create(), create("x")],
    ...[start("a"), start("b"), start("done"), update("completed", "done"), start("y", "x")],
  );
  // A run of another team's workflow that has the same id.
  const foreign: Reported[] = [create(), start("z")];
  for (const one of foreign) tell(world, { ...one, teamId: "other" });
  const { changes, kinds } = tell(world, remove);
  expect(kinds).toEqual(["run_ended", "run_ended", "workflow_deleted"]);
  expect(changes.changedRuns).toEqual(new Set([keyOf("a"), keyOf("b")]));
  for (const { occurrence } of changes.happened) {
    expect(occurrence).toEqual({ actor: "key", occurredAt: now });
  }
  const statuses = [...world.runs.values()].map(({ id, status }) => [id, status]);
  expect(Object.fromEntries(statuses)).toEqual({
    ...{ a: "cancelled", b: "cancelled", done: "completed", y: "started", z: "started" },
  });
});

test("a workflow with more unfinished runs than one batch takes stays as it is", () => {
  const world = worldAfter(create(), start("a"), start("b"), start("c"));
  const untouched = structuredClone(world);
  expect(() => tell(world, remove)).toThrow(
    expect.objectContaining({ code: "too_many_unfinished_runs" }),
  );
  expect(world).toEqual(untouched);
});
