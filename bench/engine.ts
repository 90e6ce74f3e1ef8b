import { randomBytes } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import type { HotPath } from "../packages/server/src/actions/fan-out.ts";
import { openPayloadVault } from "../packages/server/src/actions/payload-vault.ts";
import { type FactsIntake, openRecordFacts } from "../packages/server/src/actions/record-facts.ts";
import { ownConnections, readConfig } from "../packages/server/src/config.ts";
import type { AttemptRecord } from "../packages/server/src/db/attempts.ts";
import { type Database, openDatabase, openTeamDatabase } from "../packages/server/src/db/sql.ts";
import { insertSubscription } from "../packages/server/src/db/subscriptions.ts";
import { defaultTeamId, ensureDefaultTeam } from "../packages/server/src/db/teams.ts";
import { claimSettings } from "../packages/server/src/dispatcher/claiming.ts";
import { type Dispatcher, openDispatcher } from "../packages/server/src/dispatcher/dispatcher.ts";
import { openRecorder } from "../packages/server/src/dispatcher/recorder.ts";
import { openSender } from "../packages/server/src/dispatcher/send.ts";
import { openTargets } from "../packages/server/src/dispatcher/targets.ts";
import { openWake } from "../packages/server/src/dispatcher/wake.ts";
import { assistantMessages } from "../packages/server/src/domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../packages/server/src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../packages/server/src/domain/contracts/workflow-webhooks.ts";
import { newId } from "../packages/server/src/ids.ts";
import { openKeyring } from "../packages/server/src/secrets.ts";

/** The service in this process without its API: what records facts and what delivers them. */
export type Engine = {
  facts: FactsIntake;
  dispatcher: Dispatcher;
  /** A pool of its own, for looking and for setting up. */
  database: Database;
  /** Results that are committed and moved their delivery, so far. */
  readonly recorded: number;
  /** Resolves when so many results are committed; rejects when none came for half a minute. */
  untilRecorded(count: number): Promise<void>;
  /** Creates a subscription of the default team to runs that start (contract A); returns its id. */
  subscribe(url: string, options?: SubscribeOptions): Promise<string>;
  /** Creates a workflow of the default team; returns its id. */
  createWorkflow(): Promise<string>;
  close(): Promise<void>;
};

export type SubscribeOptions = {
  eventTypes?: readonly string[];
  timeoutSeconds?: number;
  maxRetries?: number;
};

export type EngineOptions = {
  databaseUrl: string;
  concurrency?: number;
  /** Told of each attempt that ended, before its result is written. */
  onAnswered?: (record: AttemptRecord) => void;
  /** Told of each committed result; `moved`: it moved its delivery. */
  onRecorded?: (record: AttemptRecord, moved: boolean) => void;
  /** False: new deliveries stay in the table until they are claimed. */
  hot?: boolean;
  /** False: nothing is claimed until `dispatcher.start()`. */
  started?: boolean;
};

// As in server.ts, which keeps them to itself.
const lookupSettings = { enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" };
const statementTimeoutMs = 30_000;
const stuckMs = 30_000;
/** What `subscribe` seals secrets with. */
export const encryptionKey = Buffer.alloc(32, 7);
const cold: HotPath = {
  reserve: () => false,
  cancel: () => {},
  accept: () => {},
  leftInTable: () => {},
};

/** Puts the parts together as server.ts does: the same pools, the same settings. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const config = readConfig("development", {});
  const onError = (message: string, error: unknown) => console.error(message, error);
  const connections = (name: string, connectionsMax: number, settings = {}) => ({
    url: options.databaseUrl,
    name,
    connectionsMax,
    statementTimeoutMs,
    settings,
    onError: (error: Error) => onError("an idle connection was lost", error),
  });
  const team = "postrider_team";
  const allTeams = "postrider_all_teams";
  const database = openDatabase({ role: "owner", ...connections("upkeep", 2) });
  const ingest = openTeamDatabase({
    role: team,
    ...connections("ingest", ownConnections.ingest, lookupSettings),
  });
  const results = openDatabase({
    role: allTeams,
    ...connections("results", ownConnections.results, lookupSettings),
  });
  const claims = openDatabase({
    role: allTeams,
    ...connections("claims", ownConnections.claims, claimSettings),
  });
  await ensureDefaultTeam(database.sql);

  const keyring = openKeyring([encryptionKey]);
  const contracts = [workflowWebhooks, organisationWebhooks, assistantMessages];
  const sender = openSender({ egressAllow: config.egressAllow });
  const targets = openTargets({
    database: results,
    keyring,
    contracts,
    urlPolicy: { allowHttp: true, egressAllow: config.egressAllow },
    userAgent: config.userAgent,
    headerPrefix: config.headerPrefix,
  });
  const recorder = openRecorder({
    database: results,
    onFailure: (error) => onError("results could not be written yet", error),
  });
  let recorded = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let onWanted = () => {};
  const dispatcher = openDispatcher({
    database: claims,
    targets,
    sender,
    recorder: {
      ...recorder,
      async record(record) {
        options.onAnswered?.(record);
        const moved = await recorder.record(record);
        options.onRecorded?.(record, moved);
        if (moved && ++recorded >= wanted) onWanted();
        return moved;
      },
    },
    keyring,
    random: Math.random,
    nowMs: Date.now,
    concurrency: options.concurrency ?? config.concurrency,
    subscriptionConcurrency: config.subscriptionConcurrency,
    onLeaseLost: () => onError("a lease was lost", undefined),
    onError,
  });
  const facts = openRecordFacts({
    database: ingest,
    contracts,
    hotPath: options.hot === false ? cold : dispatcher.hotPath,
    vault: openPayloadVault({ database: results, keyring }),
    waitingMax: config.ingestQueue,
    onUnwanted: () => {},
  });
  const wake = openWake({
    databaseUrl: options.databaseUrl,
    onNotification: (notification) => {
      if ("subscription" in notification) targets.forget(notification.subscription);
      dispatcher.wake();
    },
    onGap: () => targets.forget(),
    onError: (error) => onError("the notification line was lost", error),
  });
  if (options.started !== false) dispatcher.start();

  return {
    facts,
    dispatcher,
    database,
    get recorded() {
      return recorded;
    },
    async untilRecorded(count) {
      let seen = recorded;
      let timer: NodeJS.Timeout | undefined;
      const reached = new Promise<void>((resolve) => {
        wanted = count;
        onWanted = resolve;
        if (recorded >= count) resolve();
      });
      const stuck = new Promise<never>((_resolve, reject) => {
        timer = setInterval(() => {
          if (recorded === seen) {
            reject(new Error(`${recorded} of ${count} results, and no more for 30 seconds`));
          }
          seen = recorded;
        }, stuckMs);
      });
      await Promise.race([reached, stuck]).finally(() => clearInterval(timer));
      wanted = Number.POSITIVE_INFINITY;
    },
    async subscribe(url, given = {}) {
      const id = newId();
      const sealed = keyring.seal(encodeSecret(randomBytes(32)), {
        table: "subscriptions",
        column: "sealed_signing_secret",
        teamId: defaultTeamId,
        rowId: id,
      });
      await database.begin((tx) =>
        insertSubscription(
          tx,
          { teamId: defaultTeamId, contract: "workflow" },
          {
            id,
            name: "bench",
            url,
            eventTypes: given.eventTypes ?? ["workflow_run_started"],
            enabled: true,
            timeoutSeconds: given.timeoutSeconds ?? 10,
            maxRetries: given.maxRetries ?? 3,
            backoffSeconds: 10,
            sealedCredential: null,
            sealedHeaders: { sealed: null, names: [] },
            sealedSigningSecret: sealed,
            actor: "system",
          },
        ),
      );
      return id;
    },
    async createWorkflow() {
      const workflowId = newId();
      await facts.record({
        type: "workflow.created",
        teamId: defaultTeamId,
        actor: "system",
        workflowId,
        data: {
          name: "Patient intake",
          description: null,
          configuration: null,
          settings: null,
          versionName: null,
        },
      });
      return workflowId;
    },
    async close() {
      await facts.idle();
      await dispatcher.close();
      await wake.close();
      await sender.close();
      for (const pool of [ingest, results, claims, database]) await pool.close();
    },
  };
}
