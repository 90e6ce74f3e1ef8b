import { insertCalls, insertMessages, updateCalls } from "../db/calls.ts";
import { insertRuns, keepEarlierOfRuns, updateRuns } from "../db/runs.ts";
import { keepEarlierOfSteps, saveSteps } from "../db/steps.ts";
import type { Tx } from "../db/transaction.ts";
import { insertVersions, insertWorkflows, updateWorkflows } from "../db/workflows.ts";
import type { Changes, World } from "../domain/world.ts";
import type { Keyring } from "../secrets.ts";
import type { Sealing } from "./payload-vault.ts";
import { sealCall, sealMessage, sealRun, sealStep } from "./sealed-state.ts";

/**
 * Writes the new state of every subject that a batch has changed.
 *
 * All statements are sent when it returns; they run in this order. It fails as a duplicate if a subject did not exist at
 * the read and exists at the write.
 */
export async function writeChanges(
  tx: Tx,
  world: World,
  changes: Changes,
  sealing: Sealing,
): Promise<void> {
  await Promise.all([
    ...writeWorkflows(tx, world, changes),
    ...writeRuns(tx, world, changes, sealing),
    ...writeCalls(tx, world, changes, sealing),
  ]);
}

function writeWorkflows(tx: Tx, world: World, changes: Changes): Promise<void>[] {
  const added = pick(world.workflows, changes.newWorkflows);
  const changed = pick(world.workflows, without(changes.changedWorkflows, changes.newWorkflows));
  // A workflow that was created and then changed or deleted in one batch was inserted as it was created.
  const old = [...changed, ...added.filter((one) => one.deletedAt ?? one.createdAs)];
  return [
    ...ifAny(added, (rows) => insertWorkflows(tx, rows)),
    ...ifAny(old, (rows) => updateWorkflows(tx, rows)),
    ...ifAny(changes.newVersions, (rows) => insertVersions(tx, rows)),
  ];
}

function writeRuns(tx: Tx, world: World, changes: Changes, sealing: Sealing): Promise<void>[] {
  const added = sealed(sealing, sealRun, pick(world.runs, changes.newRuns));
  const known = without(changes.changedRuns, changes.newRuns);
  const changed = sealed(sealing, sealRun, pick(world.runs, known));
  const keys = new Set([...changes.newSteps, ...changes.changedSteps]);
  const steps = sealed(sealing, sealStep, pick(world.steps, keys));
  return [
    ...ifAny(added, (rows) => insertRuns(tx, rows)),
    ...ifAny(changed, (rows) => updateRuns(tx, rows)),
    ...ifAny([...added, ...changed].filter(hasEarlier), (rows) => keepEarlierOfRuns(tx, rows)),
    ...ifAny(steps, (rows) => saveSteps(tx, rows)),
    ...ifAny(steps.filter(hasEarlier), (rows) => keepEarlierOfSteps(tx, rows)),
  ];
}

function writeCalls(tx: Tx, world: World, changes: Changes, sealing: Sealing): Promise<void>[] {
  const added = sealed(sealing, sealCall, pick(world.calls, changes.newCalls));
  // A call that was created and changed in one batch is inserted as it began.
  const changed = sealed(sealing, sealCall, pick(world.calls, changes.changedCalls));
  const messages = sealed(sealing, sealMessage, changes.newMessages);
  return [
    ...ifAny(added, (rows) => insertCalls(tx, rows)),
    ...ifAny(changed, (rows) => updateCalls(tx, rows)),
    ...ifAny(messages, (rows) => insertMessages(tx, rows)),
  ];
}

/** Says whether earlier reports must be written. Most runs and steps have none. */
const hasEarlier = ({ earlier }: { earlier: string | null }): boolean => earlier !== null;

const ifAny = <State>(
  rows: readonly State[],
  write: (rows: readonly State[]) => Promise<void>,
): Promise<void>[] => (rows.length === 0 ? [] : [write(rows)]);

/** Seals the states of teams that want that. */
const sealed = <State extends { teamId: string }>(
  { keyring, teams }: Sealing,
  seal: (keyring: Keyring, state: State) => State,
  states: readonly State[],
): readonly State[] =>
  teams.size === 0
    ? states
    : states.map((state) => (teams.has(state.teamId) ? seal(keyring, state) : state));

// In id order, so that batches that insert the same rows wait for each other without a deadlock.
const pick = <State>(states: Map<string, State>, keys: ReadonlySet<string>): State[] =>
  [...keys].sort().flatMap((key) => states.get(key) ?? []);

const without = (keys: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> =>
  new Set([...keys].filter((key) => !others.has(key)));
