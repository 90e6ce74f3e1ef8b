import { randomUUID } from "node:crypto";
import { insertDeliveries, type NewDelivery } from "../db/deliveries.ts";
import { insertEvents } from "../db/events.ts";
import { insertRuns, listUnfinishedRuns, lockRuns, updateRuns } from "../db/runs.ts";
import { type Database, isRetryable, isStorageUnavailable, type Tx } from "../db/sql.ts";
import { listWantingSubscriptions, type WantingSubscription } from "../db/wanted.ts";
import {
  insertVersions,
  insertWorkflows,
  lockWorkflows,
  readVersions,
  readWorkflows,
  shareWorkflows,
  type TeamKey,
  updateWorkflows,
} from "../db/workflows.ts";
import type { Contract, RenderedEvent } from "../domain/contracts/contract.ts";
import {
  type Changes,
  decide,
  noChanges,
  type Recorded,
  subjectKey,
  type World,
} from "../domain/decide.ts";
import { type LeasedDelivery, leaseMs } from "../domain/delivery.ts";
import type { Fact } from "../domain/facts.ts";
import { AppError } from "../errors.ts";
import { type GroupCommit, openGroupCommit, type Settled } from "../group-commit.ts";
import { newId } from "../ids.ts";

/**
 * Records one fact: its state change, its events and their deliveries exist together or not at all, and do when this
 * resolves. Throws `AppError` when the fact is refused.
 */
export type RecordFacts = (fact: Fact) => Promise<Recorded>;

/** Where fresh deliveries go at once, while this process has room for them. */
export type HotPath = {
  /** Takes a place for a delivery of this subscription; false: leave it in the table. */
  reserve(subscriptionId: string, payloadBytes: number): boolean;
  /** Gives a place back whose delivery did not come about. */
  cancel(subscriptionId: string, payloadBytes: number): void;
  /** Hands over deliveries whose places were reserved; their leases began at `leasedAtMs` (monotonic). */
  accept(deliveries: readonly LeasedDelivery[], leasedAtMs: number): void;
};

export type RecordFactsDeps = {
  database: Database;
  contracts: readonly Contract[];
  hotPath: HotPath;
  /** Facts that may wait for a commit. */
  waitingMax: number;
  /** Told how many events nobody wanted. */
  onUnwanted: (count: number) => void;
};

const lanes = 2;
const batchMax = 500;
const batchWeightMax = 8 * 1024 * 1024;
const commitTriesMax = 5;
const cancelledRunsMax = 10_000;

/** Opens the one way into the service: group commit in front of read set, decision and write set. */
export function openRecordFacts(deps: RecordFactsDeps): GroupCommit<Fact, Recorded> {
  return openGroupCommit<Fact, Recorded>({
    lanes,
    batchMax,
    weightMax: batchWeightMax,
    waitingMax: deps.waitingMax,
    weigh: factWeight,
    // Whatever else went wrong may be one fact's doing: the others must not share its fate.
    mayBeOneItem: (error) => !isStorageUnavailable(error),
    commit: (facts) => commitFacts(deps, facts),
  });
}

async function commitFacts(
  deps: RecordFactsDeps,
  facts: readonly Fact[],
): Promise<Settled<Recorded>[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await commitOnce(deps, facts);
    } catch (error) {
      // A deadlock, or somebody else's insert between our read and our write: the next try sees it.
      if (tries < commitTriesMax && (isRetryable(error) || error instanceof InsertedMeanwhile)) {
        continue;
      }
      throw error;
    }
  }
}

async function commitOnce(
  deps: RecordFactsDeps,
  facts: readonly Fact[],
): Promise<Settled<Recorded>[]> {
  const reserved: { subscriptionId: string; payloadBytes: number }[] = [];
  // Before the lease is asked for, so that it is never believed to last longer than it does.
  const leasedAtMs = performance.now();
  try {
    const { settled, leased, unwanted } = await deps.database.begin(async (tx) => {
      const world = await readWorld(tx, facts);
      const changes = noChanges();
      const settled = facts.map((fact) => settle(fact, world, changes));
      const { events, deliveries, unwanted } = await fanOut(tx, deps, changes, reserved);
      await writeChanges(tx, world, changes);
      const leased = await writeDeliveries(tx, events, deliveries);
      return { settled, leased, unwanted };
    });
    deps.hotPath.accept(leased, leasedAtMs);
    if (unwanted > 0) deps.onUnwanted(unwanted);
    return settled;
  } catch (error) {
    for (const place of reserved) deps.hotPath.cancel(place.subscriptionId, place.payloadBytes);
    throw error;
  }
}

function settle(fact: Fact, world: World, changes: Changes): Settled<Recorded> {
  try {
    return { result: decide(fact, world, changes) };
  } catch (error) {
    if (error instanceof AppError) return { error };
    throw error;
  }
}

/** Reads and locks all that the batch is decided on: workflows first, then runs, each in id order. */
async function readWorld(tx: Tx, facts: readonly Fact[]): Promise<World> {
  const workflowKeys = keysOf(facts, (fact) =>
    "workflowId" in fact ? { teamId: fact.teamId, id: fact.workflowId } : undefined,
  );
  // One kind of lock for the whole batch: two kinds could not be taken in one order.
  const lock = facts.some((fact) => fact.type.startsWith("workflow."))
    ? lockWorkflows
    : shareWorkflows;
  const workflows = workflowKeys.length === 0 ? [] : await lock(tx, workflowKeys);

  const runKeys = keysOf(facts, (fact) =>
    "runId" in fact ? { teamId: fact.teamId, id: fact.runId } : undefined,
  );
  const deleted = keysOf(facts, (fact) =>
    fact.type === "workflow.deleted" ? { teamId: fact.teamId, id: fact.workflowId } : undefined,
  );
  if (deleted.length > 0) {
    runKeys.push(...(await listUnfinishedRuns(tx, deleted, cancelledRunsMax + 1)));
  }
  const runs = runKeys.length === 0 ? [] : await lockRuns(tx, uniqueKeys(runKeys));

  const known = new Set(workflows.map((workflow) => subjectKey(workflow.teamId, workflow.id)));
  const missing = uniqueKeys(
    runs.map((run) => ({ teamId: run.teamId, id: run.workflowId })),
  ).filter((key) => !known.has(subjectKey(key.teamId, key.id)));
  if (missing.length > 0) workflows.push(...(await readWorkflows(tx, missing)));

  const versioned = keysOf(facts, (fact) =>
    fact.type.startsWith("workflow.version_") && "workflowId" in fact
      ? { teamId: fact.teamId, id: fact.workflowId }
      : undefined,
  );
  const versions = versioned.length === 0 ? [] : await readVersions(tx, versioned);

  return {
    now: tx.now,
    workflows: new Map(workflows.map((w) => [subjectKey(w.teamId, w.id), w])),
    runs: new Map(runs.map((run) => [subjectKey(run.teamId, run.id), run])),
    versions: groupBy(versions, (version) => subjectKey(version.teamId, version.workflowId)),
    cancelledRunsMax,
  };
}

type Planned = { event: RenderedEvent; subscription: WantingSubscription; leased: boolean };

/** Renders what somebody wants, and plans a delivery for each who does. */
async function fanOut(
  tx: Tx,
  deps: RecordFactsDeps,
  changes: Changes,
  reserved: { subscriptionId: string; payloadBytes: number }[],
): Promise<{ events: RenderedEvent[]; deliveries: Planned[]; unwanted: number }> {
  const told = changes.happened.flatMap(({ happening, occurrence }) =>
    deps.contracts.flatMap((contract) => {
      const eventType = contract.eventTypeOf(happening);
      return eventType === undefined ? [] : [{ contract, eventType, happening, occurrence }];
    }),
  );
  if (told.length === 0) return { events: [], deliveries: [], unwanted: 0 };

  const wanting = groupBy(
    await listWantingSubscriptions(
      tx,
      [...new Set(told.map(({ happening }) => happening.workflow.teamId))],
      [...new Set(told.map(({ eventType }) => eventType))],
    ),
    (subscription) => subjectKey(subscription.teamId, subscription.contract),
  );

  const events: RenderedEvent[] = [];
  const deliveries: Planned[] = [];
  for (const { contract, eventType, happening, occurrence } of told) {
    const subscriptions = (
      wanting.get(subjectKey(happening.workflow.teamId, contract.name)) ?? []
    ).filter((subscription) => subscription.eventTypes.includes(eventType));
    if (subscriptions.length === 0) continue;
    const event = contract.render(happening, occurrence);
    events.push(event);
    for (const subscription of subscriptions) {
      const leased = deps.hotPath.reserve(subscription.id, event.payload.length);
      if (leased) {
        reserved.push({ subscriptionId: subscription.id, payloadBytes: event.payload.length });
      }
      deliveries.push({ event, subscription, leased });
    }
  }
  return { events, deliveries, unwanted: told.length - events.length };
}

/** Thrown inside the transaction when a row that was not there at the read is there at the write. */
class InsertedMeanwhile extends Error {}

async function writeChanges(tx: Tx, world: World, changes: Changes): Promise<void> {
  // In id order, so that batches which insert the same rows wait for each other and not in a circle.
  const pick = <State>(states: Map<string, State>, keys: Iterable<string>): State[] =>
    [...keys].sort().flatMap((key) => states.get(key) ?? []);

  const newWorkflows = pick(world.workflows, changes.newWorkflows);
  if (newWorkflows.length > 0 && (await insertWorkflows(tx, newWorkflows)) < newWorkflows.length) {
    throw new InsertedMeanwhile();
  }
  const oldWorkflows = pick(
    world.workflows,
    [...changes.changedWorkflows].filter((key) => !changes.newWorkflows.has(key)),
  );
  if (oldWorkflows.length > 0) await updateWorkflows(tx, oldWorkflows);
  // A workflow that was made and deleted in one batch was inserted as not deleted.
  const alreadyDeleted = newWorkflows.filter((workflow) => workflow.deletedAt !== null);
  if (alreadyDeleted.length > 0) await updateWorkflows(tx, alreadyDeleted);
  if (changes.newVersions.length > 0) await insertVersions(tx, changes.newVersions);

  const newRuns = pick(world.runs, changes.newRuns);
  if (newRuns.length > 0 && (await insertRuns(tx, newRuns)) < newRuns.length) {
    throw new InsertedMeanwhile();
  }
  const oldRuns = pick(
    world.runs,
    [...changes.changedRuns].filter((key) => !changes.newRuns.has(key)),
  );
  if (oldRuns.length > 0) await updateRuns(tx, oldRuns);
}

async function writeDeliveries(
  tx: Tx,
  events: readonly RenderedEvent[],
  planned: readonly Planned[],
): Promise<LeasedDelivery[]> {
  if (events.length === 0) return [];
  await insertEvents(tx, events);

  const leaseToken = randomUUID();
  const rows: NewDelivery[] = planned.map(({ event, subscription, leased }) => ({
    teamId: event.teamId,
    id: newId(),
    eventId: event.id,
    subscriptionId: subscription.id,
    eventType: event.eventType,
    leaseMs: leased ? leaseMs(subscription.timeoutSeconds) : null,
  }));
  const createdAt = await insertDeliveries(tx, rows, leaseToken);

  return rows.flatMap((row, index) => {
    const event = planned[index]?.event;
    if (row.leaseMs === null || !event) return [];
    return {
      teamId: row.teamId,
      id: row.id,
      subscriptionId: row.subscriptionId,
      eventId: row.eventId,
      contract: event.contract,
      eventType: row.eventType,
      payload: event.payload,
      createdAt,
      leaseToken,
      leaseMs: row.leaseMs,
      attemptNumber: 1,
      crashCount: 0,
      manualCount: 0,
      manual: false,
      actor: "system",
    };
  });
}

function keysOf(facts: readonly Fact[], keyOf: (fact: Fact) => TeamKey | undefined): TeamKey[] {
  return uniqueKeys(facts.flatMap((fact) => keyOf(fact) ?? []));
}

const uniqueKeys = (keys: readonly TeamKey[]): TeamKey[] => [
  ...new Map(keys.map((key) => [subjectKey(key.teamId, key.id), key])).values(),
];

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Roughly the bytes a fact brings, so that a batch is bounded in memory and not only in number. */
function factWeight(fact: Fact): number {
  // A deletion may bring ten thousand runs along: it travels alone.
  if (fact.type === "workflow.deleted") return batchWeightMax;
  let weight = 500;
  if ("data" in fact) {
    for (const value of Object.values(fact.data)) {
      if (typeof value === "string") weight += value.length;
    }
  }
  return weight;
}
