import Type, { type TObject, type TProperties } from "typebox";
import {
  callDirections,
  callErrorTypes,
  callStatuses,
  callTypes,
  messageRoles,
  runTriggers,
} from "../domain/facts.ts";
import { callIdPattern, objectIdPattern } from "../ids.ts";

export const Id = Type.String({ pattern: objectIdPattern });
export const Instant = Type.String({ format: "date-time" });
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** Any JSON, exactly as it was reported. */
const Reported = Type.Unknown({ description: "Any JSON, exactly as it was reported." });

const WorkflowSnapshot = Type.Object(
  {
    id: Id,
    name: Type.String(),
    description: nullable(Type.String()),
    version_number: Type.Integer({ minimum: 1 }),
    version_name: nullable(Type.String()),
    created_at: Instant,
    updated_at: Instant,
  },
  { title: "WorkflowSnapshot" },
);

const RunSnapshot = Type.Object(
  {
    id: Id,
    workflow_id: Id,
    status: Type.Enum(["started", "running", "paused", "completed", "failed", "cancelled"]),
    trigger: Type.Enum([...runTriggers]),
    version_number: Type.Integer({ minimum: 1 }),
    started_at: Instant,
    completed_at: nullable(Instant),
    duration_ms: nullable(Type.Integer()),
    input: Reported,
    output: Reported,
    collected_information: Reported,
    error: Reported,
    termination_source: nullable(Type.String()),
  },
  { title: "RunSnapshot" },
);

const Change = Type.Object(
  { path: Type.String(), old_value: Reported, new_value: Reported },
  { title: "Change" },
);

export const EventId = Type.String({ pattern: "^event_[0-9a-f-]{36}$" });

const run = {
  workflow_run_id: Id,
  workflow_run_status: Type.Enum(["started", "completed", "failed", "cancelled"]),
  run: RunSnapshot,
};

const changes = {
  reason: Type.Enum(["configuration", "version", "settings"]),
  changes: Type.Array(Change),
};

/** The field that marks a test. */
export const sample = Type.Optional(Type.Literal(true, { description: "Only on a test event." }));

/** Makes the schema of one action's payload: the common part and its own part. */
function workflowPayload(action: string, title: string, own: TProperties): TObject {
  return Type.Object(
    {
      event_id: EventId,
      action: Type.Literal(action),
      dedupe_key: Type.String(),
      team_id: Id,
      occurred_at: Instant,
      test: sample,
      workflow_id: Id,
      workflow_name: Type.String(),
      ...own,
      workflow: WorkflowSnapshot,
    },
    { title },
  );
}

/** Contract A: the schemas of payloads, by action. */
export const workflowWebhookPayloads: Readonly<Record<string, TObject>> = {
  workflow_created: workflowPayload("workflow_created", "WorkflowCreated", {}),
  workflow_updated: workflowPayload("workflow_updated", "WorkflowUpdated", changes),
  workflow_deleted: workflowPayload("workflow_deleted", "WorkflowDeleted", {}),
  workflow_run_started: workflowPayload("workflow_run_started", "WorkflowRunStarted", run),
  workflow_run_completed: workflowPayload("workflow_run_completed", "WorkflowRunCompleted", run),
};

const told = { run_id: Id, workflow_name: Type.String() };
const spent = {
  started_at: Instant,
  completed_at: nullable(Instant),
  duration_ms: nullable(Type.Integer()),
  output: Reported,
  error: Reported,
};

const StepSnapshot = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    index: nullable(Type.Integer()),
    attempt: Type.Integer({ minimum: 1 }),
    status: Type.Enum(["started", "completed", "failed"]),
    ...spent,
  },
  { title: "StepSnapshot" },
);

/** The data of a run's event; a cancelled run's event is the failed one, with the status `cancelled`. */
const runData = (...statuses: string[]): TProperties => ({
  ...told,
  status: Type.Enum(statuses),
  trigger: Type.Enum([...runTriggers]),
  ...spent,
});

/** Makes the schema of one event's payload around its data. */
function organisationPayload(eventType: string, title: string, data: TProperties): TObject {
  return Type.Object(
    {
      event_id: EventId,
      event_type: Type.Literal(eventType),
      workflow_id: Id,
      organization_id: Id,
      timestamp: Instant,
      data: Type.Object(data),
    },
    { title },
  );
}

const stepData = { ...told, step: StepSnapshot };

/** Contract B: the schemas of payloads, by event type. */
export const organisationWebhookPayloads: Readonly<Record<string, TObject>> = {
  "workflow.started": organisationPayload(
    "workflow.started",
    "OrganisationWorkflowStarted",
    runData("started"),
  ),
  "workflow.completed": organisationPayload("workflow.completed", "OrganisationWorkflowCompleted", {
    ...runData("completed"),
    test: sample,
  }),
  "workflow.failed": organisationPayload(
    "workflow.failed",
    "OrganisationWorkflowFailed",
    runData("failed", "cancelled"),
  ),
  "workflow.step.started": organisationPayload(
    "workflow.step.started",
    "OrganisationStepStarted",
    stepData,
  ),
  "workflow.step.completed": organisationPayload(
    "workflow.step.completed",
    "OrganisationStepCompleted",
    stepData,
  ),
  "workflow.step.failed": organisationPayload(
    "workflow.step.failed",
    "OrganisationStepFailed",
    stepData,
  ),
};

const Milliseconds = Type.Integer({ description: "Unix time in milliseconds." });
const text = nullable(Type.String());

const callFields = {
  id: Type.String({ pattern: callIdPattern }),
  teamId: Id,
  assistantId: Id,
  callType: Type.Enum([...callTypes]),
  direction: Type.Enum([...callDirections]),
  startAt: nullable(Instant),
  endAt: nullable(Instant),
  userNumber: text,
  assistantNumber: text,
  status: Type.Enum([...callStatuses]),
  phoneCallStatus: text,
  phoneCallStatusReason: text,
  callEndTriggerBy: text,
  assistantCallDuration: nullable(Type.Integer({ description: "Milliseconds." })),
  recording: Reported,
  metadata: Reported,
};

const CallSnapshot = Type.Object(callFields, { title: "CallSnapshot" });

const CallReport = Type.Object(
  {
    ...callFields,
    cost: Reported,
    metrics: Type.Record(Type.String(), Type.Unknown(), {
      description:
        "Computed from the messages: durationMs, messageCount, turnCount, turns, responseTimeMs, interruptionCount. A reported metric with the same name replaces the computed one.",
    }),
  },
  { title: "CallReport" },
);

const AssistantSnapshot = Type.Object(
  {
    id: Id,
    name: Type.String(),
    hangTimeoutSeconds: Type.Integer({ minimum: 1 }),
    endReportWaitSeconds: Type.Integer({ minimum: 0 }),
  },
  {
    title: "AssistantSnapshot",
    description: "The assistant with all its own members, but never its assistantServer.",
    additionalProperties: true,
  },
);

const MessageSnapshot = Type.Object(
  {
    messageId: Type.String(),
    role: Type.Enum([...messageRoles]),
    text: Type.String(),
    timestamp: Milliseconds,
    metrics: Type.Optional(Reported),
  },
  { title: "MessageSnapshot" },
);

const messages = Type.Array(MessageSnapshot, { description: "The whole conversation so far." });

/** Makes the schema of one server message: the common envelope and its own part. */
function assistantMessage(type: string, title: string, own: TProperties): TObject {
  return Type.Object(
    {
      message: Type.Object({
        type: Type.Literal(type),
        timestamp: Milliseconds,
        call: CallSnapshot,
        assistant: AssistantSnapshot,
        phone: Type.Object({ provider: Type.Object({ name: Type.String() }) }),
        customer: Type.Object({ number: Type.String() }),
        analysis: Reported,
        ...own,
      }),
    },
    { title },
  );
}

const CallFailure = Type.Object(
  {
    type: Type.Enum([...callErrorTypes]),
    code: text,
    message: text,
    provider: text,
    retryable: nullable(Type.Boolean()),
  },
  { title: "CallFailure" },
);

/** Contract C: the schemas of payloads, by message type. */
export const assistantMessagePayloads: Readonly<Record<string, TObject>> = {
  "status-update": assistantMessage("status-update", "StatusUpdate", {}),
  "conversation-update": assistantMessage("conversation-update", "ConversationUpdate", {
    messages,
  }),
  "end-of-call-report": assistantMessage("end-of-call-report", "EndOfCallReport", {
    call: CallReport,
    messages,
  }),
  hang: assistantMessage("hang", "Hang", { messages }),
  error: assistantMessage("error", "ServerMessageError", { error: CallFailure, messages }),
};
