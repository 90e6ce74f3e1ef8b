import { expect, test } from "vitest";
import type { NewRun, RunChanges, RunStatus } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import type { Transition } from "../../src/domain/lifecycle/happening.ts";
import {
  cancelRun,
  isFinal,
  type Run,
  repeatStart,
  startRun,
  timeOutRun,
  updateRun,
} from "../../src/domain/lifecycle/run.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const now = new Date("2026-11-21T10:30:00.000Z");
const after = (seconds: number) => new Date(now.getTime() + seconds * 1_000);
const workflow = { teamId: "team", id: "workflow", name: "orders", versionNumber: 3 } as Workflow;
const actor = "key";

function stateOf(next: Transition<Run>): Run {
  if (next.kind !== "changed") throw new Error(`nothing changed: ${next.kind}`);
  return next.state;
}

const start = (data: Partial<NewRun> = {}, occurredAt = now) =>
  stateOf(startRun(workflow, "run", { trigger: "manual", ...data }, { actor, now, occurredAt }));

const update = (run: Run, data: RunChanges, at = after(1)) =>
  updateRun(run, workflow, data, { actor, now: at, occurredAt: at });

/** A run that was reported to be so, one after the other. */
const runAfter = (...reports: RunChanges[]) =>
  reports.reduce((run, data) => stateOf(update(run, data)), start());

const differing = (...members: string[]) => ({
  kind: "refused",
  code: "reported_differently",
  members,
});

const statuses = ["running", "paused", "completed", "failed", "cancelled"] as const;

test.each(
  (["started", ...statuses] as const).flatMap((from) => statuses.map((to) => [from, to] as const)),
)("%s → %s", (from, to) => {
  const run = from === "started" ? start() : runAfter({ status: from });
  const next = update(run, { status: to });
  if (from === to || (isFinal(from) && !isFinal(to))) return expect(next.kind).toBe("repeated");
  if (isFinal(from)) {
    return expect(next).toMatchObject({ kind: "refused", code: "transition_refused" });
  }
  const happened = isFinal(to) ? [{ kind: "run_ended", run: { status: to } }] : [];
  expect(next).toMatchObject({ kind: "changed", state: { status: to }, happened });
});

test("the same start is a repeat, with fewer members too, whatever the run has become", () => {
  const data: NewRun = {
    trigger: "manual",
    input: '{"a":1,"b":2}' as JsonText,
    timeoutSeconds: 60,
  };
  const begun = start(data);
  for (const run of [begun, stateOf(update(begun, { status: "failed", error: jsonText("e") }))]) {
    const repeat = (more: Partial<NewRun> = {}, id = "workflow") =>
      repeatStart(run, id, { ...data, ...more });
    expect(repeat()).toEqual({ kind: "repeated", state: run });
    expect(repeat({ input: '{ "b": 2.0, "a": 1 }' as JsonText }).kind).toBe("repeated");
    expect(repeat({ input: undefined, timeoutSeconds: undefined }).kind).toBe("repeated");
    expect(repeat({ input: jsonText({ a: 1 }) })).toMatchObject(differing("input"));
    expect(repeat({ input: null, timeoutSeconds: null })).toMatchObject(
      differing("input", "timeout_seconds"),
    );
    expect(repeat({ trigger: "scheduled", timeoutSeconds: 61 }, "other")).toMatchObject(
      differing("workflow_id", "trigger", "timeout_seconds"),
    );
  }
});

test("a member that the repeat of a start adds differs, unless it says that there is nothing", () => {
  const bare = (more: Partial<NewRun>) =>
    repeatStart(start(), "workflow", { trigger: "manual", ...more });
  expect(bare({ input: jsonText({}) })).toMatchObject(differing("input"));
  expect(bare({ timeoutSeconds: 5 })).toMatchObject(differing("timeout_seconds"));
  expect(bare({ input: null, timeoutSeconds: null }).kind).toBe("repeated");
});

test("what goes on takes other content; a last report is repeated as it was, with fewer members, or refused", () => {
  const run = runAfter(
    { output: jsonText(1) },
    { status: "running", output: jsonText(2) },
    { status: "completed", output: jsonText({ a: 3 }), collectedInformation: jsonText("c") },
  );
  const again = (data: RunChanges) => update(run, { status: "completed", ...data });
  expect(again({}).kind).toBe("repeated");
  expect(again({ output: '{"a":3.0}' as JsonText }).kind).toBe("repeated");
  expect(again({ output: jsonText(2) })).toMatchObject(differing("output"));
  expect(again({ output: null })).toMatchObject(differing("output"));
  expect(
    again({ output: jsonText(4), collectedInformation: jsonText("d"), error: jsonText("e") }),
  ).toMatchObject(differing("output", "collected_information", "error"));
  // Without a status it may be a report from before the end.
  expect(update(run, { output: jsonText(1) }).kind).toBe("repeated");
  expect(update(run, { output: jsonText(4) })).toMatchObject(differing("output"));
  expect(update(run, { output: null })).toMatchObject(differing("output"));
});

test("an earlier state after the end is a repeat, reported or not; with content only as it was recorded", () => {
  const run = runAfter(
    { status: "running", output: jsonText({ percent: 10 }) },
    { output: jsonText({ percent: 50 }) },
    { status: "completed", output: jsonText({ percent: 100 }) },
  );
  const late = (data: RunChanges) => update(run, { status: "running", ...data });
  expect(late({}).kind).toBe("repeated");
  expect(update(run, { status: "paused" }).kind).toBe("repeated");
  for (const percent of [10, 50, 100]) {
    expect(late({ output: jsonText({ percent }) }).kind).toBe("repeated");
  }
  expect(late({ output: null, error: null }).kind).toBe("repeated");
  expect(late({ output: jsonText({ percent: 60 }), error: jsonText("e") })).toMatchObject(
    differing("output", "error"),
  );
  // A value of one member is none of another.
  expect(late({ error: jsonText({ percent: 10 }) })).toMatchObject(differing("error"));
});

test("a run that goes straight to its end keeps nothing besides it", () => {
  expect(
    runAfter({ status: "running" }, { status: "completed", output: jsonText(1) }),
  ).toMatchObject({ earlier: null });
  expect(
    runAfter({ output: jsonText(1) }, { output: "1.0" as JsonText, status: "paused" }),
  ).toMatchObject({ earlier: null, output: "1" });
});

test("the last 64 replaced values are known, each once", () => {
  let run = start();
  const say = (output: number) => {
    run = stateOf(update(run, { output: jsonText(output) }));
  };
  for (let round = 0; round < 50; round++) [1, 2].forEach(say);
  expect(run.earlier).toHaveLength(2 * 16);
  for (let output = 100; output <= 200; output++) say(output);
  run = stateOf(update(run, { status: "completed" }));
  expect(run.earlier).toHaveLength(64 * 16);
  const late = (output: number) => update(run, { output: jsonText(output) }).kind;
  expect([late(200), late(199), late(136), late(135)]).toEqual([
    ...["repeated", "repeated", "repeated", "refused"],
  ]);
});

test("a deadline is counted from the database's clock, however late or early the platform says it began", () => {
  for (const occurredAt of [after(-3_600), after(3_600)]) {
    const run = start({ timeoutSeconds: 60 }, occurredAt);
    expect(run).toMatchObject({ deadlineAt: after(60), startedAt: occurredAt, createdAt: now });
  }
  expect(start().deadlineAt).toBeNull();
});

test("a run times out at its deadline by the database's clock, not before, and only while it goes on", () => {
  const run = start({ timeoutSeconds: 60 });
  const at = (run: Run, seconds: number) =>
    timeOutRun(run, workflow, { actor: "system", now: after(seconds) });
  expect(at(run, 59.999).kind).toBe("repeated");
  expect(at(run, 60)).toMatchObject({
    kind: "changed",
    state: {
      status: "failed",
      error: jsonText("The run did not end within 60 seconds."),
      terminationSource: "run_timeout",
      completedAt: after(60),
    },
    happened: [{ kind: "run_ended" }],
  });
  expect(at(start(), 1e6).kind).toBe("repeated");
  for (const status of ["completed", "failed", "cancelled"] as const) {
    expect(at(stateOf(update(run, { status })), 61).kind).toBe("repeated");
  }
});

test("running out of time does not overwrite an error that was reported", () => {
  const run = stateOf(update(start({ timeoutSeconds: 60 }), { error: jsonText({ code: "E1" }) }));
  const ended = stateOf(timeOutRun(run, workflow, { actor: "system", now: after(60) }));
  expect(ended).toMatchObject({ error: '{"code":"E1"}', terminationSource: "run_timeout" });
  expect(update(ended, { status: "failed", error: jsonText({ code: "E1" }) }).kind).toBe(
    "repeated",
  );
  expect(update(ended, { status: "failed", error: jsonText("E2") })).toMatchObject(
    differing("error"),
  );
});

test("a run never ends before it began", () => {
  const run = start({ timeoutSeconds: 1 }, after(3_600));
  const ends: [string, Transition<Run>][] = [
    ["reported", update(run, { status: "completed" })],
    ["timed out", timeOutRun(run, workflow, { actor, now: after(1) })],
    ["cancelled", cancelRun(run, workflow, { actor, now: after(1) })],
  ];
  for (const [how, end] of ends) expect(stateOf(end).completedAt, how).toEqual(after(3_600));
});

test("a status keeps what it does not speak of", () => {
  const run = runAfter({ output: jsonText(1), error: jsonText("e") }, { status: "completed" });
  const status: RunStatus = "completed";
  expect(run).toMatchObject({ status, output: "1", error: '"e"', versionNumber: 3 });
});

test("a run begins with what its start said, and with nothing that was not said", () => {
  const report = { actor, now, occurredAt: after(-5) };
  const data: NewRun = { trigger: "scheduled", input: jsonText(1), timeoutSeconds: 60 };
  const begun = startRun(workflow, "run", data, report);
  expect(begun).toEqual({
    kind: "changed",
    state: {
      ...{ teamId: "team", id: "run", workflowId: "workflow", status: "started" },
      ...{ trigger: "scheduled", versionNumber: 3, input: "1", timeoutSeconds: 60 },
      ...{ output: null, collectedInformation: null, error: null, earlier: null },
      ...{ terminationSource: null, completedAt: null, deadlineAt: after(60) },
      ...{ startedAt: after(-5), createdAt: now, updatedAt: now },
      ...{ createdBy: actor, updatedBy: actor },
    },
    happened: [{ kind: "run_started", workflow, run: stateOf(begun) }],
  });
});

test.each([
  ["reported", (run: Run) => update(run, { status: "cancelled" }), null],
  [
    "its deadline",
    (run: Run) => timeOutRun(run, workflow, { actor, now: after(60) }),
    "run_timeout",
  ],
  [
    "its workflow's end",
    (run: Run) => cancelRun(run, workflow, { actor, now: after(60) }),
    "workflow_deleted",
  ],
] as const)("a run that ends by %s says so", (_, end, terminationSource) => {
  const ended = stateOf(end(start({ timeoutSeconds: 60 })));
  expect(ended.terminationSource).toBe(terminationSource);
  expect(ended.status).toBe(terminationSource === "run_timeout" ? "failed" : "cancelled");
});

test("a report by another key is kept with who made it and when, and a repeat leaves both", () => {
  const report = { actor: "other", now: after(9), occurredAt: after(8) };
  const run = stateOf(updateRun(start(), workflow, { status: "paused" }, report));
  expect(run).toMatchObject({ createdBy: actor, updatedBy: "other", updatedAt: after(9) });
  expect(updateRun(run, workflow, { status: "paused" }, { ...report, actor })).toEqual({
    kind: "repeated",
    state: run,
  });
  expect(updateRun(run, workflow, {}, report)).toEqual({ kind: "repeated", state: run });
});

test("a run keeps each document, and a repeat can add new documents", () => {
  const said = { output: jsonText(1), collectedInformation: jsonText(2), error: jsonText(3) };
  const run = runAfter(said);
  expect(run).toMatchObject(said);
  expect(update(run, said).kind).toBe("repeated");
  expect(stateOf(update(run, { ...said, error: null }))).toMatchObject({ ...said, error: null });
});
