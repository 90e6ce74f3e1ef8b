import { Postrider } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import type { Scope } from "../../src/api-keys.ts";
import { openAgent } from "../support/agent.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** A service with one endpoint, "Bookings", that tries once; its receiver answers as a test says. */
async function openWorld() {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const { url } = service.server;
  const operator = new Postrider({ url, apiKey: service.key });
  const endpoint = await operator.workflowWebhooks.create({
    name: "Bookings",
    url: `${receiver.origin}/hook`,
    actions: ["workflow_created", "workflow_run_completed"],
    max_retries: 0,
  });
  const keyWith = async (...scopes: Scope[]) =>
    (await operator.apiKeys.create({ name: scopes.join(" "), scopes })).key;
  /** Makes an event, and waits until its delivery has ended. */
  const happen = async (name: string) => {
    const before = new Set((await operator.deliveries.list()).deliveries.map(({ id }) => id));
    await operator.workflows.create({ name });
    return await expect
      .poll(
        async () => {
          const { deliveries } = await operator.deliveries.list();
          return deliveries.find(
            ({ id, status }) => !before.has(id) && ["delivered", "failed"].includes(status),
          );
        },
        { timeout: 15_000 },
      )
      .toBeDefined()
      .then(async () => (await operator.deliveries.list()).deliveries[0]);
  };
  return { service, url, receiver, operator, endpoint, keyWith, happen };
}

test("an agent finds out why the last delivery failed, what the receiver said and what changed, and gets it back", async () => {
  const { url, receiver, endpoint, keyWith, happen } = await openWorld();
  await happen("A");
  receiver.answerWith({
    status: 503,
    headers: { server: "nginx/1.27" },
    body: "the database of bookings is read-only",
  });
  const failed = await happen("B");
  const agent = await openAgent(url, await keyWith("read", "write", "payload"));

  const why = await agent.use("explain_failure", { endpoint: "book" });
  expect(why.json).toMatchObject({
    summary: expect.stringContaining("failed after 1 attempt. The receiver answered 503."),
    delivery: { id: failed?.id, status: "failed", error_code: "http_status" },
    endpoint: { id: endpoint.id, name: "Bookings" },
    attempts: [
      {
        number: 1,
        status_code: 503,
        timing_ms: expect.any(Object),
        receiver_said: { body: { text: "the database of bookings is read-only" } },
      },
    ],
    request_body: { text: expect.stringContaining('"workflow_created"') },
    since_last_success: {
      last_success: { status: "delivered", status_code: 200 },
      changes: expect.arrayContaining(["The answer was 200 and is 503."]),
    },
  });
  expect(why.json.what_to_do.join(" ")).toContain(`retry_delivery with delivery_id=${failed?.id}`);

  const back = await agent.use("retry_delivery", { delivery_id: failed?.id });
  expect(back.json).toMatchObject({
    summary: expect.stringMatching(/^Delivered: the receiver answered 200 after \d+ ms\.$/),
    delivery: { id: failed?.id, status: "delivered", attempts_count: 2 },
  });
  expect(receiver.requests).toHaveLength(3);
  expect(receiver.requests[2]?.headers["webhook-id"]).toBe(
    receiver.requests[1]?.headers["webhook-id"],
  );
});

test("a change of the endpoint since its last success is listed; a key with admin also sees who made it", async () => {
  const { url, receiver, operator, endpoint, keyWith, happen } = await openWorld();
  await happen("A");
  receiver.answerBy(({ path }) => (path === "/v2/hook" ? 404 : 200));
  await operator.workflowWebhooks.update(endpoint.id, { url: `${receiver.origin}/v2/hook` });
  await happen("B");
  const changesFor = async (...scopes: Scope[]): Promise<string[]> => {
    const agent = await openAgent(url, await keyWith(...scopes));
    const { json } = await agent.use("explain_failure", { endpoint: endpoint.id });
    return json.since_last_success.changes;
  };
  const changes = await changesFor("read");
  expect(changes).toContain(
    `The URL was ${receiver.origin}/hook and is ${receiver.origin}/v2/hook.`,
  );
  expect(changes.join("\n")).toMatch(/settings were last changed at 2/);
  expect(changes.join("\n")).not.toContain("workflow_webhook.updated");
  const told = (await changesFor("read", "admin")).join("\n");
  expect(told).toMatch(/^2\S+ workflow_webhook\.updated by .+\.$/m);
});

test("an endpoint without failures and an unknown delivery have their own answers", async () => {
  const { url, keyWith, happen } = await openWorld();
  const delivered = await happen("A");
  const agent = await openAgent(url, await keyWith("read"));
  const none = await agent.use("explain_failure", { endpoint: "Bookings" });
  expect(none.json.summary).toContain("No delivery to Bookings that is still kept has failed");
  const well = await agent.use("explain_failure", { delivery_id: delivered?.id });
  expect(well.json.what_to_do).toEqual(["Nothing: it was delivered in the end."]);
  const gone = await agent.use("explain_failure", { delivery_id: "0".repeat(24) });
  expect(gone).toMatchObject({ refused: true, text: expect.stringContaining("no such thing") });
});

test("a key without `write` is shown no tool that changes something, and cannot call one by its name", async () => {
  const { url, receiver, keyWith, happen } = await openWorld();
  receiver.answerWith(500);
  const failed = await happen("A");
  const agent = await openAgent(url, await keyWith("read"));
  expect(await agent.tools()).toEqual([
    "list_deliveries",
    "explain_failure",
    "get_endpoint",
    "list_event_types",
    "read_docs",
  ]);
  await expect(agent.use("retry_delivery", { delivery_id: failed?.id })).rejects.toThrow();
  expect(receiver.requests).toHaveLength(1);
});

test("without `payload`, an answer has neither bodies nor headers of the receiver, and says so", async () => {
  const { url, receiver, keyWith, happen } = await openWorld();
  receiver.answerWith({ status: 500, headers: { server: "secret-name" }, body: "secret-words" });
  await happen("a secret workflow");
  const agent = await openAgent(url, await keyWith("read", "write"));
  const { text, json } = await agent.use("explain_failure", { endpoint: "Bookings" });
  expect(text).not.toMatch(/secret/);
  expect(json.hidden).toContain("response_body");
  expect(json.attempts[0]).not.toHaveProperty("receiver_said");
});

test("a replay is counted first, and starts only with what the dry run of the same filter said", async () => {
  const { url, receiver, endpoint, keyWith, happen } = await openWorld();
  receiver.answerWith(500, 500);
  await happen("A");
  await happen("B");
  const agent = await openAgent(url, await keyWith("read", "write"));
  const filter = { endpoint: "Bookings" };

  const { json: dry } = await agent.use("replay_deliveries", filter);
  expect(dry).toMatchObject({
    summary: expect.stringContaining("nothing was delivered: 2 deliveries match"),
    dry_run: { matching: 2 },
  });
  const { confirm } = dry.dry_run;
  for (const wrong of [
    { ...filter, confirm: "2" },
    { ...filter, confirm: true },
    { ...filter, only: "all", confirm },
    { endpoint: endpoint.id, from: "2026-01-01T00:00:00Z", confirm },
  ]) {
    await agent.use("replay_deliveries", wrong);
  }
  expect((await agent.use("replay_deliveries", {})).text).toContain("Name an endpoint");
  expect(receiver.requests).toHaveLength(2);

  const { json: done } = await agent.use("replay_deliveries", { ...filter, confirm });
  expect(done).toMatchObject({
    summary: expect.stringContaining("2 were delivered, 0 failed"),
    replay: { state: "done", matching: 2, delivered: 2 },
  });
  expect(receiver.requests).toHaveLength(4);
  const { json: later } = await agent.use("replay_deliveries", { replay_id: done.replay.id });
  expect(later.replay).toMatchObject({ id: done.replay.id, state: "done" });
});

test("a test event goes to one endpoint, and the result has its answer", async () => {
  const { url, receiver, operator, keyWith } = await openWorld();
  const agent = await openAgent(url, await keyWith("read", "write"));
  const { json } = await agent.use("send_test_event", {
    endpoint: "Bookings",
    event_type: "workflow_run_completed",
  });
  expect(json).toMatchObject({
    summary: expect.stringContaining("Delivered: the receiver answered 200"),
    delivery: { test: true, event_type: "workflow_run_completed" },
  });
  expect(receiver.requests).toHaveLength(1);

  const assistant = await operator.assistants.create({
    name: "Receptionist",
    assistantServer: { enabled: true, url: `${receiver.origin}/calls`, messages: ["hang"] },
  });
  const refused = await agent.use("send_test_event", { endpoint: assistant.id });
  expect(refused).toMatchObject({ refused: true, text: expect.stringContaining("no test events") });
});

test("an endpoint is found by its id, its name or a part of it; where several fit, none is guessed", async () => {
  const { url, receiver, operator, endpoint, keyWith } = await openWorld();
  await operator.webhooks.create({
    name: "Bookings of the night",
    url: `${receiver.origin}/night`,
    events: ["workflow.completed"],
  });
  const agent = await openAgent(url, await keyWith("read"));
  for (const meant of [endpoint.id, "Bookings", "bookings", endpoint.url]) {
    const { json } = await agent.use("get_endpoint", { endpoint: meant });
    expect(json).toMatchObject({ endpoint: { id: endpoint.id }, last_24_hours: { failed: 0 } });
  }
  const several = await agent.use("get_endpoint", { endpoint: "booking" });
  expect(several).toMatchObject({
    refused: true,
    text: expect.stringContaining("fits several endpoints"),
  });
  const none = await agent.use("get_endpoint", { endpoint: "payments" });
  expect(none).toMatchObject({ refused: true, text: expect.stringContaining("No endpoint has") });
  const { json: all } = await agent.use("get_endpoint");
  expect(all.endpoints).toHaveLength(2);
});

test("deliveries are listed by endpoint and status, page by page", async () => {
  const { url, receiver, keyWith, happen } = await openWorld();
  receiver.answerWith(200, 500, 500);
  for (const name of ["A", "B", "C"]) await happen(name);
  const agent = await openAgent(url, await keyWith("read"));
  const query = { endpoint: "Bookings", status: ["failed"], limit: 1 };
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { json } = await agent.use("list_deliveries", { ...query, ...(cursor && { cursor }) });
    ids.push(...json.deliveries.map(({ id }: { id: string }) => id));
    cursor = json.next_cursor ?? undefined;
  } while (cursor !== undefined);
  expect(new Set(ids).size).toBe(2);
});
