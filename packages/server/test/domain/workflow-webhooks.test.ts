import { expect, test } from "vitest";
import { workflowActions, workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const teamId = "0123456789abcdef01234567";
const at = new Date("2026-11-21T10:30:00.000Z");
const workflow: Workflow = {
  teamId,
  id: "0123456789abcdef01234568",
  name: "orders",
  description: "words",
  configuration: jsonText("private"),
  settings: jsonText("private"),
  revision: 4,
  versionNumber: 3,
  versionName: "v3",
  createdAs: null,
  createdBy: "key",
  updatedBy: "key",
  createdAt: at,
  updatedAt: new Date(at.getTime() + 1),
  deletedAt: null,
};
const run: Run = {
  teamId,
  id: "0123456789abcdef01234569",
  workflowId: workflow.id,
  status: "started",
  trigger: "manual",
  versionNumber: 2,
  input: null,
  output: null,
  collectedInformation: null,
  error: null,
  earlier: null,
  terminationSource: null,
  timeoutSeconds: null,
  deadlineAt: null,
  startedAt: at,
  completedAt: null,
  createdBy: "key",
  updatedBy: "key",
  createdAt: at,
  updatedAt: at,
};
const changes = [
  { path: "name", oldValue: jsonText("a"), newValue: jsonText("orders") },
  { path: "settings.a", oldValue: undefined, newValue: "1.0" as JsonText },
  { path: "settings.b", oldValue: "2.0" as JsonText, newValue: undefined },
];

const render = (happening: Happening, sample?: true) =>
  workflowWebhooks.render(happening, {
    actor: "key",
    occurredAt: at,
    ...(sample && { sample }),
  });
const bodyOf = (happening: Happening, sample?: true) =>
  JSON.parse(render(happening, sample).payload.toString());

const created: Happening = { kind: "workflow_created", workflow };
const updated: Happening = { kind: "workflow_updated", workflow, changes, reason: "settings" };
const deleted: Happening = { kind: "workflow_deleted", workflow };
const started: Happening = { kind: "run_started", workflow, run };
const ended: Happening = {
  kind: "run_ended",
  workflow,
  run: {
    ...run,
    status: "completed",
    input: "1.0" as JsonText,
    output: "2.0" as JsonText,
    collectedInformation: "3.0" as JsonText,
    error: "4.0" as JsonText,
    terminationSource: "run_timeout",
    completedAt: new Date(at.getTime() + 812),
  },
};

test("its actions are these, and each has a bound on its body", () => {
  expect(workflowActions).toEqual([
    ...["workflow_created", "workflow_updated", "workflow_deleted"],
    ...["workflow_run_started", "workflow_run_completed"],
  ]);
  expect(workflowWebhooks.name).toBe("workflow");
  expect(workflowWebhooks.bodyBytesMax).toEqual({
    workflow_created: 16_384,
    workflow_updated: 3_342_336,
    workflow_deleted: 16_384,
    workflow_run_started: 1_069_056,
    workflow_run_completed: 4_214_784,
  });
});

test.each([
  [created, "workflow_created", `workflow_created:${workflow.id}`],
  [updated, "workflow_updated", `workflow_updated:${workflow.id}:4`],
  [deleted, "workflow_deleted", `workflow_deleted:${workflow.id}`],
  [started, "workflow_run_started", `workflow_run_started:${run.id}`],
  [ended, "workflow_run_completed", `workflow_run_completed:${run.id}`],
])("$0.kind is told as $1, under a key that names the fact", (happening, action, dedupeKey) => {
  expect(workflowWebhooks.eventTypeOf(happening)).toBe(action);
  const told = "run" in happening ? happening.run : undefined;
  const event = render(happening);
  expect(event).toMatchObject({
    ...{ teamId, contract: "workflow", eventType: action, dedupeKey, createdBy: "key" },
    ...{ workflowId: workflow.id, workflowName: "orders" },
    ...{ runId: told?.id ?? null, runStatus: told?.status ?? null },
    ...{ assistantId: null, callId: null, order: null },
  });
  expect(bodyOf(happening)).toMatchObject({
    ...{ event_id: `event_${event.id}`, action, dedupe_key: dedupeKey, team_id: teamId },
    ...{ occurred_at: at.toISOString(), workflow_id: workflow.id, workflow_name: "orders" },
  });
});

test("a step is not contract A's to tell", () => {
  const stepped = { kind: "step_reported", workflow, run } as Happening;
  expect(workflowWebhooks.eventTypeOf(stepped)).toBeUndefined();
  expect(() => render(stepped)).toThrow("step_reported");
});

test("an event of a workflow contains its names, and not its documents", () => {
  const body = bodyOf(created);
  expect(Object.keys(body)).toEqual([
    ...["event_id", "action", "dedupe_key", "team_id", "occurred_at", "workflow_id"],
    ...["workflow_name", "workflow"],
  ]);
  expect(body.workflow).toEqual({
    ...{ id: workflow.id, name: "orders", description: "words" },
    ...{ version_number: 3, version_name: "v3" },
    ...{ created_at: "2026-11-21T10:30:00.000Z", updated_at: "2026-11-21T10:30:00.001Z" },
  });
  expect(render(updated).payload.toString()).not.toContain("private");
});

test("an update has its reason and its exact changes, with null for missing values", () => {
  const text = render(updated).payload.toString();
  expect(text).toContain('"reason":"settings","changes":[');
  expect(text).toContain(
    '{"path":"name","old_value":"a","new_value":"orders"},' +
      '{"path":"settings.a","old_value":null,"new_value":1.0},' +
      '{"path":"settings.b","old_value":2.0,"new_value":null}]',
  );
});

test("a run's event contains its documents byte for byte, and how it ended", () => {
  const text = render(ended).payload.toString();
  expect(text).toContain(
    '"input":1.0,"output":2.0,"collected_information":3.0,"error":4.0,"termination_source":"run_timeout"}',
  );
  expect(bodyOf(ended)).toMatchObject({
    ...{ workflow_run_id: run.id, workflow_run_status: "completed" },
    run: {
      ...{ id: run.id, workflow_id: workflow.id, status: "completed", trigger: "manual" },
      ...{ version_number: 2, started_at: at.toISOString(), duration_ms: 812 },
      completed_at: "2026-11-21T10:30:00.812Z",
    },
  });
});

test("a run that goes on has no end, and no documents that nobody reported", () => {
  expect(bodyOf(started).run).toMatchObject({
    ...{ status: "started", completed_at: null, duration_ms: null, termination_source: null },
    ...{ input: null, output: null, collected_information: null, error: null },
  });
});

test("an event shows its workflow as it was then, not as in an earlier event", () => {
  expect(bodyOf(created).workflow.name).toBe("orders");
  const renamed = { ...workflow, name: "returns", revision: 5 };
  const later = bodyOf({ ...updated, workflow: renamed });
  expect([later.workflow.name, later.workflow_name]).toEqual(["returns", "returns"]);
  expect(bodyOf(created).workflow.name).toBe("orders");
});

test("only a sample carries test", () => {
  expect(bodyOf(created, true).test).toBe(true);
  expect(bodyOf(created)).not.toHaveProperty("test");
});

test("the same happening is the same event; another subject, kind or revision is another", () => {
  const happenings = [
    ...[created, updated, deleted, started, ended],
    { ...updated, workflow: { ...workflow, revision: 5 } },
    { ...created, workflow: { ...workflow, id: "0123456789abcdef0123456a" } },
    { ...started, run: { ...run, id: "0123456789abcdef0123456b" } },
    { ...created, workflow: { ...workflow, teamId: "0123456789abcdef0123456c" } },
  ] as Happening[];
  const ids = happenings.map((happening) => render(happening).id);
  expect(happenings.map((happening) => render(happening).id)).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

const secrets = { signingSecret: "whsec_abc", headerPrefix: "x-acme", customHeaders: ["X-A", "1"] };

test("a credential goes along as a bearer token, before the headers that were asked for", () => {
  const headersWith = (credential: string | null) =>
    workflowWebhooks.headers({ ...secrets, credential });
  expect(headersWith("word")).toEqual(["authorization", "Bearer word", "X-A", "1"]);
  expect(headersWith(null)).toEqual(["X-A", "1"]);
});

test("the body is signed under the signing secret as its owner reads it, beside the time", () => {
  expect(workflowWebhooks.bodySignature?.({ ...secrets, credential: null })).toEqual({
    header: "x-acme-signature",
    key: "whsec_abc",
    timestampHeader: "x-acme-timestamp",
  });
});
