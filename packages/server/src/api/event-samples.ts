import { assistantMessages } from "../domain/contracts/assistant-messages.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import { operationalWebhooks } from "../domain/contracts/operational-webhooks.ts";
import { organisationWebhooks } from "../domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import { jsonText } from "../domain/json-text.ts";
import type { Assistant, Call, Message } from "../domain/lifecycle/call.ts";
import type { Happening } from "../domain/lifecycle/happening.ts";
import type { Run } from "../domain/lifecycle/run.ts";
import type { Step } from "../domain/lifecycle/step.ts";
import type { Workflow } from "../domain/lifecycle/workflow.ts";
import { operationalSamples } from "../domain/operational-samples.ts";

// One made-up day: every sample is rendered by the contract itself, as a real event is.
const at = (time: string) => new Date(`2026-11-21T${time}Z`);
const [startedAt, endedAt] = [at("10:30:00.000"), at("10:31:24.812")];
const teamId = "65f0a1b2c3d4e5f6a7b8c9d0";
const actor = "6b0c3f2a9d4e5f6071829300";
const written = { createdBy: actor, updatedBy: actor, createdAt: startedAt, updatedAt: endedAt };

const workflow: Workflow = {
  ...written,
  teamId,
  id: "6b0c3f2a9d4e5f6071829304",
  name: "Book an appointment",
  description: "Finds a free slot and books it.",
  configuration: null,
  settings: null,
  revision: 1,
  versionNumber: 1,
  versionName: "First draft",
  createdAs: null,
  deletedAt: null,
};

const run: Run = {
  ...written,
  teamId,
  id: "6b0c3f2a9d4e5f6071829306",
  workflowId: workflow.id,
  status: "completed",
  trigger: "manual",
  versionNumber: 1,
  input: jsonText({ customer: "Ada Lovelace" }),
  output: jsonText({ slot: "2026-11-23T09:00:00Z" }),
  collectedInformation: jsonText({ email: "ada@example.com" }),
  error: null,
  earlier: null,
  terminationSource: null,
  timeoutSeconds: null,
  deadlineAt: null,
  startedAt,
  completedAt: endedAt,
};
const started: Run = {
  ...run,
  status: "started",
  output: null,
  collectedInformation: null,
  completedAt: null,
};
const failed: Run = { ...run, status: "failed", output: null, error: jsonText("no free slot") };

const step: Step = {
  ...written,
  teamId,
  runId: run.id,
  id: "find-slot",
  name: "Find a free slot",
  index: 0,
  attempt: 1,
  earlier: null,
  status: "completed",
  output: jsonText({ slots: 3 }),
  error: null,
  startedAt,
  completedAt: endedAt,
};
const stepStarted: Step = { ...step, status: "started", output: null, completedAt: null };
const stepFailed: Step = { ...step, status: "failed", output: null, error: jsonText("timed out") };

const assistant: Assistant = {
  teamId,
  id: "6b0c3f2a9d4e5f6071829305",
  name: "Front desk",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: jsonText({ language: "en" }),
  createdAt: startedAt,
  updatedAt: startedAt,
  deletedAt: null,
};

const ongoing: Call = {
  ...written,
  teamId,
  id: "CC-0f9b1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3",
  assistantId: assistant.id,
  callType: "phone",
  direction: "inbound",
  status: "ongoing",
  userNumber: "+14155550123",
  assistantNumber: "+14155550100",
  phoneProvider: "twilio",
  phoneCallStatus: null,
  phoneCallStatusReason: null,
  callEndTriggerBy: null,
  startAt: startedAt,
  endAt: null,
  durationMs: null,
  recording: null,
  metadata: jsonText({ campaign: "autumn" }),
  analysis: null,
  cost: null,
  metrics: null,
  messageCount: 2,
  reportBytes: null,
  reported: null,
  position: 3,
  hangDueAt: null,
  hung: false,
  reportDueAt: null,
};
const finished: Call = {
  ...ongoing,
  status: "finished",
  callEndTriggerBy: "user",
  endAt: endedAt,
  durationMs: 84_812,
  recording: jsonText("https://example.com/recordings/1"),
  analysis: jsonText({ summary: "Booked a table for two." }),
  cost: jsonText({ total: 0.12, currency: "USD" }),
};

const said = (messageId: string, role: Message["role"], text: string, time: string): Message => ({
  messageId,
  role,
  text,
  timestampMs: at(time).getTime(),
  metrics: null,
});
const welcome = said("1", "assistant", "Hello, how can I help?", "10:30:01.000");
const wish = said("2", "user", "A table for two, please.", "10:30:06.000");
const messages = [welcome, wish];
const error = {
  type: "llm_error",
  code: "504",
  message: "no answer in time",
  provider: "openai",
  retryable: true,
} as const;
const change = {
  path: "name",
  oldValue: jsonText("Appointments"),
  newValue: jsonText(workflow.name),
};

const happenings: readonly [Contract, readonly Happening[]][] = [
  [
    workflowWebhooks,
    [
      { kind: "workflow_created", workflow },
      { kind: "workflow_updated", workflow, changes: [change], reason: "settings" },
      { kind: "workflow_deleted", workflow },
      { kind: "run_started", workflow, run: started },
      { kind: "run_ended", workflow, run },
    ],
  ],
  [
    organisationWebhooks,
    [
      { kind: "run_started", workflow, run: started },
      { kind: "run_ended", workflow, run },
      { kind: "run_ended", workflow, run: failed },
      { kind: "step_reported", workflow, run: started, step: stepStarted },
      { kind: "step_reported", workflow, run: started, step },
      { kind: "step_reported", workflow, run: started, step: stepFailed },
    ],
  ],
  [
    assistantMessages,
    [
      { kind: "call_status", assistant, call: ongoing },
      { kind: "call_message", assistant, call: ongoing, messages },
      { kind: "call_ended", assistant, call: finished, messages },
      { kind: "call_hung", assistant, call: ongoing, messages },
      { kind: "call_error", assistant, call: ongoing, error, messages },
    ],
  ],
  [operationalWebhooks, operationalSamples(teamId, "sample", endedAt)],
];

/** A body of each event type as it is posted, by contract and type. */
export const eventSamples: ReadonlyMap<string, object> = new Map(
  happenings.flatMap(([contract, told]) =>
    told.map((happening) => {
      const event = contract.render(happening, { actor, occurredAt: endedAt });
      return [`${contract.name} ${event.eventType}`, JSON.parse(event.payload.toString("utf8"))];
    }),
  ),
);
