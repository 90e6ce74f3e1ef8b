import { expect, test } from "vitest";
import {
  organisationEventTypes,
  organisationPolicy,
  organisationWebhooks,
} from "../../src/domain/contracts/organisation-webhooks.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Step } from "../../src/domain/lifecycle/step.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const teamId = "0123456789abcdef01234567";
const at = new Date("2026-11-21T10:30:00.000Z");
const workflow = { teamId, id: "0123456789abcdef01234568", name: "orders" } as Workflow;

const runOf = (run: Partial<Run>): Run =>
  ({
    teamId,
    id: "0123456789abcdef01234569",
    workflowId: workflow.id,
    status: "started",
    trigger: "manual",
    startedAt: at,
    completedAt: null,
    input: null,
    output: null,
    error: null,
    collectedInformation: null,
    ...run,
  }) as Run;

const stepOf = (status: Step["status"], id = "fetch", attempt = 1): Step =>
  ({ id, attempt, name: "Fetch", index: 0, status, startedAt: at, completedAt: null }) as Step;

const ended = (status: Run["status"]): Happening => ({
  kind: "run_ended",
  workflow,
  run: runOf({ status, completedAt: at }),
});
const stepped = (status: Step["status"], id?: string, attempt?: number): Happening => ({
  kind: "step_reported",
  workflow,
  run: runOf({ status: "running" }),
  step: stepOf(status, id, attempt),
});
const started: Happening = { kind: "run_started", workflow, run: runOf({}) };

const render = (happening: Happening, sample?: true) =>
  organisationWebhooks.render(happening, {
    actor: "key",
    occurredAt: at,
    ...(sample && { sample }),
  });

test.each([
  [started, "workflow.started"],
  [ended("completed"), "workflow.completed"],
  [ended("failed"), "workflow.failed"],
  [ended("cancelled"), "workflow.failed"],
  [stepped("started"), "workflow.step.started"],
  [stepped("completed"), "workflow.step.completed"],
  [stepped("failed"), "workflow.step.failed"],
])("$0.kind is told as $1", (happening, eventType) => {
  expect(organisationWebhooks.eventTypeOf(happening)).toBe(eventType);
  const event = render(happening);
  expect(event).toMatchObject({ eventType, teamId, contract: "organisation", order: null });
  expect(JSON.parse(event.payload.toString())).toMatchObject({
    event_id: `event_${event.id}`,
    event_type: eventType,
    workflow_id: workflow.id,
    organization_id: teamId,
    timestamp: "2026-11-21T10:30:00.000Z",
  });
});

test.each([
  { kind: "workflow_created", workflow },
  { kind: "workflow_updated", workflow, changes: [], reason: "settings" },
  { kind: "workflow_deleted", workflow },
] satisfies Happening[])("$kind is not contract B's to tell", (happening) => {
  expect(organisationWebhooks.eventTypeOf(happening)).toBeUndefined();
  expect(() => render(happening)).toThrow(happening.kind);
});

test("its event types are these, each with a bound on its body and all under one policy", () => {
  expect(organisationEventTypes).toEqual([
    ...["workflow.started", "workflow.completed", "workflow.failed"],
    ...["workflow.step.started", "workflow.step.completed", "workflow.step.failed"],
  ]);
  expect(organisationWebhooks).toMatchObject({ name: "organisation", samplesOnce: true });
  const result = 2_101_248;
  expect(organisationWebhooks.bodyBytesMax).toEqual({
    ...{ "workflow.started": 2_048, "workflow.completed": result, "workflow.failed": result },
    ...{ "workflow.step.started": result, "workflow.step.completed": result },
    "workflow.step.failed": result,
  });
  expect(organisationPolicy).toEqual({ timeoutSeconds: 10, maxRetries: 3, backoffSeconds: 10 });
});

test.each([
  [started, "workflow.started:R"],
  [ended("cancelled"), "workflow.failed:R"],
  [stepped("started"), "workflow.step.started:R:fetch"],
  [stepped("failed", "fetch", 1), "workflow.step.failed:R:fetch"],
  [stepped("failed", "fetch", 2), "workflow.step.failed:R:fetch:2"],
])("$0.kind has the dedupe key $1: of a first attempt it is the step's own", (happening, key) => {
  const { id } = runOf({});
  expect(render(happening)).toMatchObject({
    ...{ dedupeKey: key.replace("R", id), runId: id, workflowId: workflow.id },
    ...{ workflowName: "orders", createdBy: "key", assistantId: null, callId: null },
  });
});

test("a step's data tell the step and its run, its documents to the byte", () => {
  const step = {
    ...stepOf("failed"),
    attempt: 2,
    completedAt: new Date(at.getTime() + 812),
    output: "1.0" as JsonText,
    error: null,
  };
  const run = runOf({ status: "running" });
  const text = render({ kind: "step_reported", workflow, run, step }).payload.toString();
  expect(text).toContain('"output":1.0,"error":null');
  expect(JSON.parse(text).data).toEqual({
    ...{ run_id: run.id, workflow_name: "orders" },
    step: {
      ...{ id: "fetch", name: "Fetch", index: 0, attempt: 2, status: "failed" },
      ...{ started_at: at.toISOString(), completed_at: "2026-11-21T10:30:00.812Z" },
      ...{ duration_ms: 812, output: 1, error: null },
    },
  });
});

test("a run's data tell when it began and ended, and nothing of an end while it goes on", () => {
  const dataOf = (happening: Happening) => JSON.parse(render(happening).payload.toString()).data;
  const common = { run_id: runOf({}).id, workflow_name: "orders", trigger: "manual" };
  const documents = { output: null, error: null, started_at: at.toISOString() };
  expect(dataOf(started)).toEqual({
    ...{ ...common, ...documents, status: "started", completed_at: null, duration_ms: null },
  });
  expect(dataOf(ended("failed"))).toEqual({
    ...{ ...common, ...documents, status: "failed", completed_at: at.toISOString() },
    duration_ms: 0,
  });
});

test("a cancelled run says so in its data", () => {
  const { data } = JSON.parse(render(ended("cancelled")).payload.toString());
  expect(data.status).toBe("cancelled");
});

test("the same happening is the same event; another run, step or state is another", () => {
  const happenings = [
    started,
    ended("completed"),
    stepped("started"),
    stepped("completed"),
    stepped("started", "store"),
    { ...started, run: runOf({ id: "0123456789abcdef0123456a" }) } as Happening,
  ];
  const ids = happenings.map((happening) => render(happening).id);
  expect(happenings.map((happening) => render(happening).id)).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test("output and error are sent byte for byte, the input and collected information are not sent", () => {
  const run = runOf({
    status: "completed",
    completedAt: new Date(at.getTime() + 812),
    input: jsonText("private"),
    collectedInformation: jsonText("private"),
    output: '{ "n": 1.0, "big": 12345678901234567890 }' as JsonText,
  });
  const text = render({ kind: "run_ended", workflow, run }).payload.toString();
  expect(text).toContain('"output":{ "n": 1.0, "big": 12345678901234567890 },"error":null');
  expect(text).toContain('"duration_ms":812');
  expect(text).not.toContain("private");
});

test("only a sample carries data.test", () => {
  expect(JSON.parse(render(ended("completed"), true).payload.toString()).data.test).toBe(true);
  expect(render(ended("completed")).payload.toString()).not.toContain('"test"');
});

const common = { signingSecret: "whsec_", headerPrefix: "x-acme" };

test("the body is signed under the subscriber's own secret, and not without one", () => {
  const signatureOf = (credential: string | null) =>
    organisationWebhooks.bodySignature?.({ ...common, credential, customHeaders: [] });
  expect(signatureOf(null)).toBeUndefined();
  expect(signatureOf("key")).toEqual({ header: "x-webhook-signature", key: "key" });
});

test("custom headers are sent as they are", () => {
  const customHeaders = ["X-A", "1"];
  expect(organisationWebhooks.headers({ ...common, credential: "key", customHeaders })).toEqual(
    customHeaders,
  );
});
