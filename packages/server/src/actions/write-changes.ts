import { insertCalls, insertMessages, updateCalls } from "../db/calls.ts";
import { insertRuns, updateRuns } from "../db/runs.ts";
import type { Tx } from "../db/sql.ts";
import { saveSteps } from "../db/steps.ts";
import { insertVersions, insertWorkflows, updateWorkflows } from "../db/workflows.ts";
import type { Changes, World } from "../domain/world.ts";
import type { Keyring } from "../secrets.ts";
import type { Sealing } from "./payload-vault.ts";
import { sealCall, sealMessage, sealRun, sealStep } from "./sealed-state.ts";

/** Thrown inside the transaction when a row that was not there at the read is there at the write. */
export class InsertedMeanwhile extends Error {}

/** Writes the new state of every subject that a batch has changed. */
export async function writeChanges(
  tx: Tx,
  world: World,
  changes: Changes,
  sealing: Sealing,
): Promise<void> {
  await writeWorkflows(tx, world, changes);
  await writeRuns(tx, world, changes, sealing);
  await writeCalls(tx, world, changes, sealing);
}

async function writeWorkflows(tx: Tx, world: World, changes: Changes): Promise<void> {
  const added = pick(world.workflows, changes.newWorkflows);
  if (added.length > 0) expectAll(added, await insertWorkflows(tx, added));
  const changed = pick(world.workflows, without(changes.changedWorkflows, changes.newWorkflows));
  // A workflow that was made and deleted in one batch was inserted as not deleted.
  const old = [...changed, ...added.filter((workflow) => workflow.deletedAt !== null)];
  if (old.length > 0) await updateWorkflows(tx, old);
  if (changes.newVersions.length > 0) await insertVersions(tx, changes.newVersions);
}

async function writeRuns(tx: Tx, world: World, changes: Changes, sealing: Sealing): Promise<void> {
  const added = sealed(sealing, sealRun, pick(world.runs, changes.newRuns));
  if (added.length > 0) expectAll(added, await insertRuns(tx, added));
  const runs = pick(world.runs, without(changes.changedRuns, changes.newRuns));
  const changed = sealed(sealing, sealRun, runs);
  if (changed.length > 0) await updateRuns(tx, changed);
  const steps = pick(world.steps, new Set([...changes.newSteps, ...changes.changedSteps]));
  if (steps.length > 0) await saveSteps(tx, sealed(sealing, sealStep, steps));
}

async function writeCalls(tx: Tx, world: World, changes: Changes, sealing: Sealing): Promise<void> {
  const added = sealed(sealing, sealCall, pick(world.calls, changes.newCalls));
  if (added.length > 0) expectAll(added, await insertCalls(tx, added));
  const calls = pick(world.calls, without(changes.changedCalls, changes.newCalls));
  const changed = sealed(sealing, sealCall, calls);
  // A call to which more happened in the batch that made it was inserted as it began.
  const old = [...changed, ...added.filter((call) => call.position > 1)];
  if (old.length > 0) await updateCalls(tx, old);
  if (changes.newMessages.length > 0) {
    await insertMessages(tx, sealed(sealing, sealMessage, changes.newMessages));
  }
}

/** Seals what belongs to teams that want it so. */
const sealed = <State extends { teamId: string }>(
  { keyring, teams }: Sealing,
  seal: (keyring: Keyring, state: State) => State,
  states: readonly State[],
): State[] => states.map((state) => (teams.has(state.teamId) ? seal(keyring, state) : state));

// In id order, so that batches which insert the same rows wait for each other and not in a circle.
const pick = <State>(states: Map<string, State>, keys: ReadonlySet<string>): State[] =>
  [...keys].sort().flatMap((key) => states.get(key) ?? []);

const without = (keys: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> =>
  new Set([...keys].filter((key) => !others.has(key)));

function expectAll(rows: readonly unknown[], insertedCount: number): void {
  if (insertedCount < rows.length) throw new InsertedMeanwhile();
}
