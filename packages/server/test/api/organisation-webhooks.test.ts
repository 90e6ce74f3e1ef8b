import { randomBytes } from "node:crypto";
import { encodeSecret } from "@postrider/sdk/sign";
import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { rowsOf } from "../hostile/rows.ts";
import { openTestApi, type TestApi } from "../support/api.ts";

const path = "/webhooks";
const valid = {
  name: "Orders",
  url: "https://hooks.example.com/in",
  events: ["workflow.completed", "workflow.step.failed"],
};

async function open(): Promise<TestApi> {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  return api;
}

async function create(api: TestApi, fields: object = {}, key = api.key) {
  const answer = await api.call("POST", path, { key, body: { ...valid, ...fields } });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

const secretOf = async (api: TestApi, id: string) => {
  const [row] = await api.database.sql<{ sealed: Buffer | null }>`
    select sealed_credential as sealed from subscriptions where id = ${id}`;
  return openSealed(api, id, "sealed_credential", row?.sealed);
};

const headersOf = async (api: TestApi, id: string) => {
  const [row] = await api.database.sql<{ sealed: Buffer | null }>`
    select sealed_headers as sealed from subscriptions where id = ${id}`;
  return openSealed(api, id, "sealed_headers", row?.sealed);
};

const openSealed = (api: TestApi, id: string, column: string, sealed?: Buffer | null) =>
  sealed
    ? api.deps.keyring.open(sealed, {
        table: "subscriptions",
        column,
        teamId: api.teamId,
        rowId: id,
      })
    : null;

test("a created webhook has the documented fields and shows neither secret nor header values", async () => {
  const api = await open();
  const headers = { "X-API-Key": "v4lue", Authorization: "Basic v4lue" };
  const created = await create(api, { secret: "s3cret", headers });
  expect(created).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{24}$/),
    ...valid,
    is_active: true,
    has_secret: true,
    header_names: ["X-API-Key", "Authorization"],
    created_at: expect.stringMatching(/Z$/),
    updated_at: expect.stringMatching(/Z$/),
  });
  const read = await api.call("GET", `${path}/${created.id}`);
  const listed = await api.call("GET", path);
  expect(read.body).toEqual(created);
  expect(listed.body).toEqual({
    webhooks: [created],
    total: 1,
    limit: 50,
    offset: 0,
    next_cursor: null,
  });
  expect(read.text + listed.text + JSON.stringify(api.logged)).not.toMatch(/s3cret|v4lue/);
  expect(await secretOf(api, created.id)).toBe("s3cret");
  expect(JSON.parse((await headersOf(api, created.id)) ?? "")).toEqual(headers);
});

test("contract B's policy is fixed: 10 s, 3 retries from 10 s on", async () => {
  const api = await open();
  await create(api);
  expect(
    await api.database.sql`
      select contract, timeout_seconds, max_retries, backoff_seconds from subscriptions`,
  ).toEqual([
    { contract: "organisation", timeout_seconds: 10, max_retries: 3, backoff_seconds: 10 },
  ]);
  const answer = await api.call("POST", path, { body: { ...valid, max_retries: 9 } });
  expect(answer).toMatchObject({
    status: 422,
    body: { errors: [{ loc: ["body", "max_retries"], type: "unknown_field" }] },
  });
});

test.each([
  [{ name: "" }, "name"],
  [{ name: "x".repeat(256) }, "name"],
  [{ url: "https://10.0.0.1/v4lue" }, "url"],
  [{ url: `https://example.com/${"a".repeat(2048)}` }, "url"],
  [{ events: [] }, "events"],
  [{ events: ["workflow.completed", "workflow.completed"] }, "events"],
  [{ events: ["workflow_run_completed"] }, "events.0"],
  [{ secret: "" }, "secret"],
  [{ secret: "x".repeat(256) }, "secret"],
  [{ headers: { "X-A": 1 } }, "headers.X-A"],
  [{ headers: { "X-A": ["a", "b"] } }, "headers.X-A"],
  [{ headers: { "X-A": "a\nb" } }, "headers.X-A"],
  [{ headers: { Host: "v4lue" } }, "headers.Host"],
  [{ headers: { "x-webhook-signature": "v4lue" } }, "headers.x-webhook-signature"],
  [{ headers: { "X-A": "1", "x-a": "2" } }, "headers.x-a"],
  [{ headers: JSON.parse('{"__proto__":"v4lue"}') }, "headers.__proto__"],
  [
    {
      headers: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`X-${index}`, "v"])),
    },
    "headers",
  ],
  [{ headers: [] }, "headers"],
])(
  "%j is refused when it is created and when it is changed, and says where",
  async (fields, at) => {
    const api = await open();
    const { id } = await create(api);
    const before = await api.call("GET", `${path}/${id}`);
    for (const answer of [
      await api.call("POST", path, { body: { ...valid, ...fields } }),
      await api.call("PATCH", `${path}/${id}`, { body: fields }),
    ]) {
      expect(answer.status).toBeOneOf([400, 422]);
      if (answer.status === 422) expect(answer.body.errors[0].loc.slice(1).join(".")).toBe(at);
      expect(answer.text).not.toContain("v4lue");
    }
    expect((await api.call("GET", `${path}/${id}`)).body).toEqual(before.body);
    expect(Object.prototype).not.toHaveProperty("X-A");
  },
);

test("a secret is any text of 1 to 255 characters", async () => {
  const api = await open();
  for (const secret of ["x".repeat(255), "Grüße 🎉\n\u0000", " "]) {
    const { id } = await create(api, { secret });
    expect(await secretOf(api, id)).toBe(secret);
  }
});

test("a change touches what it names; null takes the secret or the headers away", async () => {
  const api = await open();
  const { id, ...created } = await create(api, { secret: "s3cret", headers: { "X-A": "1" } });
  const patch = async (body: object) => {
    const answer = await api.call("PATCH", `${path}/${id}`, { body });
    expect(answer.status, answer.text).toBe(200);
    const { id: _id, created_at: _created, updated_at: _updated, ...rest } = answer.body;
    return rest;
  };
  const { created_at: _created, updated_at: _updated, ...whole } = created;
  expect(await patch({})).toEqual(whole);
  expect(await patch({ name: "B" })).toEqual({ ...whole, name: "B" });
  expect([await secretOf(api, id), await headersOf(api, id)]).toEqual(["s3cret", '{"X-A":"1"}']);

  expect(await patch({ headers: { "X-B": "2" }, secret: "other", is_active: false })).toEqual({
    ...whole,
    name: "B",
    is_active: false,
    header_names: ["X-B"],
  });
  expect([await secretOf(api, id), await headersOf(api, id)]).toEqual(["other", '{"X-B":"2"}']);
  expect(await patch({ secret: null })).toMatchObject({ has_secret: false, header_names: ["X-B"] });
  expect(await patch({ headers: null })).toMatchObject({ header_names: [] });
  expect([await secretOf(api, id), await headersOf(api, id)]).toEqual([null, null]);
  const url = "https://other.example.com/";
  expect(await patch({ url, events: ["workflow.failed"], is_active: true })).toMatchObject({
    url,
    events: ["workflow.failed"],
    is_active: true,
  });
  for (const field of ["name", "url", "events", "is_active"]) {
    const answer = await api.call("PATCH", `${path}/${id}`, { body: { [field]: null } });
    expect(answer.status).toBe(422);
  }
});

test("a deleted webhook is gone everywhere; a second deletion is 404", async () => {
  const api = await open();
  const { id } = await create(api);
  expect((await api.call("DELETE", `${path}/${id}`)).status).toBe(204);
  for (const [method, rest] of [
    ["DELETE", ""],
    ["GET", ""],
    ["PATCH", ""],
    ["GET", "/logs"],
    ["POST", "/test"],
    ["GET", "/signing-secret"],
    ["POST", "/signing-secret/rotate"],
  ] as const) {
    const body = method === "PATCH" ? { name: "x" } : undefined;
    expect((await api.call(method, `${path}/${id}${rest}`, { body })).status).toBe(404);
  }
  expect((await api.call("GET", path)).body.webhooks).toEqual([]);
});

test("another team's webhook, another contract's and an unknown one are the same 404", async () => {
  const api = await open();
  const other = await api.newTeam();
  const theirs = await create(api, {}, other.key);
  const { body: ofA } = await api.call("POST", "/workflows/v1/workflow-webhooks", {
    body: { name: "A", url: valid.url, actions: ["workflow_run_completed"] },
  });
  for (const id of [theirs.id, ofA.id, newId(), "all", "x"]) {
    for (const [method, rest] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["GET", "/logs"],
      ["POST", "/test"],
      ["GET", "/signing-secret"],
      ["POST", "/signing-secret/rotate"],
    ] as const) {
      const answer = await api.call(method, `${path}/${id}${rest}`, {
        body: method === "PATCH" ? { name: "mine now" } : undefined,
      });
      expect([method, rest, answer.status, answer.body.code]).toEqual([
        method,
        rest,
        404,
        "not_found",
      ]);
    }
  }
  const { body } = await api.call("GET", `${path}/${theirs.id}`, { key: other.key });
  expect(body).toEqual(theirs);
  expect((await api.call("GET", path)).body.total).toBe(0);
});

test("lists take limit 1 to 100 and an offset, and say them again", async () => {
  const api = await open();
  for (const name of ["one", "two", "three"]) await create(api, { name });
  const names = async (query: string) => {
    const { body } = await api.call("GET", `${path}?${query}`);
    return [body.webhooks.map(({ name }: { name: string }) => name), body.total];
  };
  expect(await names("limit=2")).toEqual([["three", "two"], 3]);
  expect(await names("limit=2&offset=2")).toEqual([["one"], 3]);
  expect(await names("offset=10000")).toEqual([[], 3]);
  for (const list of [path, `${path}/logs/all`]) {
    for (const query of [
      "limit=0",
      "limit=101",
      "offset=-1",
      "offset=10001",
      "page=1",
      "limit=x",
    ]) {
      expect([query, (await api.call("GET", `${list}?${query}`)).status]).toEqual([query, 422]);
    }
  }
});

test("the signing secret can be read and rotated; the old one lives on for a day", async () => {
  const api = await open();
  const { id } = await create(api, { secret: "s3cret" });
  const { body: first } = await api.call("GET", `${path}/${id}/signing-secret`);
  expect(first).toEqual({ secret: expect.stringMatching(/^whsec_/), previous_expires_at: null });
  const { body: second } = await api.call("POST", `${path}/${id}/signing-secret/rotate`);
  expect(second.secret).not.toBe(first.secret);
  expect(Date.parse(second.previous_expires_at)).toBeGreaterThan(Date.now() + 86_000_000);
  expect((await api.call("GET", `${path}/${id}/signing-secret`)).body).toEqual(second);
  expect(await secretOf(api, id)).toBe("s3cret");
});

test("a webhook can bring its signing secret beside its own secret", async () => {
  const api = await open();
  const signing_secret = encodeSecret(randomBytes(32));
  const created = await create(api, { secret: "s3cret", signing_secret });
  expect(JSON.stringify(created)).not.toContain(signing_secret);
  const { body } = await api.call("GET", `${path}/${created.id}/signing-secret`);
  expect(body).toEqual({ secret: signing_secret, previous_expires_at: null });
  expect(await secretOf(api, created.id)).toBe("s3cret");
});

test("a key needs the scope read to look and write to change", async () => {
  const api = await open();
  const { id } = await create(api);
  const { key } = await api.newKey({ scopes: ["read"] });
  const status = async (method: string, rest = "", body?: object) =>
    (await api.call(method, `${path}${rest}`, { key, body })).status;
  expect(await status("GET", `/${id}`)).toBe(200);
  expect(await status("GET", "/logs/all")).toBe(200);
  expect(await status("POST", "", valid)).toBe(403);
  expect(await status("PATCH", `/${id}`, { name: "x" })).toBe(403);
  expect(await status("DELETE", `/${id}`)).toBe(403);
  expect(await status("POST", `/${id}/test`)).toBe(403);
  expect(await status("GET", `/${id}/signing-secret`)).toBe(403);
});

test("a test is accepted with its event's id, and is queued as a delivery that is never retried", async () => {
  const api = await open();
  const { id } = await create(api, { events: ["workflow.failed"] });
  const answer = await api.call("POST", `${path}/${id}/test`);
  expect(answer).toMatchObject({ status: 202, body: { event_id: expect.any(String) } });
  const [row] = await api.database.sql<{ event_id: string; payload: Buffer; once: boolean }>`
    select d.event_id, e.payload, d.order_key is not null as once
    from deliveries d join events e on e.id = d.event_id where d.subscription_id = ${id}`;
  expect(`event_${row?.event_id}`).toBe(answer.body.event_id);
  expect(row?.once).toBe(true);
  expect(JSON.parse(`${row?.payload}`)).toMatchObject({
    event_id: answer.body.event_id,
    event_type: "workflow.completed",
    data: { test: true },
  });

  await api.call("PATCH", `${path}/${id}`, { body: { is_active: false } });
  expect((await api.call("POST", `${path}/${id}/test`)).body.code).toBe("subscription_disabled");
});

test("the repeat of a test under one Idempotency-Key is the same test", async () => {
  const api = await open();
  const { id } = await create(api);
  const ask = () =>
    api.call("POST", `${path}/${id}/test`, { headers: { "idempotency-key": "one" } });
  expect((await ask()).body).toEqual((await ask()).body);
  expect(await api.database.sql`select from deliveries`).toHaveLength(1);
});

/** Writes a delivery with attempts that failed, the last one aside. */
async function deliver(api: TestApi, subscriptionId: string, eventType: string, attempts: number) {
  const deliveryId = newId();
  const [{ event_id } = { event_id: "" }] = await api.database.sql<{ event_id: string }>`
    insert into deliveries (team_id, id, event_id, subscription_id, event_type, status,
      attempt_count, last_attempt_at, finished_at, due_at)
    values (${api.teamId}, ${deliveryId}, gen_random_uuid(), ${subscriptionId}, ${eventType},
      'delivered', ${attempts}, now(), now(), null)
    returning event_id`;
  for (let number = 1; number <= attempts; number++) {
    const last = number === attempts;
    await api.database.sql`
      insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url,
        success, status_code, response_body, error_code, error_message, latency_ms, will_retry)
      select id, ${number}, created_at, ${newId()}, team_id, 'https://hooks.example.com/in',
        ${last}, ${last ? 200 : 500}, 'private', ${last ? null : "http_status"},
        ${last ? null : "The receiver answered 500."}, 12, ${!last}
      from deliveries where id = ${deliveryId}`;
  }
  return `event_${event_id}`;
}

test("the logs tell every attempt with the documented fields; the body only to keys with the scope payload", async () => {
  const api = await open();
  const { id } = await create(api);
  const eventId = await deliver(api, id, "workflow.failed", 2);
  const entry = {
    id: expect.stringMatching(/^[0-9a-f]{24}$/),
    subscription_id: id,
    event_id: eventId,
    event_type: "workflow.failed",
    url: "https://hooks.example.com/in",
    duration_ms: 12,
    response_body: "private",
    created_at: expect.stringMatching(/Z$/),
  };
  const page = { limit: 50, offset: 0, next_cursor: null };
  const logs = [
    {
      ...entry,
      attempt_number: 2,
      success: true,
      will_retry: false,
      status_code: 200,
      error: null,
    },
    {
      ...entry,
      attempt_number: 1,
      success: false,
      will_retry: true,
      status_code: 500,
      error: "The receiver answered 500.",
    },
  ];
  const { body } = await api.call("GET", `${path}/${id}/logs`);
  expect(body).toEqual({ logs, total: 2, ...page });
  expect((await api.call("GET", `${path}/logs/all`)).body).toEqual(body);

  const { key } = await api.newKey({ scopes: ["read"] });
  for (const list of [`${path}/${id}/logs`, `${path}/logs/all`]) {
    const seen = await api.call("GET", list, { key });
    expect(seen.body.logs.map((log: { response_body: unknown }) => log.response_body)).toEqual([
      null,
      null,
    ]);
    expect(seen.text).not.toContain("private");
  }
});

test("all logs go by event type, page through in one order, and show no other team's or contract's", async () => {
  const api = await open();
  const [one, two] = [await create(api), await create(api)];
  const { body: ofA } = await api.call("POST", "/workflows/v1/workflow-webhooks", {
    body: { name: "A", url: valid.url, actions: ["workflow_run_completed"] },
  });
  await deliver(api, one.id, "workflow.completed", 1);
  await deliver(api, ofA.id, "workflow_run_completed", 1);
  await deliver(api, two.id, "workflow.completed", 3);
  await deliver(api, one.id, "workflow.step.failed", 2);
  const read = async (query: string, key = api.key) =>
    (await api.call("GET", `${path}/logs/all?${query}`, { key })).body;
  const told = ({ logs }: { logs: Record<string, unknown>[] }) =>
    logs.map((log) => [log.subscription_id, log.event_type, log.attempt_number]);

  const all = [
    [one.id, "workflow.step.failed", 2],
    [one.id, "workflow.step.failed", 1],
    [two.id, "workflow.completed", 3],
    [two.id, "workflow.completed", 2],
    [two.id, "workflow.completed", 1],
    [one.id, "workflow.completed", 1],
  ];
  expect(told(await read(""))).toEqual(all);
  const pages = [];
  for (let offset = 0; offset < 6; offset += 2) {
    pages.push(...told(await read(`limit=2&offset=${offset}`)));
  }
  expect(pages).toEqual(all);
  expect(told(await read("event_type=workflow.completed"))).toEqual(all.slice(2));
  expect((await read("event_type=workflow.completed")).total).toBe(4);
  expect((await api.call("GET", `${path}/logs/all?event_type=nonsense`)).status).toBe(422);
  expect((await read("", (await api.newTeam()).key)).total).toBe(0);

  await api.call("DELETE", `${path}/${one.id}`);
  expect(told(await read(""))).toEqual(all);
});

type Case = {
  id: string;
  why: string;
  input: Record<string, unknown> & { headers_raw_json?: string };
  expect: { accept?: boolean; accept_any?: boolean[]; status_any?: number[] };
};

test.each(rowsOf<Case>("header: JSON"))(
  "hostile case $id ($why) is answered as it should be",
  async ({ input, expect: expected }) => {
    const api = await open();
    const whole = JSON.stringify(valid).replace(/}$/, `,${input.headers_raw_json?.slice(1)}`);
    const answer = await api.call("POST", path, { body: whole });
    expect(expected.accept_any ?? [expected.accept]).toContain(answer.status === 201);
    expect(answer.status).toBeOneOf([201, 400, 422]);
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  },
);

test.each(rowsOf<Case>("api: organisation webhooks"))(
  "hostile case $id ($why) is answered as it should be",
  async ({ input, expect: expected }) => {
    const api = await open();
    const answer = await api.call("POST", path, {
      body: { ...valid, [String(input.field)]: input.value },
    });
    expect(expected.status_any).toContain(answer.status);
  },
);

test.each(rowsOf<Case>("header: token"))(
  "hostile case $id ($why) is answered as it should be",
  async ({ input, expect: expected }) => {
    const api = await open();
    const answer = await api.call("POST", "/workflows/v1/workflow-webhooks", {
      body: {
        name: "A",
        url: valid.url,
        actions: ["workflow_run_completed"],
        bearer_token: input.bearer_token,
      },
    });
    expect(answer.status).toBe(expected.accept ? 201 : 422);
  },
);
