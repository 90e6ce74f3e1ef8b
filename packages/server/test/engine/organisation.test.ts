import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { sendSample } from "../../src/actions/send-sample.ts";
import { createSubscription, type SubscriptionDraft } from "../../src/actions/subscriptions.ts";
import { readConfig } from "../../src/config.ts";
import { listLogs } from "../../src/db/logs.ts";
import {
  organisationEventTypes,
  organisationPolicy,
  organisationWebhooks,
} from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import type { RunStatus, StepReport } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse, until } from "../support/house.ts";
import type { ReceivedRequest } from "../support/http-receiver.ts";

const contract = organisationWebhooks.name;
const exact = (text: string) => text as JsonText;

async function subscribe(house: House, given: Partial<SubscriptionDraft> = {}) {
  const { id } = await createSubscription(
    { ...house, config: readConfig("development", {}) },
    { teamId: house.teamId, contract },
    {
      id: newId(),
      name: "a webhook",
      url: `${house.receiver.origin}/organisation`,
      eventTypes: organisationEventTypes,
      enabled: true,
      credential: null,
      ...organisationPolicy,
      actor: "system",
      ...given,
    },
  );
  return id;
}

const step = (house: House, runId: string, data: StepReport, at?: string, stepId = "fetch") =>
  house.record({
    type: "step.reported",
    runId,
    stepId,
    occurredAt: at === undefined ? undefined : new Date(at),
    data,
  });

const bodyOf = ({ body }: ReceivedRequest) => JSON.parse(body.toString());
const bodiesOf = (house: House) => house.receiver.requests.map(bodyOf);
const hmacOf = (secret: string, body: Buffer) =>
  createHmac("sha256", secret).update(body).digest("hex");

test("X-Webhook-Signature is the hex HMAC-SHA256 of the raw body, on every attempt, when there is a secret", async () => {
  const house = await openHouse();
  const secret = "Grüße \n 🎉 \u0000 secret";
  await subscribe(house, { credential: secret, eventTypes: ["workflow.started"] });
  house.receiver.answerWith(500, 200);
  await house.startRun(await house.workflow({ name: "Grüße 🎉" }));
  await house.drain();

  const { requests } = house.receiver;
  expect(requests).toHaveLength(2);
  for (const { headers, body } of requests) {
    expect(headers["x-webhook-signature"]).toBe(hmacOf(secret, body));
    expect(headers["webhook-signature"]).toMatch(/^v1,/);
  }
});

test("without a secret there is no X-Webhook-Signature", async () => {
  const house = await openHouse();
  await subscribe(house);
  await house.startRun(await house.workflow());
  await house.settled();
  expect(house.receiver.requests).toHaveLength(1);
  expect(house.receiver.requests[0]?.headers).not.toHaveProperty("x-webhook-signature");
});

test("custom headers arrive unchanged, and none is stored in plain text", async () => {
  const house = await openHouse();
  const headers = { "X-API-Key": "k3y", Authorization: "Basic abc=", "X-Tab": "a\tb" };
  await subscribe(house, { headers });
  await house.startRun(await house.workflow());
  await house.settled();
  expect(house.receiver.requests[0]?.headers).toMatchObject({
    "x-api-key": "k3y",
    authorization: "Basic abc=",
    "x-tab": "a\tb",
    "content-type": "application/json",
  });
  const [row] = await house.database.sql<{ text: string }>`
    select subscriptions::text as text from subscriptions`;
  expect(row?.text).not.toContain(Buffer.from("k3y").toString("hex"));
  expect(row?.text).not.toContain("k3y");
});

test("a stored header that the rules refuse by now is not sent, and the attempt says so without its value", async () => {
  const house = await openHouse();
  await subscribe(house, { headers: { Host: "s3cret.example" } });
  await house.startRun(await house.workflow());
  await house.settled();
  expect(house.receiver.requests).toEqual([]);
  const [attempt] = await house.attempts();
  expect(attempt).toMatchObject({ error_code: "blocked_header", will_retry: true });
  const [row] = await house.database.sql<{ error_message: string }>`
    select error_message from attempts`;
  expect(row?.error_message).toBe(
    "The subscription's custom headers are not sent any more: one named Host is a reserved header and cannot be set.",
  );
});

test("all six events have exactly the members the contract promises", async () => {
  const house = await openHouse();
  await subscribe(house);
  const workflowId = await house.workflow({ name: "orders" });
  const [completed, failed] = [newId(), newId()];
  const start = (runId: string) =>
    house.record({
      type: "run.started",
      runId,
      workflowId,
      occurredAt: new Date("2026-11-21T10:30:00.000Z"),
      data: { trigger: "scheduled", input: exact('{"private":1}'), timeoutSeconds: null },
    });
  const end = (runId: string, status: "completed" | "failed", document: string) =>
    house.record({
      type: "run.updated",
      runId,
      occurredAt: new Date("2026-11-21T10:30:00.812Z"),
      data: { status, [status === "completed" ? "output" : "error"]: exact(document) },
    });
  await start(completed);
  const named = { name: "Fetch", index: 2 };
  await step(house, completed, { status: "started", ...named }, "2026-11-21T10:30:00.100Z");
  await step(
    house,
    completed,
    { status: "completed", output: exact('{"n":1.0}') },
    "2026-11-21T10:30:00.400Z",
  );
  await end(completed, "completed", "[12345678901234567890]");
  await start(failed);
  await step(
    house,
    failed,
    { status: "failed", error: jsonText("it broke") },
    "2026-11-21T10:30:00.500Z",
  );
  await end(failed, "failed", '"it broke"');
  await house.settled();

  const event = (event_type: string, timestamp: string, data: object) => ({
    event_id: expect.stringMatching(/^event_[0-9a-f-]{36}$/),
    event_type,
    workflow_id: workflowId,
    organization_id: house.teamId,
    timestamp: `2026-11-21T10:30:00.${timestamp}Z`,
    data,
  });
  const run = (run_id: string, status: string, ended: object = {}) => ({
    run_id,
    workflow_name: "orders",
    status,
    trigger: "scheduled",
    started_at: "2026-11-21T10:30:00.000Z",
    completed_at: null,
    duration_ms: null,
    output: null,
    error: null,
    ...ended,
  });
  const ended = { completed_at: "2026-11-21T10:30:00.812Z", duration_ms: 812 };
  const stepData = (run_id: string, told: object) => ({
    run_id,
    workflow_name: "orders",
    step: {
      id: "fetch",
      name: "Fetch",
      index: 2,
      attempt: 1,
      started_at: "2026-11-21T10:30:00.100Z",
      completed_at: null,
      duration_ms: null,
      output: null,
      error: null,
      ...told,
    },
  });
  const bodies = bodiesOf(house);
  expect(bodies).toHaveLength(7);
  expect(bodies).toEqual(
    expect.arrayContaining([
      event("workflow.started", "000", run(completed, "started")),
      event("workflow.step.started", "100", stepData(completed, { status: "started" })),
      event(
        "workflow.step.completed",
        "400",
        stepData(completed, {
          status: "completed",
          completed_at: "2026-11-21T10:30:00.400Z",
          duration_ms: 300,
          output: { n: 1 },
        }),
      ),
      event(
        "workflow.completed",
        "812",
        // biome-ignore lint/correctness/noPrecisionLoss: what JSON.parse makes of it.
        run(completed, "completed", { ...ended, output: [12345678901234567890] }),
      ),
      event("workflow.started", "000", run(failed, "started")),
      event(
        "workflow.step.failed",
        "500",
        stepData(failed, {
          status: "failed",
          name: "fetch",
          index: null,
          attempt: 1,
          started_at: "2026-11-21T10:30:00.500Z",
          completed_at: "2026-11-21T10:30:00.500Z",
          duration_ms: 0,
          error: "it broke",
        }),
      ),
      event("workflow.failed", "812", run(failed, "failed", { ...ended, error: "it broke" })),
    ]),
  );
  const texts = house.receiver.requests.map(({ body }) => body.toString());
  expect(texts.some((text) => text.includes('"output":[12345678901234567890]'))).toBe(true);
  expect(texts.some((text) => text.includes('"output":{"n":1.0}'))).toBe(true);
  expect(texts.join()).not.toContain("private");
  for (const request of house.receiver.requests) {
    expect(request.headers["webhook-id"]).toBe(bodyOf(request).event_id);
  }
});

test("every started run ends in exactly one terminal event, a cancelled one in workflow.failed", async () => {
  const house = await openHouse();
  await subscribe(house);
  const workflowId = await house.workflow();
  const expected = new Map<string, string[]>();
  const start = async (ends: string) => {
    const runId = await house.startRun(workflowId);
    expected.set(runId, ["workflow.started started", ends]);
    return runId;
  };
  const report = (runId: string, status: Exclude<RunStatus, "started">) =>
    house.record({ type: "run.updated", runId, data: { status } });
  for (const status of ["completed", "failed", "cancelled"] as const) {
    const type = status === "completed" ? "workflow.completed" : "workflow.failed";
    const runId = await start(`${type} ${status}`);
    await report(runId, "running");
    await report(runId, "paused");
    // Reported by several at once, and again: still one end.
    await Promise.all([report(runId, status), report(runId, status)]);
    await report(runId, status);
  }
  await start("workflow.failed cancelled");
  await house.record({ type: "workflow.deleted", workflowId });
  await house.settled();

  const told = new Map<string, string[]>();
  for (const { event_type, data } of bodiesOf(house)) {
    told.set(data.run_id, [...(told.get(data.run_id) ?? []), `${event_type} ${data.status}`]);
  }
  for (const list of told.values()) list.sort();
  for (const list of expected.values()) list.sort();
  expect(told).toEqual(expected);
});

test("a run makes one event in contract A and one in contract B, in one transaction", async () => {
  const house = await openHouse();
  await subscribe(house);
  await house.subscribe({
    path: "/workflow",
    events: ["workflow_run_started", "workflow_run_completed"],
  });
  const runId = await house.startRun(await house.workflow());
  await house.endRun(runId);
  await house.settled();

  const told = house.receiver.requests.map((request) => {
    const { action, event_type, workflow_run_id, data } = bodyOf(request);
    expect(workflow_run_id ?? data.run_id).toBe(runId);
    return `${request.path} ${action ?? event_type}`;
  });
  expect(told.sort()).toEqual([
    "/organisation workflow.completed",
    "/organisation workflow.started",
    "/workflow workflow_run_completed",
    "/workflow workflow_run_started",
  ]);
  const events = await house.events();
  expect(new Set(events.map(({ id }) => id)).size).toBe(4);
});

test("a step that is reported again and again is one event for each of its states", async () => {
  const house = await openHouse();
  await subscribe(house);
  const runId = await house.startRun(await house.workflow());
  for (const status of ["started", "completed"] as const) {
    await Promise.all([step(house, runId, { status }), step(house, runId, { status })]);
    await step(house, runId, { status });
  }
  await house.settled();
  expect(
    bodiesOf(house)
      .map(({ event_type }) => event_type)
      .sort(),
  ).toEqual(["workflow.started", "workflow.step.completed", "workflow.step.started"]);
});

const sample = (house: House, subscriptionId: string) =>
  sendSample(house, {
    teamId: house.teamId,
    contract: organisationWebhooks,
    subscriptionId,
    eventType: "workflow.completed",
    actor: "key",
    newId,
  });

const logsOf = async (house: House, subscriptionId: string | null = null, limit = 50) =>
  await listLogs(
    house.database,
    { teamId: house.teamId, contract },
    { subscriptionId, eventType: null, start: null, end: null },
    { offset: 0, limit },
  );

test("a test event is a workflow.completed with data.test, and is logged", async () => {
  const house = await openHouse();
  const id = await subscribe(house, { eventTypes: ["workflow.failed"], credential: "s" });
  const eventId = await sample(house, id);
  await house.settled();
  const [request] = house.receiver.requests;
  expect(request && bodyOf(request)).toMatchObject({
    event_id: `event_${eventId}`,
    event_type: "workflow.completed",
    organization_id: house.teamId,
    data: { test: true, status: "completed", run_id: expect.stringMatching(/^[0-9a-f]{24}$/) },
  });
  expect(request?.headers["x-webhook-signature"]).toBe(
    hmacOf("s", request?.body ?? Buffer.alloc(0)),
  );
  expect((await logsOf(house, id)).rows).toMatchObject([
    { eventId, number: 1, success: true, statusCode: 200, willRetry: false },
  ]);
});

test("a test event is attempted once: neither a failure nor the loss of its process brings another request", async () => {
  const house = await openHouse();
  const id = await subscribe(house);
  house.receiver.answerWith(503);
  await sample(house, id);
  await house.settled();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 1 });
  expect((await logsOf(house)).rows).toMatchObject([
    { number: 1, success: false, willRetry: false, errorMessage: "The receiver answered 503." },
  ]);
  await house.passTime("1 day");
  await house.settled();
  expect(house.receiver.requests).toHaveLength(1);

  const release = house.receiver.hold();
  await sample(house, id);
  await house.receiver.received(2);
  // The lease runs out as it does when the process is gone.
  await house.passTime("10 minutes");
  await until("the second one is given up", async () =>
    (await house.deliveries()).every(({ status }) => status === "failed"),
  );
  release();
  await house.settled();
  expect(house.receiver.requests).toHaveLength(2);
});

test("contract A's test event keeps its retries", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ maxRetries: 1 });
  house.receiver.answerWith(500, 500, 500);
  await sendSample(house, {
    teamId: house.teamId,
    contract: workflowWebhooks,
    subscriptionId: id,
    eventType: "workflow_run_completed",
    actor: "key",
    newId,
  });
  await house.drain();
  expect(house.receiver.requests).toHaveLength(2);
});

test("the logs hold every attempt of contract B with its retries, newest first, and none of contract A", async () => {
  const house = await openHouse();
  const [one, two] = [await subscribe(house), await subscribe(house, { name: "another" })];
  await house.subscribe({ events: ["workflow_run_started"] });
  house.receiver.answerBy((_request, count) => (count <= 3 ? { status: 500, body: "no" } : 200));
  const runId = await house.startRun(await house.workflow());
  await house.drain();
  await house.endRun(runId);
  await house.drain();

  const { rows, total } = await logsOf(house);
  const attempts = (await house.attempts()).length;
  const ofA = (
    await house.database.sql`
    select from attempts a join deliveries d on d.id = a.delivery_id
    join subscriptions s on s.id = d.subscription_id where s.contract = 'workflow'`
  ).length;
  expect(total).toBe(attempts - ofA);
  expect(rows).toHaveLength(total);
  expect(new Set(rows.map(({ subscriptionId }) => subscriptionId))).toEqual(new Set([one, two]));
  expect(rows.map(({ eventType }) => eventType).slice(0, 2)).toEqual([
    "workflow.completed",
    "workflow.completed",
  ]);
  const ofOne = await logsOf(house, one);
  expect(ofOne.rows).toEqual(rows.filter(({ subscriptionId }) => subscriptionId === one));
  const first = ofOne.rows.filter(({ eventType }) => eventType === "workflow.started");
  expect(first.map(({ number }) => number)).toEqual(
    first.map((_row, index) => first.length - index),
  );
  expect(first.at(-1)).toMatchObject({ success: false, willRetry: true, responseBody: "no" });
  expect((await logsOf(house, one, 1)).rows).toEqual(ofOne.rows.slice(0, 1));
});

test("a test event takes its turn among a webhook's other deliveries, and keeps none of them", async () => {
  const house = await openHouse({ hot: false, started: false });
  const id = await subscribe(house, { eventTypes: ["workflow.started"] });
  const workflowId = await house.workflow();
  for (let n = 0; n < 3; n++) {
    await house.startRun(workflowId);
    await sample(house, id);
    await house.startRun(workflowId);
  }
  house.dispatcher.start();
  await house.receiver.received(9);
  await until("all are delivered", async () =>
    (await house.deliveries()).every(({ status }) => status === "delivered"),
  );
  expect(house.receiver.requests).toHaveLength(9);
});
