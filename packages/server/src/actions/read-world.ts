import { readAssistants } from "../db/assistants.ts";
import { lockCalls, readMessages } from "../db/calls.ts";
import { listUnfinishedRuns, lockRuns } from "../db/runs.ts";
import { readSteps } from "../db/steps.ts";
import type { Tx } from "../db/transaction.ts";
import {
  lockWorkflows,
  readVersions,
  readWorkflowsOfRuns,
  shareWorkflows,
  type TeamKey,
} from "../db/workflows.ts";
import type { Fact } from "../domain/facts.ts";
import { subjectKey, type World } from "../domain/world.ts";
import { AppError } from "../errors.ts";
import type { Keyring } from "../secrets.ts";
import { openCall, openMessage, openRun, openStep } from "./sealed-state.ts";

/** Unfinished runs that one deletion may cancel. */
const cancelledRunsMax = 10_000;

/**
 * Reads and locks all rows that a batch is decided on: workflows first, then runs, then calls, each in id order.
 *
 * Statements that do not depend on an answer are sent at once; they run in the order of this code.
 */
export async function readWorld(tx: Tx, facts: readonly Fact[], keyring: Keyring): Promise<World> {
  const reading = readRunsAndWorkflows(tx, facts, keyring);
  // A deletion locks its runs after it has read them; calls must not be locked in between.
  if (facts.some((fact) => fact.type === "workflow.deleted")) await reading;
  const [runs, calls, now] = await Promise.all([reading, readCalls(tx, facts, keyring), tx.now]);
  return { now, ...runs, ...calls, cancelledRunsMax };
}

async function readRunsAndWorkflows(
  tx: Tx,
  facts: readonly Fact[],
  keyring: Keyring,
): Promise<Pick<World, "workflows" | "versions" | "runs" | "steps">> {
  const workflowKeys = keysOf(facts, (fact) => "workflowId" in fact && fact.workflowId);
  // One kind of lock for the whole batch: two kinds could not be taken in a common order.
  const lock = facts.some((fact) => fact.type.startsWith("workflow."))
    ? lockWorkflows
    : shareWorkflows;
  const named = ifAny(workflowKeys, (keys) => lock(tx, keys));
  named.catch(() => {}); // It is awaited below, also if the deletion's read fails first.

  const deleted = keysOf(facts, (fact) => fact.type === "workflow.deleted" && fact.workflowId);
  const unfinished =
    deleted.length === 0 ? [] : await listUnfinishedRuns(tx, deleted, cancelledRunsMax + 1);
  // The limit counts all deletions of a request: beyond it, some of their runs would not be cancelled.
  if (unfinished.length >= 2 * (cancelledRunsMax + 1)) {
    throw new AppError("too_many_unfinished_runs", "Delete fewer workflows at once.");
  }
  const runKeys = keysOf(facts, (fact) => "runId" in fact && fact.runId);
  // A fact that starts a run names its workflow; for the other facts, the run does.
  const goingOn = keysOf(facts, (fact) => "runId" in fact && !("workflowId" in fact) && fact.runId);
  const versioned = keysOf(
    facts,
    (fact) => fact.type.startsWith("workflow.version_") && "workflowId" in fact && fact.workflowId,
  );
  const stepKeys = facts.flatMap((fact) =>
    fact.type === "step.reported"
      ? [{ teamId: fact.teamId, runId: fact.runId, id: fact.stepId }]
      : [],
  );
  const [runs, workflows, workflowsOfRuns, versions, steps] = await Promise.all([
    ifAny(unfinished.length === 0 ? runKeys : uniqueKeys([...runKeys, ...unfinished]), (keys) =>
      lockRuns(tx, keys),
    ),
    named,
    ifAny(goingOn, (keys) => readWorkflowsOfRuns(tx, keys)),
    ifAny(versioned, (keys) => readVersions(tx, keys)),
    ifAny(stepKeys, (keys) => readSteps(tx, keys)),
  ]);
  return {
    // The locked rows last: they cannot change any more.
    workflows: new Map(
      [...workflowsOfRuns, ...workflows].map((workflow) => [keyOf(workflow), workflow]),
    ),
    versions: groupBy(versions, (version) => subjectKey(version.teamId, version.workflowId)),
    runs: new Map(runs.map((run) => [keyOf(run), openRun(keyring, run)])),
    steps: new Map(
      steps.map((step) => [subjectKey(step.teamId, step.runId, step.id), openStep(keyring, step)]),
    ),
  };
}

async function readCalls(
  tx: Tx,
  facts: readonly Fact[],
  keyring: Keyring,
): Promise<Pick<World, "assistants" | "calls" | "messages">> {
  const callKeys = keysOf(facts, (fact) => "callId" in fact && fact.callId);
  const calls = await ifAny(callKeys, (keys) => lockCalls(tx, keys));
  const assistantKeys = uniqueKeys([
    ...keysOf(facts, (fact) => fact.type === "call.created" && fact.assistantId),
    ...calls.map((call) => ({ teamId: call.teamId, id: call.assistantId })),
  ]);
  const [messages, assistants] = await Promise.all([
    ifAny(calls, (keys) => readMessages(tx, keys)),
    ifAny(assistantKeys, (keys) => readAssistants(tx, keys)),
  ]);
  return {
    assistants: new Map(assistants.map((assistant) => [keyOf(assistant), assistant])),
    calls: new Map(calls.map((call) => [keyOf(call), openCall(keyring, call)])),
    messages: groupBy(
      messages.map((message) => openMessage(keyring, message)),
      (message) => subjectKey(message.teamId, message.callId),
    ),
  };
}

const keyOf = ({ teamId, id }: TeamKey): string => subjectKey(teamId, id);

const ifAny = async <Key, Row>(
  keys: readonly Key[],
  read: (keys: readonly Key[]) => Promise<Row[]>,
): Promise<Row[]> => (keys.length === 0 ? [] : await read(keys));

/** The keys of the subjects that `idOf` finds in a batch's facts, each once. */
function keysOf(facts: readonly Fact[], idOf: (fact: Fact) => string | false): TeamKey[] {
  const keys = new Map<string, TeamKey>();
  for (const fact of facts) {
    const id = idOf(fact);
    if (id === false) continue;
    const key = subjectKey(fact.teamId, id);
    if (!keys.has(key)) keys.set(key, { teamId: fact.teamId, id });
  }
  return [...keys.values()];
}

const uniqueKeys = (keys: readonly TeamKey[]): TeamKey[] => [
  ...new Map(keys.map((key) => [keyOf(key), key])).values(),
];

/** Groups items by a key, in the order given. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
