import Type, { type Static, type TObject, type TProperties } from "typebox";
import type { Fact, StepStatus } from "../../domain/facts.ts";
import { callIdFromSeed } from "../../ids.ts";
import { Id, Instant } from "../fields.ts";
import { openJudge } from "../validation.ts";
import {
  CallCreateBody,
  CallEndBody,
  CallErrorBody,
  CallId,
  CallMessageBody,
  CallStatusBody,
  callCreated,
  callEnded,
  callError,
  callMessage,
  callStatus,
} from "./calls.ts";
import { RunStartBody, RunUpdateBody, runStarted, runUpdated } from "./runs.ts";
import { StepId, stepFields, stepReported } from "./steps.ts";
import type { Told } from "./told.ts";
import {
  VersionActivateBody,
  VersionCreateBody,
  versionActivated,
  versionCreated,
  WorkflowCreateBody,
  WorkflowUpdateBody,
  workflowCreated,
  workflowDeleted,
  workflowUpdated,
} from "./workflows.ts";

/** One type of fact as it may be reported in bulk. */
export type FactForm = {
  /** The schema of `data`. */
  data: TObject;
  judge: ReturnType<typeof openJudge>;
  /** Makes the fact of a valid `data`; `freshId` makes the id of a new subject whose `data` has none. */
  toFact: (told: Told<unknown>, freshId: () => string) => Fact;
};

const workflow = { workflow_id: Id };
const run = { run_id: Id };
const call = { call_id: CallId };

/** The types of facts: `data` is the body of the corresponding route, plus the ids of that route's path. */
export const factForms: Readonly<Record<string, FactForm>> = {
  "workflow.created": form(WorkflowCreateBody, workflowCreated),
  "workflow.updated": form(plus(WorkflowUpdateBody, workflow), (told) =>
    workflowUpdated(told, told.body.workflow_id),
  ),
  "workflow.version_created": form(plus(VersionCreateBody, workflow), (told, freshId) =>
    versionCreated(told, told.body.workflow_id, freshId),
  ),
  "workflow.version_activated": form(
    plus(VersionActivateBody, {
      ...workflow,
      version_number: Type.Integer({ minimum: 1, maximum: 999_999_999 }),
    }),
    (told) => versionActivated(told, told.body.workflow_id, told.body.version_number),
  ),
  "workflow.deleted": form(
    Type.Object(
      { ...workflow, occurred_at: Type.Optional(Instant) },
      { additionalProperties: false },
    ),
    (told) => workflowDeleted(told, told.body.workflow_id),
  ),
  "run.started": form(RunStartBody, runStarted),
  "run.updated": form(plus(RunUpdateBody, run), (told) => runUpdated(told, told.body.run_id)),
  "step.started": stepForm("started"),
  "step.completed": stepForm("completed"),
  "step.failed": stepForm("failed"),
  "call.created": form(CallCreateBody, (told, freshId) =>
    callCreated(told, (callType) => callIdFromSeed(callType, freshId())),
  ),
  "call.status": form(plus(CallStatusBody, call), (told) => callStatus(told, told.body.call_id)),
  "call.message": form(plus(CallMessageBody, call), (told) => callMessage(told, told.body.call_id)),
  "call.error": form(plus(CallErrorBody, call), (told) => callError(told, told.body.call_id)),
  "call.ended": form(plus(CallEndBody, call), (told) => callEnded(told, told.body.call_id)),
};

function form<Data extends TObject>(
  data: Data,
  toFact: (told: Told<Static<Data>>, freshId: () => string) => Fact,
): FactForm {
  return { data, judge: openJudge(data), toFact: toFact as FactForm["toFact"] };
}

function plus<Body extends TProperties, Ids extends TProperties>(
  body: TObject<Body>,
  ids: Ids,
): TObject<Ids & Body> {
  return Type.Object(
    { ...ids, ...body.properties },
    { additionalProperties: false },
  ) as unknown as TObject<Ids & Body>;
}

/** The fact's type gives the status; `data` may repeat it, as the route's body has it. */
function stepForm(status: StepStatus): FactForm {
  const StepData = Type.Object(
    {
      ...run,
      step_id: StepId,
      status: Type.Optional(Type.Literal(status)),
      ...stepFields,
    },
    { additionalProperties: false },
  );
  return form(StepData, (told) => {
    const { run_id, step_id } = told.body;
    return stepReported(told, { runId: run_id, stepId: step_id, status });
  });
}
