import { expect, test } from "vitest";
import type { RunStatus, StepReport, StepStatus } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import { reportStep, type Step } from "../../src/domain/lifecycle/step.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const now = new Date("2026-11-21T10:30:00.000Z");
const later = new Date("2026-11-21T10:30:00.812Z");
const workflow = { teamId: "team", id: "workflow", name: "orders" } as Workflow;
const runIn = (status: RunStatus) => ({ teamId: "team", id: "run", status }) as Run;

const report = (
  existing: Step | undefined,
  data: StepReport,
  { run = runIn("running"), at = now }: { run?: Run; at?: Date } = {},
) =>
  reportStep(existing, { run, workflow, stepId: "fetch" }, data, {
    actor: "key",
    now: at,
    occurredAt: at,
  });

function stateOf(next: ReturnType<typeof report>): Step {
  if (next.kind !== "changed") throw new Error("nothing changed");
  return next.state;
}

/** A step that was reported in this state. */
const stepIn = (status: StepStatus): Step => stateOf(report(undefined, { status }));

const statuses = ["started", "completed", "failed"] as const;

const after = {
  started: { started: "repeated", completed: "changed", failed: "changed" },
  completed: { started: "repeated", completed: "repeated", failed: "refused" },
  failed: { started: "next attempt", completed: "refused", failed: "repeated" },
} as const;

test.each(statuses.flatMap((from) => statuses.map((to) => [from, to, after[from][to]] as const)))(
  "%s → %s: %s",
  (from, to, what) => {
    const next = report(stepIn(from), { status: to }, { at: later });
    if (what === "repeated") return expect(next.kind).toBe("repeated");
    if (what === "refused") {
      return expect(next).toMatchObject({ kind: "refused", code: "transition_refused" });
    }
    const state =
      what === "next attempt"
        ? { status: to, attempt: 2, startedAt: later, completedAt: null }
        : { status: to, attempt: 1, startedAt: now, completedAt: later };
    expect(next).toMatchObject({
      kind: "changed",
      state,
      happened: [{ kind: "step_reported", step: state }],
    });
  },
);

// Of a step in its second attempt.
const named = {
  started: {
    1: { started: "repeated", completed: "repeated", failed: "repeated" },
    2: { started: "repeated", completed: "changed", failed: "changed" },
    3: { started: "changed", completed: "changed", failed: "changed" },
  },
  completed: {
    1: { started: "repeated", completed: "repeated", failed: "repeated" },
    2: { started: "repeated", completed: "repeated", failed: "refused" },
    3: { started: "refused", completed: "refused", failed: "refused" },
  },
  failed: {
    1: { started: "repeated", completed: "repeated", failed: "repeated" },
    2: { started: "repeated", completed: "refused", failed: "repeated" },
    3: { started: "changed", completed: "changed", failed: "changed" },
  },
} as const;

test.each(
  statuses.flatMap((from) =>
    ([1, 2, 3] as const).flatMap((attempt) =>
      statuses.map((to) => [from, attempt, to, named[from][attempt][to]] as const),
    ),
  ),
)("attempt 2 %s → attempt %d %s: %s", (from, attempt, to, what) => {
  const second = { ...stepIn(from), attempt: 2 };
  const next = report(second, { status: to, attempt }, { at: later });
  if (what === "refused") expect(next).toMatchObject({ kind: what, code: "transition_refused" });
  else expect(next.kind).toBe(what);
  if (next.kind !== "changed") return;
  const ended = to === "started" ? null : later;
  const state = { attempt, status: to, completedAt: ended, startedAt: attempt === 2 ? now : later };
  expect(next).toMatchObject({ state, happened: [{ step: state }] });
});

test("an attempt begins without what the one before gave, and keeps the step's name and index", () => {
  const started = stateOf(report(undefined, { status: "started", name: "Fetch", index: 2 }));
  const failed = stateOf(report(started, { status: "failed", error: jsonText("down") }));
  const again = stateOf(report(failed, { status: "started" }, { at: later }));
  expect(again).toMatchObject({
    ...{ attempt: 2, name: "Fetch", index: 2, output: null, error: null },
    ...{ startedAt: later, createdAt: now, updatedAt: later },
  });
});

test("an earlier attempt's report is a repeat with what was recorded for it, and refused with anything else", () => {
  const error = jsonText({ code: 1 });
  const failed = stateOf(report(undefined, { status: "failed", name: "Fetch", index: 1, error }));
  const done = stateOf(report(failed, { status: "completed", attempt: 2, output: jsonText("ok") }));
  const say = (data: Omit<StepReport, "status">) =>
    report(done, { status: "failed", attempt: 1, ...data });
  expect(say({}).kind).toBe("repeated");
  expect(say({ error, name: "Fetch", index: 1 }).kind).toBe("repeated");
  expect(say({ error: '{ "code": 1.0 }' as JsonText, output: null }).kind).toBe("repeated");
  expect(say({ error: jsonText("other"), output: jsonText(1) })).toMatchObject({
    ...{ kind: "refused", code: "reported_differently", members: ["output", "error"] },
  });
  expect(say({ name: "Get" })).toMatchObject({ members: ["name"] });
});

test("a start that comes after the end is a repeat with what it said then, whatever the end said", () => {
  const start = { status: "started", name: "Fetch", index: 1, output: jsonText("half") } as const;
  const started = stateOf(report(undefined, start));
  const end = { status: "completed", name: "Fetch it", index: 2, output: jsonText("all") } as const;
  const ended = stateOf(report(started, end));
  expect(report(ended, start).kind).toBe("repeated");
  expect(report(ended, { ...end, status: "started" }).kind).toBe("repeated");
  expect(report(ended, { ...start, name: "Get" })).toMatchObject({ members: ["name"] });
  expect(report(ended, { ...end, name: "Fetch" })).toMatchObject({ members: ["name"] });
});

test("a step has at most a thousand attempts", () => {
  const last = { ...stepIn("failed"), attempt: 999 };
  const thousandth = report(last, { status: "started" });
  expect(thousandth).toMatchObject({ kind: "changed", state: { attempt: 1_000 } });
  const over = report({ ...last, attempt: 1_000 }, { status: "started" });
  expect(over).toMatchObject({ kind: "refused", code: "transition_refused" });
});

test.each(statuses)(
  "a step may be reported for the first time as %s, and tells that once",
  (status) => {
    expect(report(undefined, { status })).toMatchObject({
      kind: "changed",
      state: { id: "fetch", name: "fetch", index: null, status, startedAt: now },
      happened: [{ step: { status } }],
    });
    expect(stepIn(status).completedAt).toEqual(status === "started" ? null : now);
  },
);

test("another name or index of a running step is stored and makes no event", () => {
  expect(report(stepIn("started"), { status: "started", name: "Fetch", index: 2 })).toMatchObject({
    kind: "changed",
    state: { name: "Fetch", index: 2 },
    happened: [],
  });
});

test("the end keeps what the start said, and takes documents as they were written", () => {
  const started = report(undefined, { status: "started", name: "Fetch", index: 2 });
  if (started.kind !== "changed") throw new Error("nothing changed");
  const output = '{"n":1.0,"big":12345678901234567890}' as JsonText;
  expect(report(started.state, { status: "completed", output })).toMatchObject({
    state: { name: "Fetch", index: 2, output, error: null },
  });
});

test("the same end in other words of JSON is a repeat; other content is refused by its members' names", () => {
  const error = '{"a":1,"b":[2]}' as JsonText;
  const ended = stateOf(report(undefined, { status: "failed", error }));
  const again = (data: Partial<StepReport>) => report(ended, { status: "failed", ...data });
  expect(again({}).kind).toBe("repeated");
  expect(again({ error: '{ "b" : [2.0], "a" : 1 }' as JsonText }).kind).toBe("repeated");
  const refused = { kind: "refused", code: "reported_differently" };
  expect(again({ error: '{"a":2}' as JsonText })).toMatchObject({ ...refused, members: ["error"] });
  expect(again({ error: null })).toMatchObject({ ...refused, members: ["error"] });
  expect(again({ output: jsonText(1), name: "x", index: 0 })).toMatchObject({
    ...refused,
    members: ["name", "index", "output"],
  });
});

test.each(["completed", "failed", "cancelled"] as const)(
  "a run that is %s takes no further steps, and a known step's repeat is still one",
  (status) => {
    const run = runIn(status);
    expect(report(undefined, { status: "started" }, { run }).kind).toBe("refused");
    expect(report(stepIn("started"), { status: "completed" }, { run }).kind).toBe("refused");
    expect(report(stepIn("completed"), { status: "completed" }, { run }).kind).toBe("repeated");
  },
);

test("a step never ends before it began, whatever the platform's clock says", () => {
  const started = { ...stepIn("started"), startedAt: later };
  const next = report(started, { status: "completed" }, { at: now });
  expect(next).toMatchObject({ state: { startedAt: later, completedAt: later } });
});
