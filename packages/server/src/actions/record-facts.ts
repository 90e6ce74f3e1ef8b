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
 * Records one fact: its state change, its events and their deliveries exist together or not at all, and do when this
 * resolves. Throws `AppError` when the fact is refused.
 */
export type RecordFacts = (fact: Fact) => Promise<Recorded>;

/** Records facts in the order given, in one transaction; what is refused is refused alone. */
export type RecordAllFacts = (facts: readonly Fact[]) => Promise<Settled<Recorded>[]>;

/** The one way into the service. */
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
  /** Callers that may wait for a commit. */
  waitingMax: number;
  /** Told how many events nobody wanted. */
  onUnwanted: (count: number) => void;
};

const lanes = 2;
/** Several times what a commit takes: a batch that waits for a lock does not hold up the next one for longer. */
const patienceMs = 25;
const batchMax = 500;
const batchWeightMax = 8 * 1024 * 1024;
/** Facts in one transaction, at the most: those of one bulk request. */
const factsMax = 1_000;
const commitTriesMax = 5;

/** Opens the one way into the service: group commit in front of read set, decision and write set. */
export function openRecordFacts(deps: RecordFactsDeps): FactsIntake {
  const patience = openPatience(isAway);
  const groups = openGroupCommit<readonly Fact[], Settled<Recorded>[]>({
    lanes,
    patienceMs,
    batchMax,
    weightMax: batchWeightMax,
    waitingMax: deps.waitingMax,
    weigh: (facts) => facts.reduce((weight, fact) => weight + factWeight(fact), 0),
    // Whatever else went wrong may be one caller's doing: the others must not share its fate.
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

/** Commits what several callers bring, and gives each the outcomes of its own facts. */
async function commitCallers(
  deps: RecordFactsDeps,
  patience: Patience,
  callers: readonly (readonly Fact[])[],
): Promise<Settled<Settled<Recorded>[]>[]> {
  // A commit whose answer was lost is asked for again: what it recorded is known by the same ids.
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
      // A deadlock, or somebody else's insert between our read and our write: the next try sees it.
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
  // Before the lease is asked for, so that it is never believed to last longer than it does.
  const leasedAtMs = performance.now();
  const database = deps.database.forTeams([...new Set(facts.map(({ teamId }) => teamId))]);
  try {
    const sealing = await deps.vault.sealing();
    // Two round trips: BEGIN and all that is read; what is written and COMMIT. Deletions take one more to read, calls two.
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

/** What is remembered of the facts in a batch that were recorded before under their identity. */
async function readKnown(tx: Tx, facts: readonly Fact[]): Promise<(FactName & KnownFact)[]> {
  const names = facts.flatMap(({ teamId, identity }) =>
    identity ? [{ teamId, name: identity.name }] : [],
  );
  return names.length === 0 ? [] : await listKnownFacts(tx, names);
}

/** Decides fact after fact. One whose identity was recorded before, also within the batch, is a repeat or refused. */
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

/** Roughly the bytes a fact brings, so that a batch is bounded in memory and not only in number. */
function factWeight(fact: Fact): number {
  // A deletion may bring ten thousand runs along: it travels alone.
  if (fact.type === "workflow.deleted") return batchWeightMax;
  let weight = batchWeightMax / factsMax;
  if ("data" in fact) {
    for (const value of Object.values(fact.data)) {
      if (typeof value === "string") weight += value.length;
    }
  }
  return weight;
}
