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

/** A step that was reported in this state. */
function stepIn(status: StepStatus): Step {
  const next = report(undefined, { status });
  if (next.kind !== "changed") throw new Error("a first report changes something");
  return next.state;
}

const statuses = ["started", "completed", "failed"] as const;

test.each(statuses.flatMap((from) => statuses.map((to) => [from, to] as const)))(
  "%s → %s",
  (from, to) => {
    const next = report(stepIn(from), { status: to }, { at: later });
    if (from === to) return expect(next.kind).toBe("repeated");
    if (from !== "started") {
      return expect(next).toMatchObject({ kind: "refused", code: "transition_refused" });
    }
    expect(next).toMatchObject({
      kind: "changed",
      state: { status: to, startedAt: now, completedAt: later },
      happened: [{ kind: "step_reported", step: { status: to } }],
    });
  },
);

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

test("another name or index of a running step is kept and told to nobody", () => {
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

test("the same end in other white space is a repeat; another output is refused", () => {
  const ended = report(undefined, { status: "failed", error: '{"a":1}' as JsonText });
  if (ended.kind !== "changed") throw new Error("nothing changed");
  const again = (error: string) =>
    report(ended.state, { status: "failed", error: error as JsonText }).kind;
  expect(again('{ "a" : 1 }')).toBe("repeated");
  expect(again('{"a":2}')).toBe("refused");
  expect(report(ended.state, { status: "failed", output: jsonText(1) }).kind).toBe("refused");
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
