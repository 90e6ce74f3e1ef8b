import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { encodeSecret } from "@postrider/sdk/sign";
import { onTestFinished } from "vitest";
import { readConfig } from "../../src/config.ts";
import type { Audit } from "../../src/db/audit.ts";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/due-walk.ts";
import { type Database, openDatabase } from "../../src/db/pool.ts";
import { insertTeam } from "../../src/db/teams.ts";
import type { DispatcherDeps } from "../../src/dispatcher/dispatcher.ts";
import type { Recorder } from "../../src/dispatcher/recorder.ts";
import type { SenderOptions } from "../../src/dispatcher/send.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import type { Fact, NewRun, NewWorkflow, RunChanges } from "../../src/domain/facts.ts";
import type { Recorded } from "../../src/domain/world.ts";
import { type Engine, openEngine } from "../../src/engine.ts";
import { newId } from "../../src/ids.ts";
import { type Keyring, openKeyring } from "../../src/secrets.ts";
import type { Tracing } from "../../src/tracing.ts";
import { openReceiver, type Receiver } from "./http-receiver.ts";
import { notSent } from "./not-sent.ts";
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
  /** How long its end waits for attempts in flight. */
  shutdownSeconds?: number;
  /** What the names of the service's own headers begin with. */
  headerPrefix?: string;
  /** Stands in for DNS and sockets, or trusts other certificates; further ranges to deliver to. */
  sender?: Partial<SenderOptions>;
  /** Put between the process and its connections, to break them. */
  claims?: (database: Database) => Database;
  /** Where spans go. */
  tracing?: Tracing;
  /** Put in place of the recorder. */
  recorder?: (recorder: Recorder) => Recorder;
};

/** One process of the service without its API: what records facts and what delivers them. */
export type HouseProcess = Omit<Engine, "start"> & {
  /** What was told to the operator. */
  errors: unknown[];
  leasesLost: LeasedDelivery[];
  unwanted(): number;
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
  /** Lets time pass for what lies in the database: due times, lease ends, probes, deadlines, secrets that live on. */
  passTime(interval: string): Promise<void>;
  /** Waits until nothing is in flight or due: what is left waits for a retry, its subscription or the next probe. */
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
  const database = openDatabase({
    url: home.url,
    name: "test",
    role: "owner",
    connectionsMax: 5,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
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
    await sql`update failure_streaks set probe_at = probe_at - ${interval}::interval`;
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
        left join failure_streaks f on f.subscription_id = s.id
        where d.finished_at is null
          and (d.lease_token is not null
               or d.due_at <= now() and s.enabled and s.deleted_at is null
                  and coalesce(f.probe_at <= now() or s.contract = 'assistant', true))`;
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
      // While an endpoint fails, each round is one probe.
      for (let rounds = 0; rounds < 200; rounds++) {
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

/** Opens the engine as the service does, on a few slots and with ears for what it tells. */
function openProcess(url: string, keyring: Keyring, options: ProcessOptions): HouseProcess {
  const errors: unknown[] = [];
  const leasesLost: LeasedDelivery[] = [];
  let unwanted = 0;
  let closed: Promise<void> | undefined;
  const config = readConfig("development", {});
  const { hot = true } = options;
  const engine = openEngine(
    {
      ...config,
      concurrency: options.concurrency ?? 16,
      subscriptionConcurrency: options.subscriptionConcurrency ?? 8,
      shutdownSeconds: options.shutdownSeconds ?? config.shutdownSeconds,
      userAgent: "Postrider/test",
      headerPrefix: options.headerPrefix ?? config.headerPrefix,
    },
    {
      databaseUrl: url,
      keyring,
      random: options.random ?? (() => 0.5),
      nowMs: options.nowMs ?? Date.now,
      onLeaseLost: (delivery) => leasesLost.push(delivery),
      onUnwanted: (count) => {
        unwanted += count;
      },
      onResultsUnwritten: (error) => errors.push(error),
      onLeftBehind: (error) => errors.push(error),
      onError: (_message, error) => errors.push(error),
      tracing: options.tracing,
    },
    {
      ...(options.sender && { sender: options.sender }),
      ...(options.claims && { claims: options.claims }),
      ...(options.recorder && { recorder: options.recorder }),
      ...(hot !== true && { hotPath: () => notSent({ leased: hot === "dies" }) }),
    },
  );
  if (options.started !== false) engine.start();

  return {
    ...engine,
    errors,
    leasesLost,
    unwanted: () => unwanted,
    close() {
      closed ??= engine.close();
      return closed;
    },
  };
}
