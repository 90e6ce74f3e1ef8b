import { isAway, isDuplicate, isRetryable, isStorageUnavailable, isTimeout } from "../db/errors.ts";
import { type FactName, insertKnownFacts, listKnownFacts } from "../db/fact-identities.ts";
import type { TeamDatabase } from "../db/pool.ts";
import type { Tx } from "../db/transaction.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import { decide } from "../domain/decide.ts";
import type { Fact } from "../domain/facts.ts";
import { type KnownFact, refuseOtherFact, rememberedOf } from "../domain/repeats.ts";
import { type Changes, noChanges, type Recorded, subjectKey, type World } from "../domain/world.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";
import { openGroupCommit, type Settled } from "../group-commit.ts";
import { openPatience, type Patience } from "../patience.ts";
import { type FanOut, fanOut, type HotPath, readAudience, writeDeliveries } from "./fan-out.ts";
import type { PayloadVault } from "./payload-vault.ts";
import { readWorld } from "./read-world.ts";
import { writeChanges } from "./write-changes.ts";

/**
 * Records one fact: its state change, its events and their deliveries are committed together, and are committed when this
 * resolves. Throws `AppError` when the fact is refused.
 */
export type RecordFacts = (fact: Fact) => Promise<Recorded>;

/** Records facts in the given order, in one transaction; a refused fact does not affect the others. */
export type RecordAllFacts = (facts: readonly Fact[]) => Promise<Settled<Recorded>[]>;

/** The only way to record facts. */
export type FactsIntake = {
  record: RecordFacts;
  recordAll: RecordAllFacts;
  /** Waits until everything that was submitted is settled. */
  idle(): Promise<void>;
};

export type RecordFactsDeps = {
  database: TeamDatabase;
  contracts: readonly Contract[];
  hotPath: HotPath;
  vault: PayloadVault;
  /** The most callers that may wait for a commit. */
  waitingMax: number;
  /** Called with the number of events that no subscription wanted. */
  onUnwanted: (count: number) => void;
};

const lanes = 2;
/** Several times the duration of a commit: a batch that waits for a lock delays the next batch no longer than this. */
const patienceMs = 25;
const batchMax = 500;
const batchWeightMax = 8 * 1024 * 1024;
/** The most facts in one transaction: those of one bulk request. */
const factsMax = 1_000;
const commitTriesMax = 5;

/** Opens the intake of facts: group commit, then reads, decisions and writes in one transaction. */
export function openRecordFacts(deps: RecordFactsDeps): FactsIntake {
  const patience = openPatience(isAway);
  const groups = openGroupCommit<readonly Fact[], Settled<Recorded>[]>({
    lanes,
    patienceMs,
    batchMax,
    weightMax: batchWeightMax,
    waitingMax: deps.waitingMax,
    weigh: (facts) => facts.reduce((weight, fact) => weight + factWeight(fact), 0),
    // Any other error may come from one caller's facts: it must not fail the others.
    mayBeOneItem: (error) => !isStorageUnavailable(error),
    waitedInVain: isTimeout,
    commit: (callers) => commitCallers(deps, patience, callers),
  });
  return {
    async record(fact) {
      const [settled] = await groups.submit([fact]);
      if (settled === undefined) throw new Error("the commit lost a fact");
      if ("error" in settled) throw settled.error;
      return settled.result;
    },
    recordAll: (facts) => groups.submit(facts),
    idle: () => groups.idle(),
  };
}

/** Commits the facts of several callers, and gives each caller the results of its own facts. */
async function commitCallers(
  deps: RecordFactsDeps,
  patience: Patience,
  callers: readonly (readonly Fact[])[],
): Promise<Settled<Settled<Recorded>[]>[]> {
  // A commit whose answer was lost is tried again: if it was recorded, the same ids show that.
  const facts = callers.flat();
  const settled = await patience(() => commitFacts(deps, facts));
  let taken = 0;
  return callers.map(({ length }) => {
    taken += length;
    return { result: settled.slice(taken - length, taken) };
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
      // A deadlock, or an insert by another process between read and write: the next try sees it.
      if (tries < commitTriesMax && (isRetryable(error) || isDuplicate(error))) {
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
  const { hotPath } = deps;
  let planned: FanOut | undefined;
  // Measured before the lease is requested, so that its end is never assumed too late.
  const leasedAtMs = performance.now();
  const database = deps.database.forTeams([...new Set(facts.map(({ teamId }) => teamId))]);
  try {
    const sealing = await deps.vault.sealing();
    // Two round trips: BEGIN and the reads; the writes and COMMIT. Deletions need one more to read, calls two.
    const { settled, leased } = await database.beginReading(async (tx) => {
      const [world, known, audience] = await Promise.all([
        readWorld(tx, facts, sealing.keyring),
        readKnown(tx, facts),
        readAudience(tx, deps.contracts, facts),
      ]);
      reach("after_begin");
      const changes = noChanges();
      const { settled, fresh } = settleAll(facts, known, world, changes);
      planned = await fanOut(tx, deps, changes, audience);
      const written = Promise.all([
        writeDeliveries(tx, planned, sealing, hotPath.newLeaseToken()),
        writeChanges(tx, world, changes, sealing),
        fresh.length > 0 && insertKnownFacts(tx, fresh),
      ]);
      const [leased] = await tx.commitBehind(written, () => reach("before_commit"));
      return { settled, leased };
    });
    reach("after_commit_before_answer");
    hotPath.accept(leased, leasedAtMs);
    reach("after_hot_accept");
    if (planned?.events.some(({ order }) => order !== null)) hotPath.leftInTable();
    if (planned && planned.unwanted > 0) deps.onUnwanted(planned.unwanted);
    return settled;
  } catch (error) {
    for (const { leased, subscription, event } of planned?.deliveries ?? []) {
      if (leased) hotPath.cancel(subscription.id, event.payload.length);
    }
    throw error;
  }
}

/** Reads what is kept of a batch's facts whose identity was recorded before. */
async function readKnown(tx: Tx, facts: readonly Fact[]): Promise<(FactName & KnownFact)[]> {
  const names = facts.flatMap(({ teamId, identity }) =>
    identity ? [{ teamId, name: identity.name }] : [],
  );
  return names.length === 0 ? [] : await listKnownFacts(tx, names);
}

/** Decides one fact after the other. A fact whose identity was recorded before, also in this batch, is a repeat or refused. */
function settleAll(
  facts: readonly Fact[],
  known: readonly (FactName & KnownFact)[],
  world: World,
  changes: Changes,
): { settled: Settled<Recorded>[]; fresh: (FactName & KnownFact)[] } {
  const seen = new Map<string, KnownFact>(
    known.map((one) => [subjectKey(one.teamId, one.name), one]),
  );
  const fresh: (FactName & KnownFact)[] = [];
  const settled = facts.map((fact): Settled<Recorded> => {
    const { teamId, identity } = fact;
    if (!identity) return settle(() => decide(fact, world, changes));
    const identified = { ...fact, identity };
    const key = subjectKey(teamId, identity.name);
    const before = seen.get(key);
    if (before) return settle(() => repeated(before, identified));
    const one = settle(() => decide(fact, world, changes));
    if ("result" in one) {
      const remembered = { teamId, name: identity.name, ...rememberedOf(identified) };
      seen.set(key, remembered);
      fresh.push(remembered);
    }
    return one;
  });
  return { settled, fresh };
}

function repeated(before: KnownFact, fact: Parameters<typeof refuseOtherFact>[1]): Recorded {
  refuseOtherFact(before, fact);
  return { outcome: "repeated", subjectId: before.subjectId };
}

function settle(decision: () => Recorded): Settled<Recorded> {
  try {
    return { result: decision() };
  } catch (error) {
    if (error instanceof AppError) return { error };
    throw error;
  }
}

/** The approximate bytes of a fact, so that a batch has a limit of memory and not only of number. */
function factWeight(fact: Fact): number {
  // A deletion may cancel ten thousand runs, so it gets a batch of its own.
  if (fact.type === "workflow.deleted") return batchWeightMax;
  let weight = batchWeightMax / factsMax;
  if ("data" in fact) {
    for (const value of Object.values(fact.data)) {
      if (typeof value === "string") weight += value.length;
    }
  }
  return weight;
}
