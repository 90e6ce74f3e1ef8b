import Type, { type TObject, type TProperties } from "typebox";
import { runTriggers } from "../domain/facts.ts";
import { objectIdPattern } from "../ids.ts";

const Id = Type.String({ pattern: objectIdPattern });
const Instant = Type.String({ format: "date-time" });
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

const run = {
  workflow_run_id: Id,
  workflow_run_status: Type.Enum(["started", "completed", "failed", "cancelled"]),
  run: RunSnapshot,
};

const changes = {
  reason: Type.Enum(["configuration", "version", "settings"]),
  changes: Type.Array(Change),
};

/** Makes the schema of one action's payload: what all have in common, and its own part. */
function payload(action: string, title: string, own: TProperties): TObject {
  return Type.Object(
    {
      event_id: Type.String({ pattern: "^event_[0-9a-f-]{36}$" }),
      action: Type.Literal(action),
      dedupe_key: Type.String(),
      team_id: Id,
      occurred_at: Instant,
      workflow_id: Id,
      workflow_name: Type.String(),
      ...own,
      workflow: WorkflowSnapshot,
    },
    { title },
  );
}

/** Contract A: what a receiver is posted, by action. */
export const workflowWebhookPayloads: Readonly<Record<string, TObject>> = {
  workflow_created: payload("workflow_created", "WorkflowCreated", {}),
  workflow_updated: payload("workflow_updated", "WorkflowUpdated", changes),
  workflow_deleted: payload("workflow_deleted", "WorkflowDeleted", {}),
  workflow_run_started: payload("workflow_run_started", "WorkflowRunStarted", run),
  workflow_run_completed: payload("workflow_run_completed", "WorkflowRunCompleted", run),
};
