import { expect, onTestFinished, test } from "vitest";
import { createSubscription } from "../../src/actions/subscriptions.ts";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

const path = "/workflows/v1/workflow-webhooks/events";

async function open(): Promise<TestApi> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return api;
}

async function subscribe(api: TestApi, teamId = api.teamId): Promise<string> {
  const audit = { teamId, actorId: "system", requestId: "", action: "webhook.created" } as const;
  const subscription = await createSubscription(
    { ...api.deps, database: api.database, audit },
    { teamId, contract: "workflow" },
    {
      id: newId(),
      name: "hook",
      url: "https://hooks.example.com/in",
      eventTypes: ["workflow_created", "workflow_run_started"],
      enabled: true,
      credential: null,
      timeoutSeconds: 10,
      maxRetries: 3,
      backoffSeconds: 10,
      actor: "system",
    },
  );
  return subscription.id;
}

async function createWorkflow(api: TestApi, name: string, key = api.key): Promise<string> {
  const created = await api.call("POST", "/workflows/v1/workflows", { key, body: { name } });
  expect(created.status, created.text).toBe(201);
  return created.body.workflow.id;
}

async function startRun(api: TestApi, workflowId: string, input: string): Promise<string> {
  const body = `{"workflow_id":"${workflowId}","trigger":"manual","input":${input}}`;
  const started = await api.call("POST", "/workflows/v1/workflow-runs", { body });
  expect(started.status, started.text).toBe(201);
  return started.body.run.id;
}

async function onlyEvent(api: TestApi) {
  const { body } = await api.call("GET", path);
  expect(body.events).toHaveLength(1);
  return body.events[0];
}

test("a delivery is listed with every field of the contract, pending until its first attempt ends", async () => {
  const api = await open();
  const subscriptionId = await subscribe(api);
  const workflowId = await createWorkflow(api, "Onboarding");

  const listed = await api.call("GET", path);
  expect(listed.body.total).toBe(1);
  expect(listed.body.events).toEqual([
    {
      event_id: expect.stringMatching(/^event_[0-9a-f-]{36}$/),
      subscription_id: subscriptionId,
      action: "workflow_created",
      team_id: api.teamId,
      created_by: expect.stringMatching(/^[0-9a-f]{24}$/),
      updated_by: "system",
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      id: listed.body.events[0]._id,
      workflow_id: workflowId,
      workflow_name: "Onboarding",
      workflow_run_id: null,
      workflow_run_status: null,
      dedupe_key: `workflow_created:${workflowId}`,
      status: "pending",
      attempts_count: 0,
      next_retry_at: null,
      delivered_at: null,
      last_attempt_at: null,
      last_status_code: null,
      last_error: null,
      payload: expect.objectContaining({ action: "workflow_created", workflow_id: workflowId }),
    },
  ]);
});

test("an attempt in flight is not counted, and next_retry_at is set exactly while retrying", async () => {
  const api = await open();
  await subscribe(api);
  await createWorkflow(api, "Onboarding");
  const { sql } = api.database;
  const shown = async () => {
    const { status, attempts_count, next_retry_at, delivered_at } = await onlyEvent(api);
    return [status, attempts_count, next_retry_at !== null, delivered_at !== null];
  };

  await sql`update deliveries set lease_token = gen_random_uuid(), attempt_count = 1`;
  expect(await shown()).toEqual(["pending", 0, false, false]);
  await sql`update deliveries set lease_token = null, last_attempt_at = now(), retry_at = now()`;
  expect(await shown()).toEqual(["retrying", 1, true, false]);
  await sql`update deliveries set lease_token = gen_random_uuid(), attempt_count = 2`;
  expect(await shown()).toEqual(["retrying", 1, true, false]);
  await sql`update deliveries set lease_token = null, retry_at = null, status = 'delivered', finished_at = now(), due_at = null`;
  expect(await shown()).toEqual(["delivered", 2, false, true]);
});

test("a payload comes back as the exact text that is posted, and only to a key with the scope payload", async () => {
  const api = await open();
  await subscribe(api);
  const input = '{"n": 12345678901234567890, "f":1.0,  "e":1e400,"2":0,"1":0}';
  await startRun(api, await createWorkflow(api, "Exact"), input);

  const { text } = await api.call("GET", `${path}?action=workflow_run_started`);
  expect(text).toContain(`"input":${input}`);
  const { key } = await api.newKey({ scopes: ["read"] });
  const hidden = await api.call("GET", path, { key });
  expect(hidden.body.events.map((event: { payload: unknown }) => event.payload)).toEqual([
    null,
    null,
  ]);
  expect(hidden.text).not.toContain("payload_omitted");
});

test("one page holds at most 16 MiB of payloads; the rest is marked as omitted", async () => {
  const api = await open();
  await subscribe(api);
  await createWorkflow(api, "one");
  await createWorkflow(api, "two");
  await createWorkflow(api, "three");
  await api.database.sql`
    update events set payload = convert_to('"' || repeat('x', 7 * 1024 * 1024) || '"', 'utf8')`;

  const { body } = await api.call("GET", path);
  expect(
    body.events.map((event: { payload: string | null; payload_omitted?: true }) => [
      event.payload?.length,
      event.payload_omitted,
    ]),
  ).toEqual([
    [7 * 1024 * 1024, undefined],
    [7 * 1024 * 1024, undefined],
    [undefined, true],
  ]);
});

test("each filter narrows the history down, and a search is a part of the name or one whole id", async () => {
  const api = await open();
  const first = await subscribe(api);
  const workflowId = await createWorkflow(api, "50% Off");
  const runId = await startRun(api, workflowId, "1");
  const second = await subscribe(api);
  const otherId = await createWorkflow(api, "Refunds_new");
  const { body: all } = await api.call("GET", path);
  expect(all.total).toBe(4);
  await api.database.sql`
    update deliveries set created_at = created_at - interval '1 hour' where subscription_id = ${first}`;
  await api.database.sql`
    update events set created_at = d.created_at from deliveries d where d.event_id = events.id`;
  await api.database.sql`
    update deliveries set created_at = e.created_at from events e where e.id = event_id`;
  await api.database.sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null where subscription_id = ${second}`;
  const count = async (query: string) => {
    const { status, body, text } = await api.call("GET", `${path}?${query}`);
    expect(status, text).toBe(200);
    expect(body.events).toHaveLength(body.total);
    return body.total;
  };
  const found = all.events.find(
    (event: { workflow_run_id: string }) => event.workflow_run_id === runId,
  );

  expect(await count(`subscription_id=${first}`)).toBe(3);
  expect(await count(`workflow_id=${workflowId}`)).toBe(2);
  expect(await count("action=workflow_created")).toBe(3);
  expect(await count("status=failed")).toBe(1);
  expect(await count("status=pending")).toBe(3);
  expect(await count("status=retrying")).toBe(0);
  expect(await count("search=0%25%20off")).toBe(2);
  expect(await count("search=%25")).toBe(2);
  expect(await count("search=_")).toBe(2);
  expect(await count(`search=${found._id}`)).toBe(1);
  expect(await count(`search=${found.event_id}`)).toBe(1);
  expect(await count(`search=${workflowId}`)).toBe(2);
  expect(await count(`search=${runId}`)).toBe(1);
  expect(await count(`search=${second}`)).toBe(1);
  expect(await count(`search=${otherId}&subscription_id=${second}`)).toBe(1);
  expect(await count(`search=${newId()}`)).toBe(0);
  const halfAnHourAgo = new Date(Date.now() - 1_800_000).toISOString();
  expect((await count(`start=${halfAnHourAgo}`)) + (await count(`end=${halfAnHourAgo}`))).toBe(4);
  expect(await count("size=1000&page=2&end=1971-01-01T00:00:00Z")).toBe(0);
});

test.each([
  "size=0",
  "size=1001",
  "page=1002&size=1000",
  "status=delivered&status=failed",
  "status[$ne]=x",
  "start=notadate",
  "start=-271821-04-20T00:00:00Z",
  "end=2026-02-30T00:00:00Z",
  "subscription_id=1",
  "search=%00",
  "org_id=5eb7cf5a86d9755df3a6c593",
])("a history asked for with %s is a 422", async (query) => {
  const api = await open();
  const refused = await api.call("GET", `${path}?${query}`);
  expect([refused.status, refused.body.errors?.[0].loc[0]]).toEqual([422, "query"]);
});

async function insertAttempts(api: TestApi, deliveryId: string, count: number): Promise<void> {
  await api.database.sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, created_at,
      request_url, success, status_code, response_body, error_code, error_message, latency_ms, will_retry)
    select d.id, n, d.created_at, lpad(n::text, 24, '0'), d.team_id, now() + n * interval '1 second',
           'https://hooks.example.com/in', false, 500, 'private words', 'http_status',
           'The receiver answered 500.', 12, true
    from deliveries d, generate_series(1, ${count}::int) n where d.id = ${deliveryId}`;
}

test("attempts are listed newest first, by delivery or by event, bodies only with the scope payload", async () => {
  const api = await open();
  const subscriptionId = await subscribe(api);
  await createWorkflow(api, "Onboarding");
  const { _id, event_id } = await onlyEvent(api);
  await insertAttempts(api, _id, 3);

  const byDelivery = await api.call("GET", `${path}/${_id}/attempts?size=2`);
  expect(byDelivery.body).toMatchObject({ total: 3, page: 1, size: 2 });
  expect(byDelivery.body.attempts.map((a: { attempt_number: number }) => a.attempt_number)).toEqual(
    [3, 2],
  );
  expect(byDelivery.body.attempts[0]).toEqual({
    event_id,
    subscription_id: subscriptionId,
    action: "workflow_created",
    team_id: api.teamId,
    created_by: "system",
    updated_by: "system",
    created_at: expect.stringMatching(/Z$/),
    updated_at: expect.stringMatching(/Z$/),
    _id: "000000000000000000000003",
    id: "000000000000000000000003",
    attempt_number: 3,
    request_url: "https://hooks.example.com/in",
    success: false,
    response_status_code: 500,
    response_body: "private words",
    response_truncated: false,
    error_code: "http_status",
    error_message: "The receiver answered 500.",
    latency_ms: 12,
    will_retry: true,
    manual: false,
  });
  const { key } = await api.newKey({ scopes: ["read"] });
  const byEvent = await api.call("GET", `${path}/${event_id}/attempts?page=3&size=1`, { key });
  expect(byEvent.body.attempts).toMatchObject([{ attempt_number: 1, response_body: null }]);
});

test("a retry asked for by a person is due now and comes on top of the automatic ones", async () => {
  const api = await open();
  await subscribe(api);
  await createWorkflow(api, "Onboarding");
  const { _id, event_id } = await onlyEvent(api);
  await api.database.sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null,
      attempt_count = 4, last_attempt_at = now()`;

  for (const name of [_id, event_id]) {
    const { status, body } = await api.call("POST", `${path}/${name}/retry`);
    expect([status, body]).toEqual([200, { message: "The delivery is due now.", event_id }]);
  }
  const [row] = await api.database.sql`
    select status, finished_at, due_at <= now() as due, manual, manual_count, attempt_count,
           updated_by <> 'system' as by_key from deliveries`;
  // Asked for twice before it began, it is still one: otherwise it would give back a retry.
  expect(row).toEqual({
    status: "pending",
    finished_at: null,
    due: true,
    manual: true,
    manual_count: 1,
    attempt_count: 4,
    by_key: true,
  });
  const shown = await onlyEvent(api);
  expect([shown.status, shown.next_retry_at !== null]).toEqual(["retrying", true]);
});

test("a delivery in flight is not retried; one whose lease ran out is, and its lost attempt is written down", async () => {
  const api = await open();
  await subscribe(api);
  await createWorkflow(api, "Onboarding");
  const { _id } = await onlyEvent(api);
  await api.database.sql`
    update deliveries set lease_token = gen_random_uuid(), attempt_count = 1, due_at = now() + interval '1 minute'`;
  const refused = await api.call("POST", `${path}/${_id}/retry`);
  expect([refused.status, refused.body.code]).toEqual([409, "delivery_in_flight"]);

  await api.database.sql`update deliveries set due_at = now() - interval '1 second'`;
  expect((await api.call("POST", `${path}/${_id}/retry`)).status).toBe(200);
  expect(
    await api.database.sql`
      select lease_token, attempt_count, crash_count, manual_count from deliveries`,
  ).toEqual([{ lease_token: null, attempt_count: 1, crash_count: 1, manual_count: 1 }]);
  const { body } = await api.call("GET", `${path}/${_id}/attempts`);
  expect(body.attempts).toMatchObject([
    { attempt_number: 1, error_code: "unknown_outcome", manual: false },
  ]);
});

test("no delivery to a disabled or deleted webhook is retried", async () => {
  const api = await open();
  await subscribe(api);
  await createWorkflow(api, "Onboarding");
  const { _id } = await onlyEvent(api);
  const retry = async () => (await api.call("POST", `${path}/${_id}/retry`)).body.code;

  await api.database.sql`update subscriptions set enabled = false`;
  expect(await retry()).toBe("subscription_disabled");
  await api.database.sql`update subscriptions set deleted_at = now()`;
  expect(await retry()).toBe("subscription_gone");
  expect(await api.database.sql`select manual_count from deliveries`).toEqual([
    { manual_count: 0 },
  ]);
});

test("another team's deliveries are not there, by whatever name", async () => {
  const api = await open();
  const other = await api.newTeam();
  const subscriptionId = await subscribe(api, other.teamId);
  const workflowId = await createWorkflow(api, "Theirs", other.key);
  const theirs = (await api.call("GET", path, { key: other.key })).body.events[0];
  const ask = async (method: string, name: string, suffix: string) => {
    const { status, body } = await api.call(method, `${path}/${name}/${suffix}`);
    return { ...body, status, request_id: "" };
  };

  for (const [method, suffix] of [
    ["GET", "attempts"],
    ["POST", "retry"],
  ] as const) {
    const unknown = await ask(method, newId(), suffix);
    expect(unknown.status).toBe(404);
    for (const name of [
      theirs._id,
      theirs.event_id,
      "null",
      "event_1",
      "%00",
      theirs._id.toUpperCase(),
    ]) {
      expect(await ask(method, name, suffix)).toEqual(unknown);
    }
  }
  for (const id of [theirs._id, theirs.event_id, subscriptionId, workflowId, "Theirs"]) {
    const { body } = await api.call("GET", `${path}?search=${id}`);
    expect(body).toEqual({ events: [], total: 0, page: 1, size: 300, next_cursor: null });
  }
  expect((await api.call("GET", `${path}?workflow_id=${workflowId}`)).body.total).toBe(0);
  expect(await api.database.sql`select manual_count from deliveries`).toEqual([
    { manual_count: 0 },
  ]);
});

test.each([
  ["GET", "", "read"],
  ["GET", "/5eb7cf5a86d9755df3a6c593/attempts", "read"],
  ["POST", "/5eb7cf5a86d9755df3a6c593/retry", "write"],
] as const)(
  "%s events%s is closed to a key without the scope %s",
  async (method, suffix, scope) => {
    const api = await open();
    const others = (["read", "write", "publish", "payload", "admin"] as const).filter(
      (s) => s !== scope,
    );
    const { key } = await api.newKey({ scopes: others });
    expect((await api.call(method, `${path}${suffix}`, { key })).body.code).toBe("scope_missing");
  },
);
