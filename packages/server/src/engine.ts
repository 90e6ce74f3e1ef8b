import type { HotPath } from "./actions/fan-out.ts";
import { openPayloadVault, type PayloadVault } from "./actions/payload-vault.ts";
import { type FactsIntake, openRecordFacts } from "./actions/record-facts.ts";
import { traceFacts } from "./actions/trace-facts.ts";
import { type Config, ownConnections } from "./config.ts";
import { type Database, openDatabase, openTeamDatabase, type TeamDatabase } from "./db/pool.ts";
import type { PoolWatch } from "./db/pool-watch.ts";
import type { AttemptDeps } from "./dispatcher/attempt.ts";
import { claimSettings } from "./dispatcher/claiming.ts";
import { type Dispatcher, openDispatcher } from "./dispatcher/dispatcher.ts";
import { openListenerAnswers } from "./dispatcher/listener-answers.ts";
import { openOwnership } from "./dispatcher/ownership.ts";
import { openRecorder, type Recorder } from "./dispatcher/recorder.ts";
import { openSender, type SenderOptions } from "./dispatcher/send.ts";
import { openTargets } from "./dispatcher/targets.ts";
import { openWake } from "./dispatcher/wake.ts";
import { allContracts } from "./domain/contracts/all-contracts.ts";
import type { Tally } from "./domain/tally.ts";
import { newLeaseOwner } from "./ids.ts";
import { withinMs } from "./patience.ts";
import type { Keyring } from "./secrets.ts";
import { openSignals, type Signals } from "./signals.ts";
import type { Tracing } from "./tracing.ts";

/** The settings that the engine needs. */
export type EngineConfig = Pick<
  Config,
  | "allowHttp"
  | "concurrency"
  | "egressAllow"
  | "egressProxy"
  | "headerPrefix"
  | "ingestQueue"
  | "shutdownSeconds"
  | "subscriptionConcurrency"
  | "userAgent"
>;

export type EngineDeps = Pick<AttemptDeps, "random" | "nowMs" | "onLeaseLost"> & {
  /** Counts what the dispatcher does. */
  tally?: Tally;
  /** Observes the use of the pools. */
  poolWatch?: PoolWatch;
  databaseUrl: string;
  keyring: Keyring;
  /** Called with the number of events that no enabled subscription wanted. */
  onUnwanted: (count: number) => void;
  /** Called for each failed write of results; they are kept and written again. */
  onResultsUnwritten: (error: unknown, count: number) => void;
  /** Called when attempts were still in flight after `shutdownSeconds`; their leases end by time. */
  onLeftBehind: (error: unknown) => void;
  onError: (message: string, error: unknown) => void;
  /** Undefined: tracing is off. */
  tracing?: Tracing | undefined;
  /** Called when a replay was requested, by any process. */
  onReplay?: () => void;
  /** Called when there is a happening for operators. */
  onOperational?: () => void;
};

/** Replacements of parts for tests and measurements; the service does not use them. */
export type EngineSeams = {
  /** DNS, sockets, certificate authorities. */
  sender?: Partial<SenderOptions>;
  hotPath?: (hotPath: HotPath) => HotPath;
  recorder?: (recorder: Recorder) => Recorder;
  claims?: (claims: Database) => Database;
};

/** The parts that record facts and deliver events: the service without its API, watch and janitor. */
export type Engine = {
  facts: FactsIntake;
  dispatcher: Dispatcher;
  recorder: Recorder;
  /** The connections that record facts. */
  ingest: TeamDatabase;
  /** The connections of claims and timers. */
  claims: Database;
  /** Knows which teams' new payloads are sealed. */
  vault: PayloadVault;
  /** Signals the id of a listener when there is a request for it. */
  listening: Signals;
  /** Forgets all targets, as a notification does: each is read again at its next attempt. */
  forgetTargets(): void;
  /** Begins to send due deliveries, to receive notifications of other processes, and to detect dead ones. */
  start(): void;
  /** Ends in order: the intake, attempts in flight (for at most `shutdownSeconds`), connections. */
  close(): Promise<void>;
};

const statementTimeoutMs = 30_000;

/**
 * Planner settings for connections whose statements all find rows by key.
 *
 * A plan that is made while a table is small reads the whole table, and a prepared statement keeps that plan until the
 * table is analysed: in the first minute of a database, each batch of facts or results would read all rows. With a new plan
 * for each batch, one result would cost twice as much, and one fact a tenth more.
 */
export const lookupSettings = {
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  plan_cache_mode: "force_generic_plan",
};

/** Opens the engine; the service, the tests and the measurements all use it. */
export function openEngine(
  config: EngineConfig,
  deps: EngineDeps,
  seams: EngineSeams = {},
): Engine {
  const { databaseUrl, keyring, onError } = deps;
  const connections = (
    name: "ingest" | "results" | "claims",
    settings: Record<string, string>,
  ) => ({
    url: databaseUrl,
    name,
    connectionsMax: ownConnections[name],
    statementTimeoutMs,
    settings,
    onError: (error: Error) => onError(`an idle connection (${name}) was lost`, error),
    ...(deps.poolWatch && { watch: deps.poolWatch }),
  });
  const allTeams = "postrider_all_teams";
  const ingest = openTeamDatabase({
    role: "postrider_team",
    ...connections("ingest", lookupSettings),
  });
  const results = openDatabase({ role: allTeams, ...connections("results", lookupSettings) });
  const claims = openDatabase({ role: allTeams, ...connections("claims", claimSettings) });

  const sender = openSender({
    egressAllow: config.egressAllow,
    egressProxy: config.egressProxy,
    ...seams.sender,
  });
  const targets = openTargets({
    database: results,
    keyring,
    contracts: allContracts,
    urlPolicy: { allowHttp: config.allowHttp, egressAllow: config.egressAllow },
    userAgent: config.userAgent,
    headerPrefix: config.headerPrefix,
  });
  const ownRecorder = openRecorder({
    database: results,
    onShut: (subscriptionIds) => dispatcher.shut(subscriptionIds),
    onFailure: deps.onResultsUnwritten,
  });
  const recorder = seams.recorder?.(ownRecorder) ?? ownRecorder;
  const leaseOwner = newLeaseOwner();
  const listening = openSignals();
  const answers = openListenerAnswers({ database: results, keyring, onError });
  const claiming = seams.claims?.(claims) ?? claims;
  const dispatcher = openDispatcher({
    database: claiming,
    leaseOwner,
    targets,
    sender,
    answers,
    recorder,
    keyring,
    random: deps.random,
    nowMs: deps.nowMs,
    concurrency: config.concurrency,
    subscriptionConcurrency: config.subscriptionConcurrency,
    onLeaseLost: deps.onLeaseLost,
    tracing: deps.tracing,
    onError,
    ...(deps.tally && { tally: deps.tally }),
  });
  const vault = openPayloadVault({ database: results, keyring });
  const intake = openRecordFacts({
    database: ingest,
    contracts: allContracts,
    hotPath: seams.hotPath?.(dispatcher.hotPath) ?? dispatcher.hotPath,
    vault,
    waitingMax: config.ingestQueue,
    onUnwanted: deps.onUnwanted,
  });
  const facts = deps.tracing ? traceFacts(intake, deps.tracing) : intake;
  const ownership = openOwnership({
    database: claiming,
    owner: leaseOwner,
    onEnded: () => dispatcher.wake(),
    onError: (error) => onError("it could not be written that this process lives", error),
  });
  let wake: ReturnType<typeof openWake> | undefined;

  return {
    facts,
    dispatcher,
    recorder,
    ingest,
    claims,
    vault,
    listening,
    forgetTargets: () => targets.forget(),
    start() {
      wake ??= openWake({
        databaseUrl,
        leaseOwner,
        onNotification: (notification) => {
          if ("due" in notification) {
            dispatcher.wake(notification.due);
            return;
          }
          if ("replay" in notification) {
            deps.onReplay?.();
            return;
          }
          if ("operational" in notification) {
            deps.onOperational?.();
            return;
          }
          if ("listener" in notification) {
            listening.signal(notification.listener);
            return;
          }
          if ("answered" in notification) {
            answers.settled(notification.answered);
            return;
          }
          targets.forget(notification.subscription);
          dispatcher.wake(notification.subscription);
        },
        onGap: () => targets.forget(),
        onError: (error) => onError("the notification line was lost; polling goes on", error),
      });
      ownership.start();
      dispatcher.start();
    },
    async close() {
      await facts.idle();
      answers.hurry();
      const limitMs = config.shutdownSeconds * 1_000;
      // The process removes its row only when it holds nothing; and a database that hangs must not delay the end.
      const nothingHeld = dispatcher.close().then(() => ownership.close());
      await withinMs(limitMs, nothingHeld).catch(deps.onLeftBehind);
      ownership.stop();
      await wake?.close();
      await sender.close();
      answers.close();
      for (const pool of [ingest, results, claims]) await pool.close();
    },
  };
}
