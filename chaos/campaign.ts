import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { canHappen, cause } from "./cause.ts";
import type { CrashableDatabase } from "./database.ts";
import type { Journal } from "./journal.ts";
import { checkLedger, type Subscription, type Verdict } from "./ledger.ts";
import { describeFault, type FaultKind, type Plan, planFaults } from "./schedule.ts";
import { openStage, type Stage } from "./stage.ts";
import type { SupervisedService } from "./supervisor.ts";
import { drain, readDeliveries, readSubjects } from "./tables.ts";
import {
  type Continuity,
  drawTimeline,
  type EndedFault,
  followSteadyReceiver,
  measureRecoveries,
  type Recovery,
} from "./timeline.ts";

/** Two services, one database, their receivers and a publisher, with a fault between each two of them. */
export type Campaign = {
  /** Holds the journals, the services' logs and the database. */
  directory: string;
  services: readonly SupervisedService[];
  database: CrashableDatabase;
  journal: Journal;
  /** Publishes under faults, lets everything heal and drain, and judges. */
  round(options: RoundOptions): Promise<Round>;
  /** Ends everything; `keep` leaves journals and logs in the directory. */
  close(options: { keep: boolean }): Promise<void>;
};

export type RoundOptions = {
  seed: number;
  seconds: number;
  /** Facts a second. */
  rate: number;
  kinds: readonly FaultKind[];
  /** How long after everything healed a report that ended in silence is waited for: it may yet be recorded. */
  lateReportsMs?: number;
  onPlan?: (plan: Plan) => void;
  onProgress?: (line: string) => void;
};

export type Round = {
  verdict: Verdict;
  continuity: Continuity;
  recoveries: Recovery[];
  faults: number;
  commitsCut: number;
  /** Starts of a service that failed, as they may while the database is away. */
  failedStarts: number;
  /** Deliveries that had failed and were delivered again through the API. */
  redelivered: number;
  drainMs: number;
  timeline: string[];
};

const slipShare = 0.02;
const progressMs = 5_000;

/** Sets the stage: nothing goes wrong yet. */
export async function openCampaign(options: { seed: number }): Promise<Campaign> {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-chaos-"));
  const closers: (() => Promise<unknown>)[] = [];
  const close = async ({ keep }: { keep: boolean }) => {
    for (const closer of closers.splice(0).reverse()) await closer();
    const remains = keep ? path.join(directory, "database") : directory;
    rmSync(remains, { recursive: true, force: true });
  };
  try {
    const stage = await openStage(options.seed, directory, closers);
    const { services, database, journal } = stage;
    return { directory, services, database, journal, close, round: (given) => play(stage, given) };
  } catch (error) {
    await close({ keep: true });
    throw error;
  }
}

/** Ends a campaign that is told to stop, as by Ctrl-C, before its time; its journals are kept. */
export function closeOnSignal(campaign: Campaign): void {
  const close = (signal: NodeJS.Signals) => {
    console.error(`${signal}: journals and logs are kept in ${campaign.directory}`);
    campaign.close({ keep: true }).finally(() => process.exit(1));
  };
  process.once("SIGINT", close);
  process.once("SIGTERM", close);
}

async function play(stage: Stage, options: RoundOptions): Promise<Round> {
  const { journal, publisher, database } = stage;
  const fickle = stage.receivers.filter(({ name }) => name.startsWith("fickle"));
  const plan = planFaults({ ...options, receivers: fickle.map(({ name }) => name) });
  options.onPlan?.(plan);
  const startedAtMs = journal.nowMs();
  const now = () => clock(journal.nowMs() - startedAtMs);
  const [{ now: since }] = (await database.ask<{ now: string }>("select now()::text")) as [
    { now: string },
  ];
  const cutBefore = countCut(stage);
  const endsBefore = stage.services.map(({ unaskedEnds }) => unaskedEnds.length);
  const ended: EndedFault[] = [];
  const progress = setInterval(
    () => options.onProgress?.(`${now()}   ${progressOf(stage)}`),
    progressMs,
  );

  publisher.start(options.rate);
  for (const receiver of fickle) receiver.slips(slipShare);
  const happening = plan.faults.map(async ({ atMs, ...fault }) => {
    await sleep(atMs);
    if (!canHappen(stage, fault)) {
      options.onProgress?.(`${now()} - ${describeFault(fault)}: it is down already`);
      return;
    }
    options.onProgress?.(`${now()} × ${describeFault(fault)}`);
    journal.incident({ what: describeFault(fault) });
    const startedAtMs = journal.nowMs();
    const endedAtMs = await cause(stage, fault);
    const service = "service" in fault ? fault.service : undefined;
    ended.push({ kind: fault.kind, startedAtMs, endedAtMs, service });
  });
  const turning = fickle.flatMap((receiver) =>
    (plan.moods.get(receiver.name) ?? []).map(async ({ atMs, mood }) => {
      await sleep(atMs);
      await receiver.turn(mood);
    }),
  );
  const over = Promise.all([...happening, ...turning]);
  over.catch(() => {}); // It is awaited below.
  await sleep(options.seconds * 1_000);

  options.onProgress?.(`${now()} everything heals`);
  for (const receiver of stage.receivers) receiver.slips(0);
  await over;
  for (const receiver of stage.receivers) await receiver.turn("well");
  for (const proxy of stage.proxies) proxy.heal();
  const drainStartedAtMs = journal.nowMs();
  await Promise.all(stage.services.map((service) => service.ready()));
  await Promise.all([publisher.stop(60_000), sleep(options.lateReportsMs ?? 0)]);
  const redelivered = await drain(stage, since);
  clearInterval(progress);

  // Before the tables are read: what arrives from now on may be of a fact that was recorded behind them.
  const arrivals = [...journal.arrivals];
  const seen = { facts: journal.facts, arrivals, incidents: journal.incidents };
  const verdict = checkLedger({
    ...seen,
    subscriptions: stage.subscriptions,
    deliveries: await readDeliveries(database, since),
    subjects: await readSubjects(database, since),
  });
  const unaskedEnds = stage.services.map((service, index) =>
    service.unaskedEnds.slice(endsBefore[index]),
  );
  for (const [index, ends] of unaskedEnds.entries()) {
    for (const end of ends.filter(({ wasReady }) => wasReady)) {
      const what = `service ${index} ended by itself: ${JSON.stringify(end)}`;
      verdict.violations.push({ rule: "a service never ends by itself", what });
    }
  }
  const steady = stage.subscriptions[0] as Subscription;
  const round: Round = {
    verdict,
    continuity: followSteadyReceiver({ ...seen, steady }),
    recoveries: measureRecoveries(ended, journal.facts),
    faults: ended.length,
    commitsCut: countCut(stage) - cutBefore,
    failedStarts: unaskedEnds.flat().filter(({ wasReady }) => !wasReady).length,
    redelivered,
    drainMs: journal.nowMs() - drainStartedAtMs,
    timeline: drawTimeline(seen),
  };
  round.continuity.longestStopAtMs -= startedAtMs;
  return round;
}

const countCut = ({ proxies }: Stage): number =>
  proxies.reduce((sum, { commitsCut }) => sum + commitsCut, 0);

const clock = (ms: number): string => `${(ms / 1_000).toFixed(1).padStart(6)} s`;

function progressOf({ journal, services }: Stage): string {
  const acknowledged = journal.facts.filter(({ word }) => word === "acknowledged").length;
  const unknown = journal.facts.filter(({ word }) => word === "unknown").length;
  const states = services.map(({ up }) => (up ? "up" : "down")).join(", ");
  return `${acknowledged} acknowledged, ${unknown} answers lost, ${journal.arrivals.length} requests; services ${states}`;
}

/** Writes the verdict beside the journals and names the directory. */
export function keepEvidence(directory: string, evidence: object): string {
  writeFileSync(path.join(directory, "verdict.json"), JSON.stringify(evidence, null, 2));
  return directory;
}
