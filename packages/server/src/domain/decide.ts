import { AppError } from "../errors.ts";
import type { Occurrence } from "./contracts/contract.ts";
import { decideCall } from "./decide-call.ts";
import type { Fact } from "./facts.ts";
import { type Accepted, accepted } from "./lifecycle/happening.ts";
import {
  cancelRun,
  isFinal,
  type Run,
  repeatStart,
  startRun,
  timeOutRun,
  updateRun,
} from "./lifecycle/run.ts";
import { reportStep } from "./lifecycle/step.ts";
import {
  activateVersion,
  createVersion,
  createWorkflow,
  deleteWorkflow,
  type Report,
  updateWorkflow,
  type Version,
  type Workflow,
} from "./lifecycle/workflow.ts";
import { type Changes, type Recorded, subjectKey, type World } from "./world.ts";

/**
 * Decides one fact on the world after the facts before it, and changes both world and changes.
 *
 * Throws `AppError` when the fact is refused; then world and changes stay as they were.
 */
export function decide(fact: Fact, world: World, changes: Changes): Recorded {
  refuseFuture(fact, world.now);
  const report: Report = { actor: fact.actor, now: world.now };
  const { actor, trace } = fact;
  const occurrence = { actor, occurredAt: fact.occurredAt ?? world.now, trace };

  switch (fact.type) {
    case "workflow.created": {
      const key = subjectKey(fact.teamId, fact.workflowId);
      const existing = world.workflows.get(key);
      const subject = { teamId: fact.teamId, id: fact.workflowId };
      const next = accepted(createWorkflow(existing, subject, fact.data, report));
      if (next.kind === "changed") {
        changes.newWorkflows.add(key);
        const version = firstVersion(next.state);
        addVersion(world, changes, next.state, version, fact.actor);
      }
      return keepWorkflow(world, changes, next, occurrence);
    }
    case "workflow.updated": {
      const workflow = liveWorkflow(world, fact.teamId, fact.workflowId);
      const next = accepted(updateWorkflow(workflow, fact.data, report));
      return keepWorkflow(world, changes, next, occurrence);
    }
    case "workflow.version_created": {
      const workflow = liveWorkflow(world, fact.teamId, fact.workflowId);
      const versions = world.versions.get(subjectKey(fact.teamId, fact.workflowId)) ?? [];
      const made = createVersion(workflow, versions, fact.data, report);
      const next = accepted(made);
      if (next.kind === "changed" && made.version) {
        addVersion(world, changes, workflow, made.version, fact.actor);
      }
      return {
        ...keepWorkflow(world, changes, next, occurrence),
        ...(made.version && { version: made.version }),
      };
    }
    case "workflow.version_activated": {
      const workflow = liveWorkflow(world, fact.teamId, fact.workflowId);
      const versions = world.versions.get(subjectKey(fact.teamId, fact.workflowId)) ?? [];
      const next = accepted(activateVersion(workflow, versions, fact.data.versionNumber, report));
      return keepWorkflow(world, changes, next, occurrence);
    }
    case "workflow.deleted": {
      const workflow = liveWorkflow(world, fact.teamId, fact.workflowId);
      cancelUnfinishedRuns(workflow, world, changes, { report, trace });
      return keepWorkflow(world, changes, accepted(deleteWorkflow(workflow, report)), occurrence);
    }
    case "run.started": {
      const key = subjectKey(fact.teamId, fact.runId);
      const existing = world.runs.get(key);
      // A recorded start is still a repeat after its workflow was deleted.
      if (existing) {
        const next = accepted(repeatStart(existing, fact.workflowId, fact.data));
        return keepRun(world, changes, next, occurrence);
      }
      const workflow = liveWorkflow(world, fact.teamId, fact.workflowId);
      const timed = { ...report, occurredAt: occurrence.occurredAt };
      const next = accepted(startRun(workflow, fact.runId, fact.data, timed));
      changes.newRuns.add(key);
      return keepRun(world, changes, next, occurrence);
    }
    case "run.updated": {
      const { run, workflow } = knownRun(world, fact.teamId, fact.runId);
      const timed = { ...report, occurredAt: occurrence.occurredAt };
      return keepRun(
        world,
        changes,
        accepted(updateRun(run, workflow, fact.data, timed)),
        occurrence,
      );
    }
    case "run.timed_out": {
      const { run, workflow } = knownRun(world, fact.teamId, fact.runId);
      return keepRun(world, changes, accepted(timeOutRun(run, workflow, report)), occurrence);
    }
    case "step.reported": {
      const { run, workflow } = knownRun(world, fact.teamId, fact.runId);
      const key = subjectKey(fact.teamId, fact.runId, fact.stepId);
      const existing = world.steps.get(key);
      const timed = { ...report, occurredAt: occurrence.occurredAt };
      const subject = { run, workflow, stepId: fact.stepId };
      const next = accepted(reportStep(existing, subject, fact.data, timed));
      if (next.kind === "repeated") return { outcome: "repeated", step: next.state };
      world.steps.set(key, next.state);
      (existing ? changes.changedSteps : changes.newSteps).add(key);
      for (const happening of next.happened) changes.happened.push({ happening, occurrence });
      return { outcome: "recorded", step: next.state, stepIsNew: existing === undefined };
    }
    case "call.created":
    case "call.status":
    case "call.message":
    case "call.error":
    case "call.ended":
    case "call.hung":
    case "call.report_due":
      return decideCall(fact, world, changes);
    default:
      throw new Error(`unknown fact ${fact satisfies never}`);
  }
}

/** How far a platform's clock may run ahead of the database's. */
const aheadMsMax = 24 * 60 * 60 * 1_000;

/** Refuses a time in the future: a run that started in the year 2999 could never end after its start. */
function refuseFuture({ occurredAt }: Fact, now: Date): void {
  if (occurredAt !== undefined && occurredAt.getTime() > now.getTime() + aheadMsMax) {
    throw new AppError("invalid_request", "The fact's time is more than a day in the future.", [
      { loc: ["body"], msg: "is more than a day in the future", type: "maximum" },
    ]);
  }
}

function cancelUnfinishedRuns(
  workflow: Workflow,
  world: World,
  changes: Changes,
  { report, trace }: { report: Report; trace: Occurrence["trace"] },
): void {
  const unfinished = [...world.runs.values()].filter(
    (run) =>
      run.teamId === workflow.teamId && run.workflowId === workflow.id && !isFinal(run.status),
  );
  if (unfinished.length > world.cancelledRunsMax) {
    throw new AppError(
      "too_many_unfinished_runs",
      `The workflow has more than ${world.cancelledRunsMax} unfinished runs; end some of them before you delete it.`,
    );
  }
  for (const run of unfinished) {
    const occurrence = { actor: report.actor, occurredAt: world.now, trace };
    keepRun(world, changes, accepted(cancelRun(run, workflow, report)), occurrence);
  }
}

function keepWorkflow(
  world: World,
  changes: Changes,
  next: Accepted<Workflow>,
  occurrence: Occurrence,
): Recorded {
  if (next.kind === "repeated") return { outcome: "repeated", workflow: next.state };
  const key = subjectKey(next.state.teamId, next.state.id);
  world.workflows.set(key, next.state);
  changes.changedWorkflows.add(key);
  for (const happening of next.happened) changes.happened.push({ happening, occurrence });
  return { outcome: "recorded", workflow: next.state };
}

function keepRun(
  world: World,
  changes: Changes,
  next: Accepted<Run>,
  occurrence: Occurrence,
): Recorded {
  if (next.kind === "repeated") return { outcome: "repeated", run: next.state };
  const key = subjectKey(next.state.teamId, next.state.id);
  world.runs.set(key, next.state);
  changes.changedRuns.add(key);
  for (const happening of next.happened) changes.happened.push({ happening, occurrence });
  return { outcome: "recorded", run: next.state };
}

const firstVersion = ({ id, versionName }: Workflow): Version => ({
  id,
  number: 1,
  name: versionName,
  markedActive: true,
});

function addVersion(
  world: World,
  changes: Changes,
  workflow: Workflow,
  version: Version,
  createdBy: string,
): void {
  const key = subjectKey(workflow.teamId, workflow.id);
  world.versions.set(key, [...(world.versions.get(key) ?? []), version]);
  changes.newVersions.push({
    ...version,
    teamId: workflow.teamId,
    workflowId: workflow.id,
    createdBy,
  });
}

function liveWorkflow(world: World, teamId: string, id: string): Workflow {
  const workflow = world.workflows.get(subjectKey(teamId, id));
  if (!workflow || workflow.deletedAt) {
    throw new AppError("not_found", `There is no workflow ${id}.`);
  }
  return workflow;
}

function knownRun(world: World, teamId: string, id: string): { run: Run; workflow: Workflow } {
  const run = world.runs.get(subjectKey(teamId, id));
  const workflow = run && world.workflows.get(subjectKey(teamId, run.workflowId));
  if (!run || !workflow) throw new AppError("not_found", `There is no run ${id}.`);
  return { run, workflow };
}
