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

/** A new version of a workflow, as its platform reports it. */
export type NewVersion = {
  /** The version's own id; the same id again is the same version. */
  versionId: string;
  versionName?: string | null | undefined;
  markAsActive?: boolean | undefined;
};

/** What can start a run. */
export const runTriggers = ["manual", "scheduled", "triggered"] as const;
export type RunTrigger = (typeof runTriggers)[number];

/** How a run starts. Free-form values are the exact JSON text of the report. */
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

/** A report of one attempt of a step; an absent field was left out of the report. */
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

/** Where a call takes place: in a browser or on a phone line. */
export const callTypes = ["web", "phone"] as const;
/** Who began a call: the user (`inbound`) or the platform (`outbound`). */
export const callDirections = ["inbound", "outbound"] as const;
/** The statuses of a call, in order: a call never goes back. */
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

/** Who spoke a message. */
export const messageRoles = ["user", "assistant"] as const;

/** One message of a call, as its platform reports it. */
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

/** What failed in a call: the language model, or the speech recognition (speech to text). */
export const callErrorTypes = ["llm_error", "stt_error"] as const;

/** A failure of the language model or the speech recognition in a call; null: not reported. */
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
