import type { JsonText } from "./json-text.ts";
import type { TraceContext } from "./trace-context.ts";

/**
 * The facts: what a platform reports, or what happens when a time limit ends.
 *
 * Routes parse a request into one of these; from then on the types are trusted. Free-form values (configuration,
 * input, output …) are the exact JSON text that was reported.
 */
export type Fact = {
  teamId: string;
  /** The id of the API key or session that reported it, or `system`. */
  actor: string;
  /** When it happened by the platform's clock; undefined: when it was recorded. */
  occurredAt?: Date | undefined;
  /** The trace that the report belongs to, if there is one. */
  trace?: TraceContext | undefined;
  /** The id that the platform gave the fact within its team, if it gave one. */
  identity?: FactIdentity | undefined;
} & (
  | { type: "workflow.created"; workflowId: string; data: NewWorkflow }
  | { type: "workflow.updated"; workflowId: string; data: WorkflowChanges }
  | { type: "workflow.version_created"; workflowId: string; data: NewVersion }
  | { type: "workflow.version_activated"; workflowId: string; data: { versionNumber: number } }
  | { type: "workflow.deleted"; workflowId: string }
  | { type: "run.started"; runId: string; workflowId: string; data: NewRun }
  | { type: "run.updated"; runId: string; data: RunChanges }
  | { type: "run.timed_out"; runId: string }
  | { type: "step.reported"; runId: string; stepId: string; data: StepReport }
  | { type: "call.created"; callId: string; assistantId: string; data: NewCall }
  | { type: "call.status"; callId: string; data: CallStatusReport }
  | { type: "call.message"; callId: string; data: NewMessage }
  | { type: "call.error"; callId: string; data: CallError }
  | { type: "call.ended"; callId: string; data: CallEnd }
  | { type: "call.hung"; callId: string }
  | { type: "call.report_due"; callId: string }
);

export type FactType = Fact["type"];

/** The content of a report: the exact text of each member, by its name, which is a path joined by dots. */
export type FactContent = ReadonlyMap<string, JsonText>;

/** The identity of one fact. A later fact with the same identity is a repeat if it says the same; otherwise it is refused. */
export type FactIdentity = {
  name: string;
  content: FactContent;
  /** Where the members are: in a request's body, or in one of several facts in it. */
  within: "body" | "fact";
};

/** The id of what a fact is about. */
export function subjectOf(fact: Fact): string {
  if (fact.type === "workflow.version_created") return fact.data.versionId;
  if ("stepId" in fact) return fact.stepId;
  if ("runId" in fact) return fact.runId;
  return "callId" in fact ? fact.callId : fact.workflowId;
}

/** What a creation says. A member that it leaves out is recorded as null, and is no difference in a repeat. */
export type NewWorkflow = {
  name: string;
  description?: string | null | undefined;
  configuration?: JsonText | null | undefined;
  settings?: JsonText | null | undefined;
  /** The name of version 1. */
  versionName?: string | null | undefined;
};

/** What a PATCH names; an absent field stays as it is. */
export type WorkflowChanges = {
  name?: string;
  description?: string | null;
  configuration?: JsonText | null;
  settings?: JsonText | null;
};

export type NewVersion = {
  /** The version's own id; the same id again is the same version. */
  versionId: string;
  versionName?: string | null | undefined;
  markAsActive?: boolean | undefined;
};

export const runTriggers = ["manual", "scheduled", "triggered"] as const;
export type RunTrigger = (typeof runTriggers)[number];

export type NewRun = {
  trigger: RunTrigger;
  input?: JsonText | null | undefined;
  /** Seconds after which the service itself ends the run as failed. */
  timeoutSeconds?: number | null | undefined;
};

/** The states that a report can ask for. A run is `started` only at its beginning. */
export const reportableRunStatuses = [
  "running",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const;
export type RunStatus = "started" | (typeof reportableRunStatuses)[number];

/** What a PATCH names; an absent field stays as it is. */
export type RunChanges = {
  status?: (typeof reportableRunStatuses)[number];
  output?: JsonText | null;
  collectedInformation?: JsonText | null;
  error?: JsonText | null;
};

/** The states a step can be reported in. */
export const stepStatuses = ["started", "completed", "failed"] as const;
export type StepStatus = (typeof stepStatuses)[number];

/** The most attempts that one step may have. The ids of its events are computed from their number. */
export const attemptsMax = 1_000;

export type StepReport = {
  status: StepStatus;
  /** The number of the attempt, from 1. Undefined: the present attempt, or the next one if it starts after a failure. */
  attempt?: number;
  /** Undefined: the name that was reported before, or the step's id. */
  name?: string;
  index?: number | null;
  output?: JsonText | null;
  error?: JsonText | null;
};

export const callTypes = ["web", "phone"] as const;
export const callDirections = ["inbound", "outbound"] as const;
export const callStatuses = ["queued", "ongoing", "forwarded", "finished"] as const;
export type CallStatus = (typeof callStatuses)[number];

/** How a call begins. An absent field is not compared when the report is a repeat. */
export type NewCall = {
  callType: (typeof callTypes)[number];
  direction?: (typeof callDirections)[number];
  /** Where the call begins: most are `queued`. */
  status?: "queued" | "ongoing";
  userNumber?: string | null;
  assistantNumber?: string | null;
  phoneProvider?: string | null;
  metadata?: JsonText | null;
};

/** What a platform reports about the line; an absent field stays as it is. */
export type CallStatusReport = {
  status: CallStatus;
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
};

export const messageRoles = ["user", "assistant"] as const;

export type NewMessage = {
  /** The platform's own id; the same id again is the same message. Null: the service numbers the message. */
  messageId: string | null;
  role: (typeof messageRoles)[number];
  text: string;
  /** Unix milliseconds by the platform's clock; null: when it was recorded. */
  timestampMs: number | null;
  /** An absent field was left out. */
  metrics?: JsonText | null;
};

export const callErrorTypes = ["llm_error", "stt_error"] as const;

export type CallError = {
  type: (typeof callErrorTypes)[number];
  code: string | null;
  message: string | null;
  provider: string | null;
  retryable: boolean | null;
};

/** What only the platform knows at the end of a call; an absent field stays as it is. */
export type CallEnd = {
  phoneCallStatus?: string | null;
  phoneCallStatusReason?: string | null;
  callEndTriggerBy?: string | null;
  durationMs?: number | null;
  recording?: JsonText | null;
  analysis?: JsonText | null;
  cost?: JsonText | null;
  metrics?: JsonText | null;
};
