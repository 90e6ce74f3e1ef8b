import { readAssistants } from "../db/assistants.ts";
import { lockCalls, readMessages } from "../db/calls.ts";
import { listUnfinishedRuns, lockRuns } from "../db/runs.ts";
import type { Tx } from "../db/sql.ts";
import { readSteps } from "../db/steps.ts";
import {
  lockWorkflows,
  readVersions,
  readWorkflows,
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

/** Reads and locks all that a batch is decided on: workflows first, then runs, then calls, each in id order. */
export async function readWorld(tx: Tx, facts: readonly Fact[], keyring: Keyring): Promise<World> {
  const runs = await readRunsAndWorkflows(tx, facts, keyring);
  const calls = await readCalls(tx, facts, keyring);
  return { now: tx.now, ...runs, ...calls, cancelledRunsMax };
}

async function readRunsAndWorkflows(
  tx: Tx,
  facts: readonly Fact[],
  keyring: Keyring,
): Promise<Pick<World, "workflows" | "versions" | "runs" | "steps">> {
  const workflowKeys = keysOf(facts, (fact) => "workflowId" in fact && fact.workflowId);
  // One kind of lock for the whole batch: two kinds could not be taken in one order.
  const lock = facts.some((fact) => fact.type.startsWith("workflow."))
    ? lockWorkflows
    : shareWorkflows;
  const workflows = await ifAny(workflowKeys, (keys) => lock(tx, keys));

  const deleted = keysOf(facts, (fact) => fact.type === "workflow.deleted" && fact.workflowId);
  const unfinished = await ifAny(deleted, (keys) =>
    listUnfinishedRuns(tx, keys, cancelledRunsMax + 1),
  );
  // Of many deletions in one request: cut short, some of their runs would be left behind.
  if (unfinished.length >= 2 * (cancelledRunsMax + 1)) {
    throw new AppError("too_many_unfinished_runs", "Delete fewer workflows at once.");
  }
  const runKeys = keysOf(facts, (fact) => "runId" in fact && fact.runId);
  const runs = await ifAny(uniqueKeys([...runKeys, ...unfinished]), (keys) => lockRuns(tx, keys));

  const known = new Set(workflows.map(keyOf));
  const missing = uniqueKeys(
    runs.map((run) => ({ teamId: run.teamId, id: run.workflowId })),
  ).filter((key) => !known.has(keyOf(key)));
  workflows.push(...(await ifAny(missing, (keys) => readWorkflows(tx, keys))));

  const versioned = keysOf(
    facts,
    (fact) => fact.type.startsWith("workflow.version_") && "workflowId" in fact && fact.workflowId,
  );
  const versions = await ifAny(versioned, (keys) => readVersions(tx, keys));

  const stepKeys = facts.flatMap((fact) =>
    fact.type === "step.reported"
      ? [{ teamId: fact.teamId, runId: fact.runId, id: fact.stepId }]
      : [],
  );
  const steps = await ifAny(stepKeys, (keys) => readSteps(tx, keys));

  return {
    workflows: new Map(workflows.map((workflow) => [keyOf(workflow), workflow])),
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
  const messages = await ifAny(calls, (keys) => readMessages(tx, keys));
  const assistantKeys = uniqueKeys([
    ...keysOf(facts, (fact) => fact.type === "call.created" && fact.assistantId),
    ...calls.map((call) => ({ teamId: call.teamId, id: call.assistantId })),
  ]);
  const assistants = await ifAny(assistantKeys, (keys) => readAssistants(tx, keys));
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

/** The subjects that a batch's facts name by `idOf`, each once. */
function keysOf(facts: readonly Fact[], idOf: (fact: Fact) => string | false): TeamKey[] {
  return uniqueKeys(
    facts.flatMap((fact) => {
      const id = idOf(fact);
      return id === false ? [] : [{ teamId: fact.teamId, id }];
    }),
  );
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
