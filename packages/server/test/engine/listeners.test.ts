import { verify } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { listen } from "../support/listening.ts";
import { createDatabase } from "../support/postgres.ts";
import { openService, type Service } from "../support/running-server.ts";

/** So many processes on one database. */
async function openProcesses(count: number): Promise<Service[]> {
  const home = await createDatabase();
  onTestFinished(home.drop);
  const processes: Service[] = [];
  for (let made = 0; made < count; made++) {
    processes.push(await openService({}, { DATABASE_URL: home.url }));
  }
  return processes;
}

const makeWorkflow = async ({ call }: Service, name = "Order desk"): Promise<string> => {
  const made = await call("POST", "/workflows/v1/workflows", { name });
  expect(made.status).toBe(201);
  return made.body.workflow.id;
};

async function deliveriesOf({ call }: Service, endpointId: string) {
  const found = await call("GET", `/v1/deliveries?endpoint_id=${endpointId}`);
  expect(found.status).toBe(200);
  return found.body.deliveries;
}

async function attemptsOf({ call }: Service, deliveryId: string) {
  return (await call("GET", `/v1/deliveries/${deliveryId}`)).body.attempts;
}

const ended = async (service: Service, endpointId: string) => {
  await until("the delivery has ended", async () => {
    const [one] = await deliveriesOf(service, endpointId);
    return one?.status === "delivered" || one?.status === "failed";
  });
  const [delivery] = await deliveriesOf(service, endpointId);
  return { delivery, attempts: await attemptsOf(service, delivery.id) };
};

test("a listener gets the signed request that would have been sent, and its answer is the attempt", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  const stream = await listening.open();
  await makeWorkflow(service);
  const request = await listening.next(stream);
  expect(request).toMatchObject({ method: "POST", event_type: "workflow_created", repeat: false });
  const body = Buffer.from(request.body, "base64");
  expect(JSON.parse(body.toString())).toMatchObject({ event_id: request.event_id });
  await verify(body, request.headers, listening.secret);
  expect(request.headers["x-interactly-signature"]).toMatch(/^[0-9a-f]{64}$/);

  const answer = { status_code: 201, headers: { "x-own": ["a", "b"] }, body: "made" };
  expect(await listening.answer(request.id, { ...answer, duration_ms: 7 })).toMatchObject({
    status: 204,
  });
  const { delivery, attempts } = await ended(service, listening.id);
  expect(delivery).toMatchObject({
    ...{ id: request.delivery_id, contract: "listener", event_id: request.event_id },
    ...{
      status: "delivered",
      status_code: 201,
      attempts_count: 1,
      duration_ms: expect.any(Number),
    },
  });
  expect(delivery.duration_ms).toBeLessThanOrEqual(7);
  expect(attempts).toMatchObject([
    {
      ...{ status_code: 201, response_body: "made", error_code: null },
      ...{ response_headers: { "x-own": "a, b" }, url: `listener:${listening.id}` },
      request_headers: { "webhook-signature": request.headers["webhook-signature"] },
    },
  ]);
  // Sent again, as after a lost answer, it changes nothing.
  expect((await listening.answer(request.id)).status).toBe(204);
});

test("a listener's failed answer is recorded unchanged, and its request is sent again soon, marked as a repeat", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  const stream = await listening.open();
  await makeWorkflow(service);
  const first = await listening.next(stream);
  await listening.answer(first.id, { status_code: 500, headers: { "retry-after": "3600" } });
  const second = await listening.next(stream);
  expect(second).toMatchObject({ event_id: first.event_id, attempt: 2, repeat: true });
  expect(second.body).toBe(first.body);
  expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
  await listening.answer(second.id);
  const { attempts } = await ended(service, listening.id);
  expect(attempts.map((one: { status_code: number }) => one.status_code).sort()).toEqual([
    200, 500,
  ]);
});

test("a request without an answer in time is an attempt with the code listener_gone", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  await service.server.database.sql`
    update subscriptions set timeout_seconds = 1, max_retries = 0 where id = ${listening.id}`;
  const stream = await listening.open();
  await makeWorkflow(service);
  const request = await listening.next(stream);
  const { delivery, attempts } = await ended(service, listening.id);
  expect(delivery).toMatchObject({ status: "failed", error_code: "listener_gone" });
  expect(attempts).toMatchObject([{ status_code: null, error_code: "listener_gone" }]);
  expect(await listening.answer(request.id)).toMatchObject({
    status: 409,
    body: { code: "answer_too_late" },
  });
});

test("stream, answers and dispatcher may be on different processes", async () => {
  const [one, two] = (await openProcesses(2)) as [Service, Service];
  const listening = await listen(one, { contract: "workflow" });
  const stream = await listening.open(two);
  for (let made = 0; made < 10; made++) {
    await makeWorkflow(one);
    const askedAtMs = performance.now();
    const request = await listening.next(stream);
    await listening.answer(request.id, {}, two);
    await until("it is delivered", async () => {
      const all = await deliveriesOf(two, listening.id);
      return all.filter(({ status }: { status: string }) => status === "delivered").length > made;
    });
    // Notified, and not found by a poll.
    if (made > 0) expect(performance.now() - askedAtMs).toBeLessThan(900);
  }
});

test("a stream that comes back gets what it was handed and did not receive, and nothing twice that it did", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  const stream = await listening.open();
  await makeWorkflow(service, "first");
  const first = await listening.next(stream);
  const place = stream.lastId();
  await makeWorkflow(service, "second");
  const second = await listening.next(stream);
  stream.close();
  await makeWorkflow(service, "third");
  const again = await listening.open(service, place);
  expect((await listening.next(again)).id).toBe(second.id);
  const third = await listening.next(again);
  again.close();
  // Without a place it gets all that is open.
  const anew = await listening.open();
  const all = [await listening.next(anew), await listening.next(anew), await listening.next(anew)];
  expect(all.map(({ id }) => id)).toEqual([first.id, second.id, third.id]);
  expect(all.map(({ repeat }) => repeat)).toEqual([false, false, false]);
});

test("a listener that does not answer delays no endpoint", async () => {
  const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8" });
  const receiver = await openReceiver();
  onTestFinished(receiver.close);
  const listening = await listen(service, { contract: "workflow" });
  await listening.open();
  const made = await service.call("POST", "/workflows/v1/workflow-webhooks", {
    ...{ name: "healthy", url: `${receiver.origin}/hook`, actions: ["workflow_created"] },
  });
  expect(made.status).toBe(201);
  for (let count = 1; count <= 30; count++) {
    const askedAtMs = performance.now();
    await makeWorkflow(service);
    await receiver.received(count);
    expect(performance.now() - askedAtMs).toBeLessThan(5_000);
  }
  const waiting = await deliveriesOf(service, listening.id);
  expect(waiting).toHaveLength(30);
  expect(waiting.some(({ status }: { status: string }) => status === "delivered")).toBe(false);
});

test("a listener ends a minute after its stream did: its endpoint is gone, and nothing waits for it", async () => {
  const service = await openService();
  const { sql } = service.server.database;
  const listening = await listen(service, { contract: "workflow" });
  const secondsLeft = async () => {
    const [row] = await sql<{ seconds: number }>`
      select extract(epoch from ends_at - now())::float8 as seconds from listeners
      where id = ${listening.id}`;
    return row?.seconds ?? 0;
  };
  const stream = await listening.open();
  await until("the stream was seen", async () => (await secondsLeft()) > 60);
  stream.close();
  await until("its end was seen", async () => (await secondsLeft()) <= 60);
  expect(await secondsLeft()).toBeGreaterThan(55);
  await makeWorkflow(service);
  await sql`update listeners set ends_at = ends_at - interval '60 seconds'`;
  await until("it has ended", async () => {
    const endpoint = await service.call("GET", `/v1/endpoints/${listening.id}`);
    return endpoint.status === 404;
  });
  const [delivery] = await deliveriesOf(service, listening.id);
  expect(delivery).toMatchObject({ status: "failed" });
  const gone = await service.call("GET", `/v1/listeners/${listening.id}/requests`);
  expect(gone.status).toBe(404);
  expect(await sql`select from listener_requests`).toEqual([]);
});

test("deleting a listener ends its stream, and the attempt that waits for it", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  const stream = await listening.open();
  await makeWorkflow(service);
  await listening.next(stream);
  const path = `/v1/listeners/${listening.id}`;
  expect((await service.call("DELETE", path)).status).toBe(204);
  expect((await service.call("DELETE", path)).status).toBe(404);
  expect(await stream.next()).toBeUndefined();
  const { delivery } = await ended(service, listening.id);
  expect(delivery).toMatchObject({ status: "failed" });
});

test("a listener gets the event types it names, and organisation webhooks with the header of their signature", async () => {
  const service = await openService();
  const listening = await listen(service, {
    ...{ contract: "organisation", event_types: ["workflow.completed"] },
  });
  const stream = await listening.open();
  const workflow_id = await makeWorkflow(service);
  const started = await service.call("POST", "/workflows/v1/workflow-runs", {
    ...{ workflow_id, trigger: "manual" },
  });
  expect(started.status).toBe(201);
  const run = started.body.run.id;
  await service.call("PATCH", `/workflows/v1/workflow-runs/${run}`, { status: "completed" });
  const request = await listening.next(stream);
  expect(request.event_type).toBe("workflow.completed");
  expect(request.headers["x-webhook-signature"]).toMatch(/^[0-9a-f]{64}$/);
  expect(await deliveriesOf(service, listening.id)).toHaveLength(1);
});

test("a listener of an assistant gets its messages, although the assistant has no server", async () => {
  const service = await openService();
  const made = await service.call("POST", "/assistants/v1/assistants", { name: "Front desk" });
  expect(made.status).toBe(201);
  const assistantId = made.body.id;
  const listening = await listen(service, {
    ...{ assistant_id: assistantId, event_types: ["status-update"] },
  });
  const stream = await listening.open();
  const call = await service.call("POST", "/calls/v1/conversations", { assistantId });
  expect(call.status).toBe(201);
  await service.call("POST", `/calls/v1/conversations/${call.body.id}/status`, {
    status: "ongoing",
  });
  const request = await listening.next(stream);
  expect(request.event_type).toBe("status-update");
  expect(request.headers["x-interactly-secret"]).toBe(listening.secret);
});

test("a listener of an endpoint gets copies of what that gets, tests included, and nothing while that is disabled", async () => {
  const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8" });
  const receiver = await openReceiver();
  onTestFinished(receiver.close);
  const webhooks = "/workflows/v1/workflow-webhooks";
  const made = await service.call("POST", webhooks, {
    ...{ name: "copied", url: `${receiver.origin}/hook`, actions: ["workflow_created"] },
  });
  const id = made.body.id;
  const listening = await listen(service, { endpoint_id: id });
  const stream = await listening.open();
  const workflow = await makeWorkflow(service);
  // Not told to the endpoint, and so not to its copy.
  await service.call("DELETE", `/workflows/v1/workflows/${workflow}`);
  const copy = await listening.next(stream);
  await receiver.received(1);
  expect(Buffer.from(copy.body, "base64")).toEqual(receiver.requests[0]?.body);
  expect(copy.headers["webhook-id"]).toBe(receiver.requests[0]?.headers["webhook-id"]);
  await service.call("POST", `${webhooks}/${id}/test`, { action: "workflow_run_completed" });
  expect((await listening.next(stream)).event_type).toBe("workflow_run_completed");
  await service.call("POST", `/v1/endpoints/${id}/disable`);
  await makeWorkflow(service);
  expect(await deliveriesOf(service, listening.id)).toHaveLength(2);
});

test("listeners and their deliveries are listed only for those who ask for them", async () => {
  const service = await openService();
  const listening = await listen(service, { contract: "workflow" });
  await makeWorkflow(service);
  await until("it is there", async () => (await deliveriesOf(service, listening.id)).length === 1);
  const list = async (path: string, member: string) =>
    (await service.call("GET", path)).body[member].length;
  expect(await list("/v1/deliveries", "deliveries")).toBe(0);
  expect(await list("/v1/deliveries?contract=workflow", "deliveries")).toBe(0);
  expect(await list("/v1/deliveries?contract=listener", "deliveries")).toBe(1);
  expect(await list("/v1/endpoints", "endpoints")).toBe(0);
  expect(await list("/v1/endpoints?contract=listener", "endpoints")).toBe(1);
});

test("another team's listener, assistant and endpoint are not there, and a listener takes both scopes", async () => {
  const service = await openService();
  const made = await service.call("POST", "/v1/teams", { name: "another" });
  expect(made.status).toBe(201);
  const ofOther = { ...(await keyOf(service, made.body.id)) };
  const assistant = await service.call("POST", "/assistants/v1/assistants", { name: "Front desk" });
  const listening = await listen(service, { contract: "workflow" });
  const path = `/v1/listeners/${listening.id}`;
  expect((await ofOther.call("GET", `${path}/requests`)).status).toBe(404);
  const answer = { request_id: listening.id, status_code: 200, duration_ms: 1 };
  expect((await ofOther.call("POST", `${path}/answers`, answer)).status).toBe(404);
  expect((await ofOther.call("DELETE", path)).status).toBe(404);
  for (const wish of [
    { assistant_id: assistant.body.id },
    { endpoint_id: assistant.body.id },
    { endpoint_id: listening.id },
    {},
    { contract: "workflow", assistant_id: assistant.body.id },
    { contract: "workflow", event_types: ["hang"] },
  ]) {
    expect([wish, (await ofOther.call("POST", "/v1/listeners", wish)).status]).toEqual([wish, 422]);
  }
  const writer = await keyOf(service, made.body.id, ["read", "write"]);
  const refused = await writer.call("POST", "/v1/listeners", { contract: "workflow" });
  expect(refused).toMatchObject({ status: 403, body: { code: "scope_missing" } });
});

test("a listener to operational events gets those of its team, and needs the scope admin", async () => {
  const service = await openService();
  const teamOf = async (name: string) => (await service.call("POST", "/v1/teams", { name })).body;
  const scopes = ["read", "write", "publish", "payload", "admin"];
  const another = await keyOf(service, (await teamOf("another")).id, scopes);
  const wish = { contract: "operational", event_types: ["delivery.exhausted"] };
  const ofOther = await another.call("POST", "/v1/listeners", wish);
  expect(ofOther.status).toBe(201);
  const listening = await listen(service, wish);
  const stream = await listening.open();
  const failOnce = async ({ call }: Pick<Service, "call">): Promise<string> => {
    const webhook = await call("POST", "/workflows/v1/workflow-webhooks", {
      ...{ name: "Nobody", url: "http://127.0.0.1:49999/hook", actions: ["workflow_created"] },
      max_retries: 0,
    });
    expect(webhook.status, JSON.stringify(webhook.body)).toBe(201);
    const made = await call("POST", "/workflows/v1/workflows", { name: "Order desk" });
    expect(made.status).toBe(201);
    return webhook.body.id;
  };
  await failOnce(another);
  const endpoint_id = await failOnce(service);
  const request = await listening.next(stream);
  expect(request).toMatchObject({ event_type: "delivery.exhausted", repeat: false });
  const body = Buffer.from(request.body, "base64");
  await verify(body, request.headers, listening.secret);
  expect(request.headers.authorization).toBeUndefined();
  expect(JSON.parse(body.toString())).toMatchObject({ data: { delivery: { endpoint_id } } });
  await listening.answer(request.id);
  const { attempts } = await ended(service, listening.id);
  expect(attempts).toMatchObject([{ status_code: 200 }]);

  const { team_id: own } = (await service.call("GET", "/accounts/v1/users/me")).body;
  const writer = await keyOf(service, own);
  const forbidden = { status: 403, body: { code: "scope_missing" } };
  expect(await writer.call("POST", "/v1/listeners", wish)).toMatchObject(forbidden);
  const path = `/v1/listeners/${listening.id}/requests`;
  expect(await writer.call("GET", path)).toMatchObject(forbidden);
  for (const event_types of [["backlog.growing"], ["workflow_created"]]) {
    const refused = await service.call("POST", "/v1/listeners", { ...wish, event_types });
    expect(refused.status).toBe(422);
  }
});

/** A team's own key. */
async function keyOf(service: Service, teamId: string, scopes = ["read", "write", "payload"]) {
  const made = await service.call("POST", "/v1/api-keys", {
    ...{ name: "another", scopes, team_ids: [teamId] },
  });
  expect(made.status).toBe(201);
  const key: string = made.body.key;
  return {
    async call(method: string, path: string, body?: object) {
      const answer = await fetch(`${service.server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
    },
  };
}

test("a team has few listeners at once, and one that has ended makes room", async () => {
  const service = await openService();
  for (let made = 0; made < 20; made++) await listen(service, { contract: "workflow" });
  const wish = { contract: "workflow" };
  expect(await service.call("POST", "/v1/listeners", wish)).toMatchObject({
    status: 409,
    body: { code: "quota_exceeded" },
  });
  await service.server.database.sql`update listeners set ends_at = now()`;
  expect((await service.call("POST", "/v1/listeners", wish)).status).toBe(201);
});

test("requests and answers of a run are erased with the run, and are sealed until then", async () => {
  const service = await openService();
  const { sql } = service.server.database;
  const listening = await listen(service, {
    contract: "workflow",
    event_types: ["workflow_run_started"],
  });
  const stream = await listening.open();
  const workflow_id = await makeWorkflow(service);
  const started = await service.call("POST", "/workflows/v1/workflow-runs", {
    ...{ workflow_id, trigger: "manual", input: { word: "a-word-of-the-run" } },
  });
  const request = await listening.next(stream);
  expect(Buffer.from(request.body, "base64").toString()).toContain("workflow_run_started");
  const stored = async () => {
    const rows = await sql<{ text: string }>`
      select encode(convert_to(r::text, 'UTF8'), 'escape') as text from listener_requests r`;
    return rows.map(({ text }) => text).join();
  };
  expect(await stored()).not.toContain(request.headers["webhook-signature"]);
  await listening.answer(request.id, { body: "an-answer" });
  await ended(service, listening.id);
  const [left] = await sql`select sealed_headers, sealed_answer from listener_requests`;
  expect(left).toEqual({ sealed_headers: null, sealed_answer: null });
  const erased = await service.call("DELETE", `/workflows/v1/workflow-runs/${started.body.run.id}`);
  expect(erased.status).toBe(204);
  expect(await sql`select from listener_requests`).toEqual([]);
});
