import { verify } from "@postrider/sdk";
import { expect, onTestFinished } from "vitest";
import { getSigningSecret } from "../../src/actions/signing-secret.ts";
import { newApiKey, scopes } from "../../src/api-keys.ts";
import { readConfig } from "../../src/config.ts";
import { insertApiKey } from "../../src/db/api-keys.ts";
import { newId } from "../../src/ids.ts";
import { openLog } from "../../src/log.ts";
import { openServer, type Server } from "../../src/server.ts";
import { makeAssistant, startCall } from "../support/calls.ts";
import { type House, openHouse } from "../support/house.ts";
import type { ReceivedRequest } from "../support/http-receiver.ts";
import { productionEnvironment } from "../support/process.ts";
import type { DeliveryKind, Fate } from "./fault-table.ts";

/** What a caller got; undefined when the connection broke before there was an answer. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
export type Answered = { status: number; body: any } | undefined;

/** A database with one team, and facts that each make one delivery of one kind. */
export type FaultWorld = {
  house: House;
  kind: DeliveryKind;
  subscriptionId: string;
  /** What the processes of this world are started with. */
  env: Record<string, string>;
  call(url: string, method: string, path: string, options?: CallOptions): Promise<Answered>;
  /** Reports the fact of this name through a process; the same name is the same fact. */
  report(url: string, name: string, headers?: Record<string, string>): Promise<Answered>;
  /** Records the fact of this name without a process that delivers it. */
  leaveInTable(name: string): Promise<void>;
  /** Makes time bring a fact about. */
  letTimeRunOut(): Promise<void>;
  signingSecret(): Promise<string>;
  /** Rotates the signing secret through a process. */
  rotateSecret(url: string): Promise<Answered>;
  /** What the body of the fact of this name contains, and no other. */
  traceOf(name: string): string;
  /** Starts the whole service in this process, where the killed one has left off. */
  takeOver(): Promise<Server>;
  /** Requests that arrived for this event. */
  arrivals(eventId: string): ReceivedRequest[];
  fateOf(deliveryId: string): Promise<Fate>;
};

type CallOptions = { body?: object; headers?: Record<string, string> };

/** Opens a world whose only processes are those that the test starts. */
export async function openFaultWorld(
  kind: DeliveryKind,
  tells: "reports" | "time" = "reports",
): Promise<FaultWorld> {
  const house = await openHouse({ started: false, hot: false });
  const env = {
    ...productionEnvironment(house.databaseUrl),
    // The house's own: it opens what the processes seal.
    POSTRIDER_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("hex"),
    POSTRIDER_LOG_LEVEL: "info",
  };
  const keyId = newId();
  const key = newApiKey("dev", keyId);
  await insertApiKey(house.database.sql, {
    id: keyId,
    name: "test",
    secretSha256: key.secretSha256,
    teamIds: [house.teamId],
    scopes,
    expiresInSeconds: null,
  });
  const call: FaultWorld["call"] = async (url, method, path, { body, headers } = {}) => {
    const init: RequestInit = {
      method,
      headers: {
        authorization: `Bearer ${key.text}`,
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    };
    try {
      const response = await fetch(url + path, init);
      return { status: response.status, body: await response.json() };
    } catch {
      return undefined;
    }
  };
  const subject =
    kind === "unordered" ? await aRunsWorld(house, tells) : await aCallsWorld(house, tells);
  const arrivals = (eventId: string) =>
    house.receiver.requests.filter(({ headers }) => headers["webhook-id"] === `event_${eventId}`);
  const signingSecrets = `${subject.subscriptionPath}/${subject.subscriptionId}/signing-secret`;

  return {
    house,
    kind,
    env,
    call,
    subscriptionId: subject.subscriptionId,
    report: (url, name, headers = {}) => {
      const { path, body } = subject.reportOf(name);
      return call(url, "POST", path, { body, headers });
    },
    leaveInTable: subject.leaveInTable,
    letTimeRunOut: subject.letTimeRunOut,
    traceOf: subject.traceOf,
    async signingSecret() {
      const owner = { teamId: house.teamId, contract: contractOf[kind] };
      return (await getSigningSecret(house, owner, subject.subscriptionId)).secret;
    },
    rotateSecret: (url) => call(url, "POST", `${signingSecrets}/rotate`),
    async takeOver() {
      const log = openLog({ level: "silent" });
      const server = await openServer(readConfig("production", env), { migrate: false, log });
      onTestFinished(() => server.close());
      return server;
    },
    arrivals,
    async fateOf(deliveryId) {
      const { event_id, status } = await house.delivery(deliveryId);
      if (status === "pending") throw new Error("it is not finished");
      const attempts = (await house.attempts(deliveryId)).map(({ status_code, error_code }) =>
        error_code === "unknown_outcome" ? error_code : (status_code ?? 0),
      );
      return { arrived: arrivals(event_id).length, attempts, status };
    },
  };
}

const contractOf = { unordered: "workflow", ordered: "assistant" } as const;

/** What differs between the kinds: whom to subscribe, and which fact to report. */
type Subject = Pick<FaultWorld, "subscriptionId" | "leaveInTable" | "letTimeRunOut" | "traceOf"> & {
  subscriptionPath: string;
  reportOf(name: string): { path: string; body: object };
};

async function aRunsWorld(house: House, tells: "reports" | "time"): Promise<Subject> {
  const event = tells === "reports" ? "workflow_run_started" : "workflow_run_completed";
  const { id: subscriptionId } = await house.subscribe({ events: [event] });
  const workflowId = await house.workflow();
  const runIds = new Map<string, string>();
  const runIdOf = (name: string) => {
    const id = runIds.get(name) ?? newId();
    runIds.set(name, id);
    return id;
  };
  return {
    subscriptionId,
    subscriptionPath: "/workflows/v1/workflow-webhooks",
    reportOf: (name) => ({
      path: "/workflows/v1/workflow-runs",
      // Under an Idempotency-Key the key names the run.
      body: {
        workflow_id: workflowId,
        trigger: "manual",
        ...(name === "keyed" ? {} : { _id: runIdOf(name) }),
      },
    }),
    traceOf: runIdOf,
    async leaveInTable(name) {
      const data = { trigger: "manual", input: null, timeoutSeconds: null } as const;
      await house.record({ type: "run.started", runId: runIdOf(name), workflowId, data });
    },
    async letTimeRunOut() {
      await house.startRun(workflowId, { timeoutSeconds: 60 });
      await house.passTime("2 minutes");
    },
  };
}

async function aCallsWorld(house: House, tells: "reports" | "time"): Promise<Subject> {
  const messages = tells === "reports" ? ["conversation-update"] : ["hang"];
  const assistantId = await makeAssistant(house, { messages });
  const callId = await startCall(house, assistantId);
  /** A second assistant's call, whose messages wait for none of the first one's. */
  const besides = await startCall(house, await makeAssistant(house, { messages }));
  const textOf = (name: string) => `the ${name} words`;
  const said = (name: string, role: "user" | "assistant") => ({
    callId: name === "besides" ? besides : callId,
    data: { messageId: name, role, text: textOf(name), timestampMs: null, metrics: null },
  });
  return {
    subscriptionId: assistantId,
    subscriptionPath: "/assistants/v1/assistants",
    reportOf: (name) => ({
      path: `/calls/v1/conversations/${callId}/messages`,
      body: {
        ...(name === "keyed" ? {} : { messageId: name }),
        role: "assistant",
        text: textOf(name),
      },
    }),
    traceOf: textOf,
    async leaveInTable(name) {
      await house.record({ type: "call.message", ...said(name, "assistant") });
    },
    async letTimeRunOut() {
      await house.record({ type: "call.message", ...said("question", "user") });
      await house.database.sql`update calls set hang_due_at = now() where hang_due_at is not null`;
    },
  };
}

/** Holds invariants 1 to 4 and 6 to 8 against what lies in the database and what has arrived. */
export async function expectInvariants(world: FaultWorld, facts: number): Promise<void> {
  const { house, kind } = world;
  const events = await house.events();
  const deliveries = await house.deliveries();
  // Invariants 1 and 2: each fact is one event, each event one delivery.
  expect(events).toHaveLength(facts);
  expect(new Set(events.map(({ dedupe_key }) => dedupe_key)).size).toBe(facts);
  expect(new Set(deliveries.map(({ event_id }) => event_id)).size).toBe(facts);
  expect(deliveries).toHaveLength(facts);
  for (const delivery of deliveries) {
    const { finished_at, status, lease_token, attempt_count, event_id } = delivery;
    // Invariants 3 and 4: nothing is left behind.
    expect({ finished: finished_at !== null, lease_token }).toEqual({
      finished: true,
      lease_token: null,
    });
    const attempts = await house.attempts(delivery.id);
    expect(attempts.map(({ number }) => number)).toEqual(
      Array.from({ length: attempt_count }, (_, index) => index + 1),
    );
    expect(attempts.at(-1)?.success).toBe(status === "delivered");
    // Invariants 6 and 7: a row for every request; at most one request where order counts, and those that people asked for.
    const arrived = world.arrivals(event_id);
    const asked = attempts.filter(({ manual }) => manual).length;
    expect(arrived.length).toBeLessThanOrEqual(attempts.length);
    expect(arrived.length).toBeLessThanOrEqual((kind === "ordered" ? 1 : 1 + 3 + 3) + asked);
    expect(attempts.filter(({ success }) => success).length).toBeLessThanOrEqual(arrived.length);
    // Invariant 8: the same bytes under the same id, signed afresh.
    const event = events.find(({ id }) => id === event_id);
    const owner = { teamId: house.teamId, contract: contractOf[kind] };
    const { secret } = await getSigningSecret(house, owner, delivery.subscription_id);
    for (const { body, headers } of arrived) {
      expect(body.equals(event?.payload ?? Buffer.alloc(0))).toBe(true);
      await verify(body, headers as Record<string, string>, secret);
    }
  }
}
