import { attemptsMax, type FactContent, type StepReport, type StepStatus } from "../facts.ts";
import { type JsonText, jsonText } from "../json-text.ts";
import {
  digestsOf,
  jsonDiffers,
  namesOutside,
  plainDiffers,
  repeatUnless,
  withReplaced,
} from "../repeats.ts";
import type { Transition } from "./happening.ts";
import { isFinal, type Run } from "./run.ts";
import type { Report, Workflow } from "./workflow.ts";

/** A step of a run as it is stored. Free-form values are the exact JSON text of the report. */
export type Step = {
  teamId: string;
  runId: string;
  id: string;
  name: string;
  index: number | null;
  /** The number of the present attempt, from 1; the other fields are about this attempt. */
  attempt: number;
  status: StepStatus;
  output: JsonText | null;
  error: JsonText | null;
  /** Digests of what was reported of this or an earlier attempt and later replaced. */
  earlier: string | null;
  startedAt: Date;
  completedAt: Date | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

type Subject = { run: Run; workflow: Workflow; stepId: string };
type Timed = Report & { occurredAt: Date };

/**
 * Applies a report of a step. An attempt starts once, then completes or fails once; after a failed attempt another may
 * start. What was reported before, and every state before the present one, is a repeat.
 *
 * A step may be reported for the first time after it has ended. A new report after the end of its run is refused.
 */
export function reportStep(
  existing: Step | undefined,
  subject: Subject,
  data: StepReport,
  report: Timed,
): Transition<Step> {
  const standing = existing ? standingOf(existing, data) : "next";
  if (existing && standing === "contradiction") {
    return refused(`The step is ${existing.status}; ${data.status} cannot follow.`);
  }
  if (existing && standing === "earlier") return repeatOfEarlier(existing, data);
  const differing = existing ? differingFrom(existing, data) : [];
  if (existing && standing === "present") {
    if (data.status === existing.status && differing.length === 0) {
      return { kind: "repeated", state: existing };
    }
    if (existing.status !== "started") return repeatUnless(differing, existing);
  }
  const { run, workflow } = subject;
  if (isFinal(run.status)) {
    return refused(`The run is ${run.status}, which is final; it takes no further steps.`);
  }
  const state = moved(existing, standing, subject, data, report);
  if (state.attempt > attemptsMax) {
    return refused(`The step has reached its limit of ${attemptsMax} attempts.`);
  }
  // A new name or index of a step in the same state makes no event.
  const news = standing === "next" || existing?.status !== data.status;
  return { kind: "changed", state, happened: news ? [told(workflow, run, state)] : [] };
}

/** How a report relates to the state that was recorded last. */
type Standing = "earlier" | "present" | "next" | "contradiction";

function standingOf(step: Step, { status, attempt }: StepReport): Standing {
  if (attempt !== undefined && attempt < step.attempt) return "earlier";
  if (attempt !== undefined && attempt > step.attempt) {
    // The next attempt may start without a reported end of the present one: its worker may have crashed. A success is final.
    return step.status === "completed" ? "contradiction" : "next";
  }
  if (status === step.status || step.status === "started") return "present";
  if (status !== "started") return "contradiction";
  return step.status === "failed" && attempt === undefined ? "next" : "earlier";
}

/** The step after the report. */
function moved(
  existing: Step | undefined,
  standing: Standing,
  { run, stepId }: Subject,
  data: StepReport,
  report: Timed,
): Step {
  const base = standing === "next" ? nextAttempt(existing, run, stepId, report) : existing;
  if (!base) throw new Error("a step that goes on is not there");
  const state: Step = {
    ...base,
    ...(data.attempt !== undefined && { attempt: data.attempt }),
    ...(data.name !== undefined && { name: data.name }),
    ...(data.index !== undefined && { index: data.index }),
    ...(data.output !== undefined && { output: data.output }),
    ...(data.error !== undefined && { error: data.error }),
    status: data.status,
    updatedBy: report.actor,
    updatedAt: report.now,
  };
  if (data.status !== "started") {
    state.completedAt = new Date(Math.max(report.occurredAt.getTime(), state.startedAt.getTime()));
  }
  if (existing)
    state.earlier = withReplaced(existing.earlier, saltOf(existing), replacedBy(existing, state));
  return state;
}

/** A new attempt. Name and index belong to the step and are kept. */
function nextAttempt(existing: Step | undefined, run: Run, id: string, report: Timed): Step {
  const fresh = newStep(run, id, report);
  if (!existing) return fresh;
  const { startedAt, updatedBy, updatedAt } = fresh;
  return {
    ...existing,
    attempt: existing.attempt + 1,
    status: "started",
    output: null,
    error: null,
    completedAt: null,
    ...{ startedAt, updatedBy, updatedAt },
  };
}

/** A report of an earlier state is a repeat if it says what was recorded for that state; a null is not compared. */
function repeatOfEarlier(step: Step, data: StepReport): Transition<Step> {
  const said = contentOf(data);
  const known = (step.earlier ?? "") + digestsOf(saltOf(step), contentOf(step));
  return repeatUnless(namesOutside(known, saltOf(step), said), step);
}

const differingFrom = (step: Step, data: StepReport): string[] => [
  ...plainDiffers("name", data.name, step.name),
  ...plainDiffers("index", data.index, step.index),
  ...jsonDiffers("output", data.output, step.output),
  ...jsonDiffers("error", data.error, step.error),
];

/** The content of a step that a report replaces. */
function replacedBy(step: Step, state: Step): FactContent {
  const replaced = new Set(differingFrom(step, state));
  return new Map([...contentOf(step)].filter(([name]) => replaced.has(name)));
}

/** The content of a step or a report besides its state, without nulls. */
function contentOf({ name, index, output, error }: StepContent): FactContent {
  const members: [string, JsonText | null][] = [
    ["name", name === undefined ? null : jsonText(name)],
    ["index", index == null ? null : jsonText(index)],
    ["output", output ?? null],
    ["error", error ?? null],
  ];
  return new Map(members.flatMap(([member, text]) => (text === null ? [] : [[member, text]])));
}
type StepContent = Pick<StepReport, "name" | "index" | "output" | "error">;

const saltOf = ({ teamId, runId, id }: Step): string => `${teamId}/${runId}/${id}`;

const told = (workflow: Workflow, run: Run, step: Step) =>
  ({ kind: "step_reported", workflow, run, step }) as const;

const refused = (detail: string) =>
  ({ kind: "refused", code: "transition_refused", detail }) as const;

function newStep(run: Run, id: string, report: Timed): Step {
  return {
    teamId: run.teamId,
    runId: run.id,
    id,
    name: id,
    index: null,
    attempt: 1,
    status: "started",
    output: null,
    error: null,
    earlier: null,
    startedAt: report.occurredAt,
    completedAt: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
}
