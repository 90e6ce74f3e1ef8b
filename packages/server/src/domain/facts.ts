import type { JsonText } from "./json-text.ts";

/**
 * The facts: what a platform reports, or what time itself brings about.
 *
 * Routes parse a request into one of these; from then on the types are trusted. Free-form values (configuration,
 * input, output …) are the exact JSON text that was reported.
 */
export type Fact = {
  teamId: string;
  /** The id of the API key that reported it, or `system`. */
  actor: string;
  /** When it happened by the platform's clock; without one, when it was recorded. */
  occurredAt?: Date | undefined;
} & (
  | { type: "workflow.created"; workflowId: string; data: NewWorkflow }
  | { type: "workflow.updated"; workflowId: string; data: WorkflowChanges }
  | { type: "workflow.version_created"; workflowId: string; data: NewVersion }
  | { type: "workflow.version_activated"; workflowId: string; data: { versionNumber: number } }
  | { type: "workflow.deleted"; workflowId: string }
  | { type: "run.started"; runId: string; workflowId: string; data: NewRun }
  | { type: "run.updated"; runId: string; data: RunChanges }
  | { type: "run.timed_out"; runId: string }
);

export type FactType = Fact["type"];

export type NewWorkflow = {
  name: string;
  description: string | null;
  configuration: JsonText | null;
  settings: JsonText | null;
  /** The name of version 1. */
  versionName: string | null;
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
  versionName: string | null;
  markAsActive: boolean;
};

export const runTriggers = ["manual", "scheduled", "triggered"] as const;
export type RunTrigger = (typeof runTriggers)[number];

export type NewRun = {
  trigger: RunTrigger;
  input: JsonText | null;
  /** Seconds until the service itself ends the run as failed. */
  timeoutSeconds: number | null;
};

/** The states a report can ask for; `started` is only where a run begins. */
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
