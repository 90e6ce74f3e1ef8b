import { randomBytes, randomUUID } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import type { HotPath } from "../packages/server/src/actions/fan-out.ts";
import type { FactsIntake } from "../packages/server/src/actions/record-facts.ts";
import { readConfig } from "../packages/server/src/config.ts";
import type { AttemptRecord } from "../packages/server/src/db/attempts.ts";
import { type Database, openDatabase } from "../packages/server/src/db/pool.ts";
import { insertSubscription } from "../packages/server/src/db/subscriptions.ts";
import { defaultTeamId, ensureDefaultTeam } from "../packages/server/src/db/teams.ts";
import type { Dispatcher } from "../packages/server/src/dispatcher/dispatcher.ts";
import type { Recorder } from "../packages/server/src/dispatcher/recorder.ts";
import { openEngine as openServiceEngine } from "../packages/server/src/engine.ts";
import { newId } from "../packages/server/src/ids.ts";
import { openKeyring } from "../packages/server/src/secrets.ts";
import type { Tracing } from "../packages/server/src/tracing.ts";

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
  /** Where spans go. */
  tracing?: Tracing | undefined;
};

const stuckMs = 30_000;
/** What `subscribe` seals secrets with. */
export const encryptionKey = Buffer.alloc(32, 7);
const cold: HotPath = {
  newLeaseToken: randomUUID,
  reserve: () => false,
  cancel: () => {},
  accept: () => {},
  leftInTable: () => {},
};

/** Opens the engine as the service does. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { databaseUrl } = options;
  const config = readConfig("development", {});
  const onError = (message: string, error: unknown) => console.error(message, error);
  const database = openDatabase({
    role: "owner",
    url: databaseUrl,
    name: "upkeep",
    connectionsMax: 2,
    statementTimeoutMs: 30_000,
    onError: (error: Error) => onError("an idle connection was lost", error),
  });
  await ensureDefaultTeam(database.sql);

  const keyring = openKeyring([encryptionKey]);
  let recorded = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let onWanted = () => {};
  const counting = (recorder: Recorder): Recorder => ({
    ...recorder,
    async record(record) {
      options.onAnswered?.(record);
      const moved = await recorder.record(record);
      options.onRecorded?.(record, moved);
      if (moved && ++recorded >= wanted) onWanted();
      return moved;
    },
  });
  const engine = openServiceEngine(
    { ...config, concurrency: options.concurrency ?? config.concurrency },
    {
      databaseUrl,
      keyring,
      random: Math.random,
      nowMs: Date.now,
      onLeaseLost: () => onError("a lease was lost", undefined),
      onUnwanted: () => {},
      onResultsUnwritten: (error) => onError("results could not be written yet", error),
      tracing: options.tracing,
      onLeftBehind: (error) => onError("attempts were left behind", error),
      onError,
    },
    { recorder: counting, ...(options.hot === false && { hotPath: () => cold }) },
  );
  const { facts, dispatcher } = engine;
  if (options.started !== false) engine.start();

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
      await engine.close();
      await database.close();
    },
  };
}
