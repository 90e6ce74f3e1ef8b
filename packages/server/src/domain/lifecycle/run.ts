import type { NewRun, RunChanges, RunStatus, RunTrigger } from "../facts.ts";
import { type JsonText, jsonText } from "../json-text.ts";
import { sameJson } from "../same-json.ts";
import type { Transition } from "./happening.ts";
import type { Report, Workflow } from "./workflow.ts";

export type Run = {
  teamId: string;
  id: string;
  workflowId: string;
  status: RunStatus;
  trigger: RunTrigger;
  versionNumber: number;
  input: JsonText | null;
  output: JsonText | null;
  collectedInformation: JsonText | null;
  error: JsonText | null;
  /** What ended the run when no report did: `run_timeout`, `workflow_deleted`. */
  terminationSource: string | null;
  timeoutSeconds: number | null;
  deadlineAt: Date | null;
  startedAt: Date;
  completedAt: Date | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

/** Says whether a run in this state has ended for good. */
export const isFinal = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled";

/** Begins a run; the same id for the same workflow and trigger is a repeat, otherwise a conflict. */
export function startRun(
  existing: Run | undefined,
  workflow: Workflow,
  runId: string,
  data: NewRun,
  report: Report & { occurredAt: Date },
): Transition<Run> {
  if (existing) {
    return existing.workflowId === workflow.id && existing.trigger === data.trigger
      ? { kind: "repeated", state: existing }
      : {
          kind: "refused",
          code: "id_taken",
          detail: `The id ${runId} already names another run.`,
        };
  }
  const state: Run = {
    teamId: workflow.teamId,
    id: runId,
    workflowId: workflow.id,
    status: "started",
    trigger: data.trigger,
    versionNumber: workflow.versionNumber,
    input: data.input,
    output: null,
    collectedInformation: null,
    error: null,
    terminationSource: null,
    timeoutSeconds: data.timeoutSeconds,
    // Counted from now, not from occurredAt: a late report must not be dead on arrival.
    deadlineAt:
      data.timeoutSeconds === null
        ? null
        : new Date(report.now.getTime() + data.timeoutSeconds * 1000),
    startedAt: report.occurredAt,
    completedAt: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
  return { kind: "changed", state, happened: [{ kind: "run_started", workflow, run: state }] };
}

/** Applies a PATCH: any unfinished state may pause, go on or end; an ended run only takes its own repeat. */
export function updateRun(
  run: Run,
  workflow: Workflow,
  data: RunChanges,
  report: Report & { occurredAt: Date },
): Transition<Run> {
  const next: Run = {
    ...run,
    status: data.status ?? run.status,
    output: data.output === undefined ? run.output : data.output,
    collectedInformation:
      data.collectedInformation === undefined
        ? run.collectedInformation
        : data.collectedInformation,
    error: data.error === undefined ? run.error : data.error,
  };
  if (sameReport(run, next)) return { kind: "repeated", state: run };
  if (isFinal(run.status)) {
    return {
      kind: "refused",
      code: "transition_refused",
      detail: `The run is ${run.status}, which is final; it takes no further changes.`,
    };
  }
  return finishIfFinal(next, workflow, report);
}

/** Ends a run that outlived its deadline; one that ended meanwhile stays as it is. */
export function timeOutRun(run: Run, workflow: Workflow, report: Report): Transition<Run> {
  if (isFinal(run.status) || run.deadlineAt === null || run.deadlineAt > report.now) {
    return { kind: "repeated", state: run };
  }
  const error = run.error ?? jsonText(`The run did not end within ${run.timeoutSeconds} seconds.`);
  return finishIfFinal(
    { ...run, status: "failed", error, terminationSource: "run_timeout" },
    workflow,
    { ...report, occurredAt: report.now },
  );
}

/** Cancels a run because its workflow is being deleted. */
export function cancelRun(run: Run, workflow: Workflow, report: Report): Transition<Run> {
  return finishIfFinal(
    { ...run, status: "cancelled", terminationSource: "workflow_deleted" },
    workflow,
    { ...report, occurredAt: report.now },
  );
}

function finishIfFinal(
  next: Run,
  workflow: Workflow,
  report: Report & { occurredAt: Date },
): Transition<Run> {
  const state: Run = { ...next, updatedBy: report.actor, updatedAt: report.now };
  if (!isFinal(state.status)) return { kind: "changed", state, happened: [] };
  // A platform's clock may run behind its own start report; a run never ends before it started.
  const endedAtMs = Math.max(report.occurredAt.getTime(), state.startedAt.getTime());
  state.completedAt = new Date(endedAtMs);
  return { kind: "changed", state, happened: [{ kind: "run_ended", workflow, run: state }] };
}

const sameReport = (a: Run, b: Run): boolean =>
  a.status === b.status &&
  sameJson(a.output, b.output) &&
  sameJson(a.collectedInformation, b.collectedInformation) &&
  sameJson(a.error, b.error);
