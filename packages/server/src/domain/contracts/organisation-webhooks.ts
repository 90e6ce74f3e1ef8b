import { eventId, publicEventId } from "../../ids.ts";
import { extendObject, type JsonText, jsonText } from "../json-text.ts";
import type { Happening } from "../lifecycle/happening.ts";
import type { Run } from "../lifecycle/run.ts";
import type { Step } from "../lifecycle/step.ts";
import { type Contract, documentBytesMax } from "./contract.ts";
import { durationMs } from "./workflow-webhooks.ts";

/** Contract B's event types. */
export const organisationEventTypes = [
  "workflow.started",
  "workflow.completed",
  "workflow.failed",
  "workflow.step.started",
  "workflow.step.completed",
  "workflow.step.failed",
] as const;
export type OrganisationEventType = (typeof organisationEventTypes)[number];

type Told = Extract<Happening, { run: Run }>;

/** Contract B's fixed policy: it has no settings for these. */
export const organisationPolicy = {
  timeoutSeconds: 10,
  maxRetries: 3,
  backoffSeconds: 10,
} as const;

/** Names, states and times. An event with output and error has two documents of any size besides. */
const runBytesMax = 2 * 1024;
const resultBytesMax = 2 * documentBytesMax + 2 * runBytesMax;

const bodyBytesMax: Record<OrganisationEventType, number> = {
  "workflow.started": runBytesMax,
  "workflow.completed": resultBytesMax,
  "workflow.failed": resultBytesMax,
  "workflow.step.started": resultBytesMax,
  "workflow.step.completed": resultBytesMax,
  "workflow.step.failed": resultBytesMax,
};

/** Contract B: organisation webhooks, signed over the bare body under the subscriber's own secret. */
export const organisationWebhooks: Contract = {
  name: "organisation",
  samplesOnce: true,
  eventTypes: organisationEventTypes,
  bodyBytesMax,
  mayTell: {
    "workflow.deleted": ["workflow.failed"],
    "run.started": ["workflow.started"],
    "run.updated": ["workflow.completed", "workflow.failed"],
    "run.timed_out": ["workflow.failed"],
    "step.reported": ["workflow.step.started", "workflow.step.completed", "workflow.step.failed"],
  },
  eventTypeOf: (happening) => ("run" in happening ? typeOf(happening) : undefined),
  subjectOf: () => null,

  render(happening, { actor, occurredAt, sample }) {
    if (!("run" in happening)) throw new Error(`contract B does not tell ${happening.kind}`);
    const { workflow, run } = happening;
    const step = happening.kind === "step_reported" ? happening.step : undefined;
    const eventType = typeOf(happening);
    const dedupeKey = runDedupeKey(eventType, run.id, step);
    const id = eventId({
      teamId: workflow.teamId,
      contract: "organisation",
      dedupeKey,
      subjectId: run.id,
    });
    const payload = extendObject(
      {
        event_id: publicEventId(id),
        event_type: eventType,
        workflow_id: workflow.id,
        organization_id: workflow.teamId,
        timestamp: occurredAt,
      },
      [["data", step ? stepData(workflow.name, run, step) : runData(workflow.name, run, sample)]],
    );
    return {
      id,
      teamId: workflow.teamId,
      contract: "organisation",
      eventType,
      dedupeKey,
      workflowId: workflow.id,
      workflowName: workflow.name,
      runId: run.id,
      runStatus: run.status,
      assistantId: null,
      callId: null,
      messageId: null,
      order: null,
      createdBy: actor,
      payload: Buffer.from(payload),
    };
  },

  headers: ({ customHeaders }) => customHeaders,
  bodySignature: ({ credential }) =>
    credential === null ? undefined : { header: "x-webhook-signature", key: credential },
};

/** A cancelled run counts as failed: every started run ends in exactly one terminal event. */
function typeOf(happening: Told): OrganisationEventType {
  switch (happening.kind) {
    case "run_started":
      return "workflow.started";
    case "run_ended":
      return happening.run.status === "completed" ? "workflow.completed" : "workflow.failed";
    case "step_reported":
      return `workflow.step.${happening.step.status}`;
    default:
      throw new Error(`unknown happening ${happening satisfies never}`);
  }
}

/** A step and its attempt, as an event's dedupe key names them. */
export type ToldStep = { id: string; attempt: number };

/** The dedupe key of an event about a run or about one attempt of a step; a first attempt has the step's own name. */
export const runDedupeKey = (
  eventType: OrganisationEventType,
  runId: string,
  step?: ToldStep,
): string =>
  [
    eventType,
    runId,
    ...(step ? [step.id] : []),
    ...(step && step.attempt > 1 ? [step.attempt] : []),
  ].join(":");

const jsonNull = jsonText(null);

const runData = (workflowName: string, run: Run, sample: true | undefined): JsonText =>
  extendObject(
    {
      run_id: run.id,
      workflow_name: workflowName,
      status: run.status,
      trigger: run.trigger,
      started_at: run.startedAt,
      completed_at: run.completedAt,
      duration_ms: durationMs(run),
      // Only a test has it: the event of a real run never carries `test: false`.
      test: sample,
    },
    [
      ["output", run.output ?? jsonNull],
      ["error", run.error ?? jsonNull],
    ],
  );

const stepData = (workflowName: string, run: Run, step: Step): JsonText =>
  extendObject({ run_id: run.id, workflow_name: workflowName }, [
    [
      "step",
      extendObject(
        {
          id: step.id,
          name: step.name,
          index: step.index,
          attempt: step.attempt,
          status: step.status,
          started_at: step.startedAt,
          completed_at: step.completedAt,
          duration_ms: durationMs(step),
        },
        [
          ["output", step.output ?? jsonNull],
          ["error", step.error ?? jsonNull],
        ],
      ),
    ],
  ]);
