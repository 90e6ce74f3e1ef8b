import { eventId, publicEventId } from "../../ids.ts";
import { extendObject, type JsonText, jsonText } from "../json-text.ts";
import type { Change, Happening } from "../lifecycle/happening.ts";
import type { Run } from "../lifecycle/run.ts";
import type { Workflow } from "../lifecycle/workflow.ts";
import { type Contract, documentBytesMax } from "./contract.ts";

/** Contract A's event types, which its API calls actions. */
export const workflowActions = [
  "workflow_created",
  "workflow_updated",
  "workflow_deleted",
  "workflow_run_started",
  "workflow_run_completed",
] as const;
export type WorkflowAction = (typeof workflowActions)[number];

/** The happenings that contract A has events for. */
type Told = Extract<
  Happening,
  {
    kind:
      | "workflow_created"
      | "workflow_updated"
      | "workflow_deleted"
      | "run_started"
      | "run_ended";
  }
>;

const actions: Record<Told["kind"], WorkflowAction> = {
  workflow_created: "workflow_created",
  workflow_updated: "workflow_updated",
  workflow_deleted: "workflow_deleted",
  run_started: "workflow_run_started",
  run_ended: "workflow_run_completed",
};

/** The bytes of a workflow's names and description with the envelope, and of a run without its documents. */
const workflowBytesMax = 16 * 1024;
const runBytesMax = 4 * 1024;

const bodyBytesMax: Record<WorkflowAction, number> = {
  workflow_created: workflowBytesMax,
  // Configuration and settings before the change, what one request can make of both, and a name for each changed member.
  workflow_updated: 3 * documentBytesMax + 192 * 1024,
  workflow_deleted: workflowBytesMax,
  workflow_run_started: documentBytesMax + workflowBytesMax + runBytesMax,
  // Input, output, collected information and error.
  workflow_run_completed: 4 * documentBytesMax + workflowBytesMax + runBytesMax,
};

/** Contract A: workflow webhooks, authenticated to the receiver by a bearer token and a signature over the bare body. */
export const workflowWebhooks: Contract = {
  name: "workflow",
  eventTypes: workflowActions,
  bodyBytesMax,
  mayTell: {
    "workflow.created": ["workflow_created"],
    "workflow.updated": ["workflow_updated"],
    "workflow.version_created": ["workflow_updated"],
    "workflow.version_activated": ["workflow_updated"],
    "workflow.deleted": ["workflow_deleted", "workflow_run_completed"],
    "run.started": ["workflow_run_started"],
    "run.updated": ["workflow_run_completed"],
    "run.timed_out": ["workflow_run_completed"],
  },
  eventTypeOf: (happening) => (isTold(happening) ? actions[happening.kind] : undefined),
  subjectOf: () => null,

  render(happening, { actor, occurredAt, sample }) {
    if (!isTold(happening)) throw new Error(`contract A does not tell ${happening.kind}`);
    const action = actions[happening.kind];
    const { workflow } = happening;
    const run = "run" in happening ? happening.run : undefined;
    const dedupeKey = dedupeKeyOf(action, happening);
    const id = eventId({
      teamId: workflow.teamId,
      contract: "workflow",
      dedupeKey,
      subjectId: run?.id ?? workflow.id,
    });
    const updated = happening.kind === "workflow_updated" ? happening : undefined;
    const payload = extendObject(
      {
        event_id: publicEventId(id),
        action,
        dedupe_key: dedupeKey,
        team_id: workflow.teamId,
        occurred_at: occurredAt,
        // Only a test has it: a real event never carries `test: false`.
        test: sample,
        workflow_id: workflow.id,
        workflow_name: workflow.name,
        workflow_run_id: run?.id,
        workflow_run_status: run?.status,
        reason: updated?.reason,
      },
      [
        ["changes", updated && changesText(updated.changes)],
        ["workflow", workflowText(workflow)],
        ["run", run && runText(run)],
      ],
    );
    return {
      id,
      teamId: workflow.teamId,
      contract: "workflow",
      eventType: action,
      dedupeKey,
      workflowId: workflow.id,
      workflowName: workflow.name,
      runId: run?.id ?? null,
      runStatus: run?.status ?? null,
      assistantId: null,
      callId: null,
      messageId: null,
      order: null,
      createdBy: actor,
      payload: Buffer.from(payload),
    };
  },

  headers: ({ credential, customHeaders }) => [
    ...(credential === null ? [] : [tokenHeader, `Bearer ${credential}`]),
    ...customHeaders,
  ],
  bodySignature: ({ signingSecret, headerPrefix }) => ({
    header: `${headerPrefix}-signature`,
    // As given, not decoded: the platform's own receivers use the `whsec_…` text as the key.
    key: signingSecret,
    timestampHeader: `${headerPrefix}-timestamp`,
  }),
};

/** The header of a bearer token. A custom header may set it instead. */
export const tokenHeader = "authorization";

const isTold = (happening: Happening): happening is Told => happening.kind in actions;

function dedupeKeyOf(action: WorkflowAction, happening: Told): string {
  if ("run" in happening) return `${action}:${happening.run.id}`;
  const subject = `${action}:${happening.workflow.id}`;
  return happening.kind === "workflow_updated"
    ? `${subject}:${happening.workflow.revision}`
    : subject;
}

// A state is never changed, and many runs of a batch belong to one workflow.
const workflowTexts = new WeakMap<Workflow, JsonText>();

function workflowText(workflow: Workflow): JsonText {
  const known = workflowTexts.get(workflow);
  if (known !== undefined) return known;
  const text = extendObject(
    {
      id: workflow.id,
      name: workflow.name,
      description: workflow.description,
      version_number: workflow.versionNumber,
      version_name: workflow.versionName,
      created_at: workflow.createdAt,
      updated_at: workflow.updatedAt,
    },
    [],
  );
  workflowTexts.set(workflow, text);
  return text;
}

const jsonNull = jsonText(null);

const runText = (run: Run): JsonText =>
  extendObject(
    {
      id: run.id,
      workflow_id: run.workflowId,
      status: run.status,
      trigger: run.trigger,
      version_number: run.versionNumber,
      started_at: run.startedAt,
      completed_at: run.completedAt,
      duration_ms: durationMs(run),
    },
    [
      ["input", run.input ?? jsonNull],
      ["output", run.output ?? jsonNull],
      ["collected_information", run.collectedInformation ?? jsonNull],
      ["error", run.error ?? jsonNull],
      [
        "termination_source",
        run.terminationSource === null ? jsonNull : jsonText(run.terminationSource),
      ],
    ],
  );

/** Milliseconds from start to end by the reported times; null while the run has not ended. */
export const durationMs = (run: Pick<Run, "startedAt" | "completedAt">): number | null =>
  run.completedAt === null ? null : run.completedAt.getTime() - run.startedAt.getTime();

// A member that was added has null as its old value; a member that was removed has null as its new value.
const changesText = (changes: readonly Change[]): JsonText =>
  `[${changes
    .map(({ path, oldValue, newValue }) =>
      extendObject({ path }, [
        ["old_value", oldValue ?? jsonNull],
        ["new_value", newValue ?? jsonNull],
      ]),
    )
    .join(",")}]` as JsonText;
