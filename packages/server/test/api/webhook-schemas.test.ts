import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import {
  assistantMessagePayloads,
  organisationWebhookPayloads,
  workflowWebhookPayloads,
} from "../../src/api/webhook-schemas.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import type { Contract } from "../../src/domain/contracts/contract.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import type { CallError } from "../../src/domain/facts.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import type { Assistant, Call, Message } from "../../src/domain/lifecycle/call.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Step } from "../../src/domain/lifecycle/step.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const at = new Date("2026-11-21T10:30:00.000Z");
const written = { createdBy: "system", updatedBy: "system", createdAt: at, updatedAt: at };

const workflow: Workflow = {
  ...written,
  teamId: "a".repeat(24),
  id: "b".repeat(24),
  name: "Intake",
  description: null,
  configuration: null,
  settings: null,
  revision: 1,
  versionNumber: 1,
  versionName: null,
  createdAs: null,
  deletedAt: null,
};
const run: Run = {
  ...written,
  teamId: workflow.teamId,
  id: "c".repeat(24),
  workflowId: workflow.id,
  status: "completed",
  trigger: "manual",
  versionNumber: 1,
  input: jsonText({ any: ["thing"] }),
  output: null,
  collectedInformation: null,
  error: null,
  earlier: null,
  terminationSource: null,
  timeoutSeconds: null,
  deadlineAt: null,
  startedAt: at,
  completedAt: at,
};
const step: Step = {
  ...written,
  teamId: workflow.teamId,
  runId: run.id,
  id: "fetch",
  name: "Fetch",
  index: null,
  attempt: 1,
  earlier: null,
  status: "completed",
  output: jsonText({ n: 1 }),
  error: null,
  startedAt: at,
  completedAt: at,
};
const assistant: Assistant = {
  teamId: workflow.teamId,
  id: "d".repeat(24),
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: jsonText({ model: "any", voice: { speed: 1 } }),
  createdAt: at,
  updatedAt: at,
  deletedAt: null,
};
const call: Call = {
  ...written,
  teamId: workflow.teamId,
  id: "CC-01234567-89ab-cdef-0123-456789abcdef",
  assistantId: assistant.id,
  callType: "phone",
  direction: "inbound",
  status: "finished",
  userNumber: null,
  assistantNumber: "+15550100",
  phoneProvider: null,
  phoneCallStatus: "completed",
  phoneCallStatusReason: null,
  callEndTriggerBy: null,
  startAt: at,
  endAt: at,
  durationMs: 0,
  recording: null,
  metadata: jsonText({ any: 1 }),
  analysis: null,
  cost: jsonText({ total: 0.1 }),
  metrics: jsonText({ own: true }),
  messageCount: 1,
  reportBytes: 2,
  reported: null,
  position: 1,
  hangDueAt: null,
  hung: false,
  reportDueAt: null,
};
const message: Message = {
  messageId: "m",
  role: "user",
  text: "Hi",
  timestampMs: 1,
  metrics: null,
};
const messages = [message, { ...message, messageId: "n", metrics: jsonText({ asr: 1 }) }];
const error: CallError = {
  type: "llm_error",
  code: null,
  message: "It timed out.",
  provider: null,
  retryable: true,
};

const change = { path: "name", oldValue: jsonText("a"), newValue: undefined };
const started: Run = { ...run, status: "started", completedAt: null };
const toldByA: Happening[] = [
  { kind: "workflow_created", workflow },
  { kind: "workflow_updated", workflow, changes: [change], reason: "settings" },
  { kind: "workflow_deleted", workflow },
  { kind: "run_started", workflow, run: started },
  { kind: "run_ended", workflow, run },
];
const toldByB: Happening[] = [
  { kind: "run_started", workflow, run: started },
  { kind: "run_ended", workflow, run },
  { kind: "run_ended", workflow, run: { ...run, status: "failed", error: jsonText("broken") } },
  { kind: "run_ended", workflow, run: { ...run, status: "cancelled" } },
  { kind: "step_reported", workflow, run, step: { ...step, status: "started", completedAt: null } },
  { kind: "step_reported", workflow, run, step },
  { kind: "step_reported", workflow, run, step: { ...step, status: "failed", index: 3 } },
];
const toldByC: Happening[] = [
  { kind: "call_status", assistant, call: { ...call, status: "queued", startAt: null } },
  { kind: "call_message", assistant, call, messages },
  { kind: "call_ended", assistant, call, messages },
  { kind: "call_ended", assistant, call: { ...call, metrics: null, cost: null }, messages: [] },
  { kind: "call_hung", assistant, call, messages },
  { kind: "call_error", assistant, call, error, messages },
];

type Payloads = Readonly<Record<string, object>>;

/** The schema as a receiver may read it, but with no member allowed that it does not name. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, one]) => [key, closed(one)]));
  return "properties" in inner ? { additionalProperties: false, ...inner } : inner;
}

function faultsOf(contract: Contract, payloads: Payloads, happening: Happening) {
  const event = contract.render(happening, { actor: "system", occurredAt: at });
  const schema = closed(payloads[event.eventType]);
  return Compile(schema as never).Errors(JSON.parse(event.payload.toString()));
}

test.each<[string, Contract, Payloads, Happening[]]>([
  ["A", workflowWebhooks, workflowWebhookPayloads, toldByA],
  ["B", organisationWebhooks, organisationWebhookPayloads, toldByB],
  ["C", assistantMessages, assistantMessagePayloads, toldByC],
])(
  "every payload of contract %s is as the webhooks section says",
  (_name, contract, payloads, told) => {
    const types = new Set(told.map((happening) => contract.eventTypeOf(happening)));
    expect([...types]).toEqual([...contract.eventTypes]);
    expect(Object.keys(payloads)).toEqual([...contract.eventTypes]);
    for (const happening of told) {
      expect(faultsOf(contract, payloads, happening), happening.kind).toEqual([]);
    }
  },
);

test("a test event of contract B is as the webhooks section says", () => {
  const event = organisationWebhooks.render(
    { kind: "run_ended", workflow, run },
    { actor: "system", occurredAt: at, sample: true },
  );
  const payload = JSON.parse(event.payload.toString());
  expect(payload.data.test).toBe(true);
  const schema = closed(organisationWebhookPayloads["workflow.completed"]);
  expect(Compile(schema as never).Errors(payload)).toEqual([]);
});

test("a member that the webhooks section does not name is found, at any depth", () => {
  const more = { ...call, position: 2, metadata: null };
  const [status] = Object.keys(assistantMessagePayloads);
  const schema = closed(assistantMessagePayloads[status ?? ""]);
  const event = assistantMessages.render(
    { kind: "call_status", assistant, call: more },
    { actor: "system", occurredAt: at },
  );
  const payload = JSON.parse(event.payload.toString());
  payload.message.call.surprise = 1;
  expect(Compile(schema as never).Errors(payload)).not.toEqual([]);
});
