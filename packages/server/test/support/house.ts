import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { encodeSecret } from "@postrider/sdk/sign";
import { onTestFinished } from "vitest";
import type { HotPath } from "../../src/actions/fan-out.ts";
import { openPayloadVault } from "../../src/actions/payload-vault.ts";
import { type FactsIntake, openRecordFacts } from "../../src/actions/record-facts.ts";
import { readConfig } from "../../src/config.ts";
import type { Audit } from "../../src/db/audit.ts";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/claims.ts";
import {
  type Database,
  openDatabase,
  openTeamDatabase,
  type TeamDatabase,
} from "../../src/db/sql.ts";
import { insertTeam } from "../../src/db/teams.ts";
import { claimSettings } from "../../src/dispatcher/claiming.ts";
import {
  type Dispatcher,
  type DispatcherDeps,
  openDispatcher,
} from "../../src/dispatcher/dispatcher.ts";
import { openRecorder, type Recorder } from "../../src/dispatcher/recorder.ts";
import { openSender, type SenderOptions } from "../../src/dispatcher/send.ts";
import { openTargets } from "../../src/dispatcher/targets.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import type { Fact, NewRun, NewWorkflow, RunChanges } from "../../src/domain/facts.ts";
import type { Recorded } from "../../src/domain/world.ts";
import { newId } from "../../src/ids.ts";
import { type Keyring, openKeyring } from "../../src/secrets.ts";
import { openReceiver, type Receiver } from "./http-receiver.ts";
import { createDatabase } from "./postgres.ts";

type WithoutTeam<F> = F extends unknown ? Omit<F, "teamId" | "actor"> : never;

/** A fact as a test states it: the house adds its team and the actor. */
export type ToldFact = WithoutTeam<Fact> & { teamId?: string; actor?: string };

export type ProcessOptions = Partial<
  Pick<DispatcherDeps, "concurrency" | "subscriptionConcurrency" | "random" | "nowMs">
> & {
  /** False: new deliveries stay in the table until they are claimed; "dies": they are leased and never sent. */
  hot?: boolean | "dies";
  /** False: nothing is claimed until `dispatcher.start()`. */
  started?: boolean;
  /** What the names of the service's own headers begin with. */
  headerPrefix?: string;
  /** Stands in for DNS and sockets, or trusts other certificates; further ranges to deliver to. */
  sender?: Partial<SenderOptions>;
  /** Put between the process and its connections, to break them. */
  claims?: (database: Database) => Database;
  /** Put in place of the recorder. */
  recorder?: (recorder: Recorder) => Recorder;
};

/** One process of the service without its API: what records facts and what delivers them. */
export type HouseProcess = {
  facts: FactsIntake;
  /** What it records facts with. */
  ingest: TeamDatabase;
  dispatcher: Dispatcher;
  recorder: Recorder;
  /** As a notification does: the target is read again at the next attempt. */
  forgetTargets(): void;
  /** What was told to the operator. */
  errors: unknown[];
  leasesLost: LeasedDelivery[];
  unwanted(): number;
  close(): Promise<void>;
};

export type Subscription = { id: string; secret: string; url: string };

export type SubscribeOptions = {
  teamId?: string;
  receiver?: Pick<Receiver, "origin">;
  path?: string;
  events?: readonly string[];
  maxRetries?: number;
  timeoutSeconds?: number;
  backoffSeconds?: number;
  token?: string | null;
  headers?: Readonly<Record<string, string>>;
};

export type DeliveryRow = {
  id: string;
  event_id: string;
  subscription_id: string;
  status: "pending" | "delivered" | "failed";
  attempt_count: number;
  crash_count: number;
  lease_token: string | null;
  last_status_code: number | null;
  last_error: string | null;
  /** Seconds until it may be claimed; null when it is finished or under a hot lease. */
  due_in: number | null;
  retry_at: Date | null;
  finished_at: Date | null;
};

export type AttemptRow = {
  id: string;
  number: number;
  success: boolean;
  status_code: number | null;
  error_code: string | null;
  response_body: string | null;
  response_truncated: boolean;
  request_url: string;
  latency_ms: number | null;
  will_retry: boolean;
  manual: boolean;
};

export type EventRow = {
  id: string;
  event_type: string;
  dedupe_key: string;
  run_id: string | null;
  payload: Buffer;
};

/** A world of a test's own: a database, one process of the service (more on request), and a receiver. */
export type House = HouseProcess & {
  teamId: string;
  databaseUrl: string;
  /** The owner's connections, before which there is no wall. */
  database: Database;
  /** What the audit log is told of those who change something. */
  audit: Audit;
  keyring: Keyring;
  receiver: Receiver;
  /** Opens a further process on the same database. */
  openProcess(options?: ProcessOptions): HouseProcess;
  openReceiver(): Promise<Receiver>;
  newTeam(): Promise<string>;
  fact(told: ToldFact): Fact;
  record(told: ToldFact, process?: HouseProcess): Promise<Recorded>;
  subscribe(options?: SubscribeOptions): Promise<Subscription>;
  workflow(data?: Partial<NewWorkflow> & { teamId?: string }): Promise<string>;
  startRun(workflowId: string, data?: Partial<NewRun> & { teamId?: string }): Promise<string>;
  endRun(runId: string, data?: RunChanges): Promise<void>;
  deliveries(): Promise<DeliveryRow[]>;
  /** The delivery with this id; without one, the only delivery there is. */
  delivery(id?: string): Promise<DeliveryRow>;
  /** The attempts of a delivery, or of all of them, by number. */
  attempts(deliveryId?: string): Promise<AttemptRow[]>;
  events(): Promise<EventRow[]>;
  /** Lets time pass for what lies in the database: due times, lease ends, deadlines, secrets that live on. */
  passTime(interval: string): Promise<void>;
  /** Waits until nothing is in flight or due: what is left waits for a retry or for its subscription. */
  settled(): Promise<void>;
  /** Lets time pass until every delivery is finished. */
  drain(): Promise<void>;
};

const waitMsMax = 15_000;

/** Waits, bounded, until the condition holds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  msMax = waitMsMax,
): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAtMs > msMax) throw new Error(`waited in vain until ${what}`);
    await pause(3);
  }
}

/** Opens a house; it closes itself when the test has finished. */
export async function openHouse(options: ProcessOptions = {}): Promise<House> {
  const home = await createDatabase();
  const receivers: Receiver[] = [];
  const processes: HouseProcess[] = [];
  const database = openDatabase({ ...connections(home.url, "test", 5), role: "owner" });
  const keyring = openKeyring([Buffer.alloc(32, 7)]);
  onTestFinished(async () => {
    // Receivers first: what hangs on them ends.
    for (const receiver of receivers) await receiver.close();
    for (const process of processes) await process.close();
    await database.close();
    await home.drop();
  });

  const openHouseReceiver = async () => {
    const receiver = await openReceiver();
    receivers.push(receiver);
    return receiver;
  };
  const openHouseProcess = (given: ProcessOptions = {}) => {
    const process = openProcess(home.url, keyring, { ...options, ...given });
    processes.push(process);
    return process;
  };
  const newTeam = async () => {
    const id = newId();
    await insertTeam(database.sql, { id, name: "a team" });
    return id;
  };

  const { sql } = database;
  const receiver = await openHouseReceiver();
  const process = openHouseProcess();
  const teamId = await newTeam();
  const fact = (told: ToldFact) => ({ teamId, actor: "system", ...told }) as Fact;
  const record = (told: ToldFact, by: HouseProcess = process) => by.facts.record(fact(told));

  const deliveries = () => sql<DeliveryRow>`
    select *, extract(epoch from due_at - now())::float8 as due_in from deliveries order by id`;
  const wakeAll = () => {
    if (options.started === false) return;
    for (const { dispatcher } of processes) dispatcher.wake();
  };
  const passTime = async (interval: string) => {
    await sql`
      update deliveries set due_at = due_at - ${interval}::interval,
                            retry_at = retry_at - ${interval}::interval
      where finished_at is null`;
    await sql`update hot_leases set expires_at = expires_at - ${interval}::interval`;
    // What their end makes due is seen by the next look.
    await listDueSubscriptionsOfAllTeams(sql, "", 1);
    await sql`update runs set deadline_at = deadline_at - ${interval}::interval`;
    await sql`
      update subscriptions
      set previous_secret_expires_at = previous_secret_expires_at - ${interval}::interval`;
    for (const one of processes) one.forgetTargets();
    if (options.started === false) return;
    // A receiver's quiet runs by each process's own clock: it passes as well.
    const ids = await sql<{ id: string }>`select id from subscriptions`;
    for (const { dispatcher } of processes) for (const { id } of ids) dispatcher.wake(id);
    wakeAll();
  };
  const settled = async () => {
    wakeAll();
    await until("nothing is in flight or due", async () => {
      const [row] = await sql<{ busy: number }>`
        select count(*)::int as busy
        from deliveries d join subscriptions s on s.id = d.subscription_id
        where d.finished_at is null
          and (d.lease_token is not null
               or d.due_at <= now() and s.enabled and s.deleted_at is null)`;
      return row?.busy === 0;
    });
  };

  return {
    ...process,
    teamId,
    databaseUrl: home.url,
    database,
    audit: { teamId, actorId: "system", requestId: "req_test", action: "webhook.created" },
    keyring,
    receiver,
    openProcess: openHouseProcess,
    openReceiver: openHouseReceiver,
    newTeam,
    fact,
    record,
    async subscribe(given = {}) {
      const id = newId();
      const secret = encodeSecret(randomBytes(32));
      const team = given.teamId ?? teamId;
      const url = `${(given.receiver ?? receiver).origin}${given.path ?? "/"}`;
      const place = { table: "subscriptions", teamId: team, rowId: id };
      const credential = given.token
        ? keyring.seal(given.token, { ...place, column: "sealed_credential" })
        : null;
      const sealed = keyring.seal(secret, { ...place, column: "sealed_signing_secret" });
      const headers = given.headers
        ? keyring.seal(JSON.stringify(given.headers), { ...place, column: "sealed_headers" })
        : null;
      await sql`
        insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds,
          max_retries, backoff_seconds, sealed_credential, sealed_headers, header_names,
          sealed_signing_secret, created_by, updated_by)
        values (${team}, ${id}, 'workflow', 'a subscription', ${url},
          ${[...(given.events ?? ["workflow_run_completed"])]}, ${given.timeoutSeconds ?? 10},
          ${given.maxRetries ?? 3}, ${given.backoffSeconds ?? 10}, ${credential}, ${headers},
          ${Object.keys(given.headers ?? {})}, ${sealed},
          'system', 'system')`;
      return { id, secret, url };
    },
    async workflow({ teamId: team = teamId, ...data } = {}) {
      const workflowId = newId();
      const whole: NewWorkflow = {
        name: "a workflow",
        description: null,
        configuration: null,
        settings: null,
        versionName: null,
        ...data,
      };
      await record({ type: "workflow.created", teamId: team, workflowId, data: whole });
      return workflowId;
    },
    async startRun(workflowId, { teamId: team = teamId, ...data } = {}) {
      const runId = newId();
      const whole: NewRun = { trigger: "manual", input: null, timeoutSeconds: null, ...data };
      await record({ type: "run.started", teamId: team, runId, workflowId, data: whole });
      return runId;
    },
    async endRun(runId, data = {}) {
      await record({ type: "run.updated", runId, data: { status: "completed", ...data } });
    },
    deliveries,
    async delivery(id) {
      const rows = (await deliveries()).filter((row) => id === undefined || row.id === id);
      const [row] = rows;
      if (!row || rows.length > 1) throw new Error(`there are ${rows.length} such deliveries`);
      return row;
    },
    attempts: (deliveryId) => sql<AttemptRow>`
      select * from attempts
      where ${deliveryId ?? null}::text is null or delivery_id = ${deliveryId ?? null}
      order by delivery_id, number`,
    events: () => sql<EventRow>`select * from events order by created_at, id`,
    passTime,
    settled,
    async drain() {
      for (let rounds = 0; rounds < 20; rounds++) {
        await settled();
        const [row] = await sql<{ count: number }>`
          select count(*)::int as count from deliveries where finished_at is null`;
        if (row?.count === 0) return;
        await passTime("1 day");
      }
      throw new Error("something is never finished");
    },
  };
}

const connections = (url: string, name: string, connectionsMax: number) => ({
  url,
  name,
  connectionsMax,
  statementTimeoutMs: 10_000,
  onError: () => {},
});

/** Puts a process together as the composition root does, but small. */
function openProcess(url: string, keyring: Keyring, options: ProcessOptions): HouseProcess {
  const config = readConfig("development", {});
  const ingest = openTeamDatabase({ ...connections(url, "ingest", 2), role: "postrider_team" });
  const results = openDatabase({ ...connections(url, "results", 3), role: "postrider_all_teams" });
  const claims = openDatabase({
    ...connections(url, "claims", 2),
    role: "postrider_all_teams",
    settings: claimSettings,
  });
  const errors: unknown[] = [];
  const leasesLost: LeasedDelivery[] = [];
  let unwanted = 0;
  let closed: Promise<void> | undefined;

  const sender = openSender({ egressAllow: config.egressAllow, ...options.sender });
  const contracts = [workflowWebhooks, organisationWebhooks, assistantMessages];
  const targets = openTargets({
    database: results,
    keyring,
    contracts,
    urlPolicy: { allowHttp: true, egressAllow: config.egressAllow },
    userAgent: "Postrider/test",
    headerPrefix: options.headerPrefix ?? config.headerPrefix,
  });
  const realRecorder = openRecorder({
    database: results,
    onFailure: (error) => errors.push(error),
  });
  const recorder = options.recorder?.(realRecorder) ?? realRecorder;
  const dispatcher = openDispatcher({
    database: options.claims?.(claims) ?? claims,
    targets,
    sender,
    recorder,
    keyring,
    random: options.random ?? (() => 0.5),
    nowMs: options.nowMs ?? Date.now,
    concurrency: options.concurrency ?? 16,
    subscriptionConcurrency: options.subscriptionConcurrency ?? 8,
    onLeaseLost: (delivery) => leasesLost.push(delivery),
    onError: (_message, error) => errors.push(error),
  });
  const notThere: HotPath = {
    reserve: () => options.hot === "dies",
    cancel: () => {},
    accept: () => {},
    leftInTable: () => {},
  };
  const recordFacts = openRecordFacts({
    database: ingest,
    contracts,
    hotPath: options.hot === undefined || options.hot === true ? dispatcher.hotPath : notThere,
    vault: openPayloadVault({ database: results, keyring }),
    waitingMax: 100_000,
    onUnwanted: (count) => {
      unwanted += count;
    },
  });
  if (options.started !== false) dispatcher.start();

  return {
    facts: recordFacts,
    ingest,
    dispatcher,
    recorder,
    forgetTargets: () => targets.forget(),
    errors,
    leasesLost,
    unwanted: () => unwanted,
    close() {
      closed ??= (async () => {
        await recordFacts.idle();
        await dispatcher.close();
        await sender.close();
        for (const pool of [ingest, results, claims]) await pool.close();
      })();
      return closed;
    },
  };
}
