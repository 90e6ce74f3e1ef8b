import Type, { type Static } from "typebox";
import { attemptsMax, type StepStatus, stepStatuses } from "../../domain/facts.ts";
import { bodyDocument } from "../exact-json.ts";
import { Instant, nameOf, nullable } from "../fields.ts";
import { reportOf } from "../report.ts";
import type { FactOf, Told } from "./told.ts";

export const StepStatusField = Type.Union(stepStatuses.map((status) => Type.Literal(status)));

/** The platform's own name of a step; `.` and `..` alone would vanish from a path. */
export const StepId = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: "^(\\.?[A-Za-z0-9_~-]|\\.\\.[A-Za-z0-9._~-])[A-Za-z0-9._~-]*$",
  title: "a step's id",
});

/** The fields of a step's report besides its status, which a fact's type may give instead. */
export const stepFields = {
  name: Type.Optional(nameOf(255)),
  index: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }))),
  attempt: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: attemptsMax,
      description:
        "The attempt that this report is about. Default: the present attempt, or the next one after a failure.",
    }),
  ),
  output: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Unknown()),
  occurred_at: Type.Optional(Instant),
};

const StepFields = Type.Object(stepFields);

export const StepReportBody = Type.Object(
  { status: StepStatusField, ...stepFields },
  { additionalProperties: false, title: "StepReport" },
);

/** Makes the fact that a step started or ended. */
export function stepReported(
  told: Told<Static<typeof StepFields>>,
  step: { runId: string; stepId: string; status: StepStatus },
): FactOf<"step.reported"> {
  const { name, index, attempt } = told.body;
  const output = bodyDocument(told, "output");
  const error = bodyDocument(told, "error");
  return {
    type: "step.reported",
    ...reportOf(told, told.body),
    runId: step.runId,
    stepId: step.stepId,
    data: {
      status: step.status,
      ...(attempt !== undefined && { attempt }),
      ...(name !== undefined && { name }),
      ...(index !== undefined && { index }),
      ...(output !== undefined && { output }),
      ...(error !== undefined && { error }),
    },
  };
}
