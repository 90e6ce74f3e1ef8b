import type { StepReport, StepStatus } from "../facts.ts";
import type { JsonText } from "../json-text.ts";
import { sameJson } from "../same-json.ts";
import type { Transition } from "./happening.ts";
import { isFinal, type Run } from "./run.ts";
import type { Report, Workflow } from "./workflow.ts";

export type Step = {
  teamId: string;
  runId: string;
  id: string;
  name: string;
  index: number | null;
  status: StepStatus;
  output: JsonText | null;
  error: JsonText | null;
  startedAt: Date;
  completedAt: Date | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

/**
 * Applies a report of a step: started once, then completed or failed once; the same report again is a repeat.
 *
 * A step may be reported when it is over only. What comes after its run has ended is refused.
 */
export function reportStep(
  existing: Step | undefined,
  subject: { run: Run; workflow: Workflow; stepId: string },
  data: StepReport,
  report: Report & { occurredAt: Date },
): Transition<Step> {
  const { run, workflow, stepId } = subject;
  const state: Step = {
    ...(existing ?? newStep(run, stepId, report)),
    ...(data.name !== undefined && { name: data.name }),
    ...(data.index !== undefined && { index: data.index }),
    ...(data.output !== undefined && { output: data.output }),
    ...(data.error !== undefined && { error: data.error }),
    status: data.status,
    updatedBy: report.actor,
    updatedAt: report.now,
  };
  if (existing && sameReport(existing, state)) return { kind: "repeated", state: existing };
  if (existing && existing.status !== "started") {
    return refused(`The step is ${existing.status}, which is final; it takes no further changes.`);
  }
  if (isFinal(run.status)) {
    return refused(`The run is ${run.status}, which is final; it takes no further steps.`);
  }
  if (data.status !== "started") {
    state.completedAt = new Date(Math.max(report.occurredAt.getTime(), state.startedAt.getTime()));
  }
  // Another name or index of a step that goes on is no news to a subscriber.
  const happened = existing?.status === data.status ? [] : [told(workflow, run, state)];
  return { kind: "changed", state, happened };
}

const told = (workflow: Workflow, run: Run, step: Step) =>
  ({ kind: "step_reported", workflow, run, step }) as const;

const refused = (detail: string) =>
  ({ kind: "refused", code: "transition_refused", detail }) as const;

function newStep(run: Run, id: string, report: Report & { occurredAt: Date }): Step {
  return {
    teamId: run.teamId,
    runId: run.id,
    id,
    name: id,
    index: null,
    status: "started",
    output: null,
    error: null,
    startedAt: report.occurredAt,
    completedAt: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
}

const sameReport = (a: Step, b: Step): boolean =>
  a.status === b.status &&
  a.name === b.name &&
  a.index === b.index &&
  sameJson(a.output, b.output) &&
  sameJson(a.error, b.error);
