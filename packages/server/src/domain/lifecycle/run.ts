import type { FactContent, NewRun, RunChanges, RunStatus, RunTrigger } from "../facts.ts";
import { type JsonText, jsonText } from "../json-text.ts";
import { jsonDiffers, namesOutside, plainDiffers, repeatUnless, withReplaced } from "../repeats.ts";
import { sameJson } from "../same-json.ts";
import type { Transition } from "./happening.ts";
import type { Report, Workflow } from "./workflow.ts";

/** A workflow run as it is stored. Free-form values are the exact JSON text of the report. */
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
  /** Digests of documents that were reported and later replaced. */
  earlier: string | null;
  /** What ended the run without a report: `run_timeout` or `workflow_deleted`; null otherwise. */
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

/** Says whether a run in this state has ended. */
export const isFinal = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled";

/** Compares a run's start with the recorded one, whatever the run's state is now. */
export const repeatStart = (run: Run, workflowId: string, data: NewRun): Transition<Run> =>
  repeatUnless(
    [
      ...plainDiffers("workflow_id", workflowId, run.workflowId),
      ...plainDiffers("trigger", data.trigger, run.trigger),
      ...jsonDiffers("input", data.input, run.input),
      ...plainDiffers("timeout_seconds", data.timeoutSeconds, run.timeoutSeconds),
    ],
    run,
  );

/** Begins a run. */
export function startRun(
  workflow: Workflow,
  runId: string,
  data: NewRun,
  report: Report & { occurredAt: Date },
): Transition<Run> {
  const timeoutSeconds = data.timeoutSeconds ?? null;
  const state: Run = {
    teamId: workflow.teamId,
    id: runId,
    workflowId: workflow.id,
    status: "started",
    trigger: data.trigger,
    versionNumber: workflow.versionNumber,
    input: data.input ?? null,
    output: null,
    collectedInformation: null,
    error: null,
    earlier: null,
    terminationSource: null,
    timeoutSeconds,
    // Counted from now, not from occurredAt: otherwise the deadline of a late report could have passed already.
    deadlineAt:
      timeoutSeconds === null ? null : new Date(report.now.getTime() + timeoutSeconds * 1000),
    startedAt: report.occurredAt,
    completedAt: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
  return { kind: "changed", state, happened: [{ kind: "run_started", workflow, run: state }] };
}

/** Applies a PATCH: an unfinished run may pause, resume or end; an ended run only accepts repeats of earlier reports. */
export function updateRun(
  run: Run,
  workflow: Workflow,
  data: RunChanges,
  report: Report & { occurredAt: Date },
): Transition<Run> {
  const differing = documents.filter(
    ({ member }) => data[member] !== undefined && !sameJson(data[member], run[member]),
  );
  const status = data.status ?? run.status;
  if (isFinal(run.status)) return repeatOfEnded(run, data, differing);
  if (status === run.status && differing.length === 0) return { kind: "repeated", state: run };
  const replaced = differing.filter(({ member }) => run[member] !== null);
  const next: Run = {
    ...run,
    ...Object.fromEntries(differing.map(({ member }) => [member, data[member]])),
    status,
    earlier: withReplaced(run.earlier, saltOf(run), contentOf(run, replaced)),
  };
  return finishIfFinal(next, workflow, report);
}

/** The documents that reports may replace until the run ends, and their names in a report's body. */
const documents = [
  { member: "output", name: "output" },
  { member: "collectedInformation", name: "collected_information" },
  { member: "error", name: "error" },
] as const;
type RunDocument = (typeof documents)[number];

/**
 * Accepts as a repeat of an ended run: its end, and every earlier state, reported or not, with its content.
 *
 * In a repeat of an earlier state a null is not compared: each document was null at first.
 */
function repeatOfEnded(
  run: Run,
  data: RunChanges,
  differing: readonly RunDocument[],
): Transition<Run> {
  if (data.status !== undefined && isFinal(data.status)) {
    if (data.status === run.status) return repeatUnless(differing.map(nameOf), run);
    const detail = `The run is ${run.status}, which is final; it cannot become ${data.status}.`;
    return { kind: "refused", code: "transition_refused", detail };
  }
  const said =
    data.status === undefined ? differing : differing.filter(({ member }) => data[member]);
  return repeatUnless(namesOutside(run.earlier ?? "", saltOf(run), contentOf(data, said)), run);
}

/** The content of these documents of a run or a report. */
const contentOf = (said: Omit<RunChanges, "status">, among: readonly RunDocument[]): FactContent =>
  new Map(among.map(({ member, name }) => [name, said[member] ?? jsonText(null)]));

const nameOf = ({ name }: RunDocument): string => name;

const saltOf = ({ teamId, id }: Run): string => `${teamId}/${id}`;

/** Ends a run whose deadline has passed; a run that ended meanwhile stays as it is. */
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
