import Type, { type Static } from "typebox";
import { type RunChanges, reportableRunStatuses, runTriggers } from "../../domain/facts.ts";
import { bodyDocument } from "../exact-json.ts";
import { Id, Instant, nullable } from "../fields.ts";
import { reportOf } from "../report.ts";
import { invalidRequest } from "../validation.ts";
import type { FactOf, Told } from "./told.ts";

export const RunTrigger = Type.Union(runTriggers.map((trigger) => Type.Literal(trigger)));

export const RunStartBody = Type.Object(
  {
    _id: Type.Optional(Id),
    workflow_id: Id,
    trigger: RunTrigger,
    input: Type.Optional(Type.Unknown()),
    timeout_seconds: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 2_592_000 }))),
    occurred_at: Type.Optional(Instant),
  },
  { additionalProperties: false, title: "RunStart" },
);

export const RunUpdateBody = Type.Object(
  {
    status: Type.Optional(Type.Union(reportableRunStatuses.map((status) => Type.Literal(status)))),
    output: Type.Optional(Type.Unknown()),
    collected_information: Type.Optional(Type.Unknown()),
    error: Type.Optional(Type.Unknown()),
    occurred_at: Type.Optional(Instant),
  },
  { additionalProperties: false, title: "RunUpdate", published: { minProperties: 1 } },
);

/** Makes the fact that a run started; `freshId` is its id if the body has none. */
export function runStarted(
  told: Told<Static<typeof RunStartBody>>,
  freshId: () => string,
): FactOf<"run.started"> {
  const { body } = told;
  return {
    type: "run.started",
    ...reportOf(told, body),
    runId: body._id ?? freshId(),
    workflowId: body.workflow_id,
    data: {
      trigger: body.trigger,
      input: bodyDocument(told, "input"),
      timeoutSeconds: body.timeout_seconds,
    },
  };
}

/** Makes the fact that a run changed or ended; a body without a change is a 422. */
export function runUpdated(
  told: Told<Static<typeof RunUpdateBody>>,
  runId: string,
): FactOf<"run.updated"> {
  const { status } = told.body;
  const output = bodyDocument(told, "output");
  const collectedInformation = bodyDocument(told, "collected_information");
  const error = bodyDocument(told, "error");
  const data: RunChanges = {
    ...(status !== undefined && { status }),
    ...(output !== undefined && { output }),
    ...(collectedInformation !== undefined && { collectedInformation }),
    ...(error !== undefined && { error }),
  };
  if (Object.keys(data).length === 0) {
    throw invalidRequest([{ loc: ["body"], msg: "must name what changes", type: "missing" }]);
  }
  return { type: "run.updated", ...reportOf(told, told.body), runId, data };
}
