import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

const assistants = "/assistants/v1/assistants";
const url = "https://hooks.example.com/in";
const server = { enabled: true, url, messages: ["hang"] };

async function open(): Promise<TestApi> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return api;
}

async function create(api: TestApi, body: object = {}) {
  const created = await api.call("POST", assistants, { body: { name: "Ada", ...body } });
  expect(created.status, created.text).toBe(201);
  return created.body;
}

test("an assistant keeps every other member exactly as given, and shows no secret", async () => {
  const api = await open();
  const exact = '{"n": 12345678901234567890, "f":1.0,"2":0,"1":[1e400]}';
  const body = `{"name":"Ada","model": ${exact} ,"none":null,"assistantServer":{"enabled":true,"url":"${url}","secret":"the word","headers":{"X-Key":"the value"},"messages":["hang","error"]}}`;
  const created = await api.call("POST", assistants, { body });
  expect(created.status, created.text).toBe(201);
  expect(created.body).toMatchObject({
    name: "Ada",
    hangTimeoutSeconds: 5,
    none: null,
    assistantServer: {
      enabled: true,
      url,
      timeoutSeconds: 20,
      hasSecret: true,
      headerNames: ["X-Key"],
      messages: ["hang", "error"],
    },
  });
  expect(created.text).toContain(`"model":${exact}`);
  expect(created.text).not.toMatch(/the word|the value/);
  const at = `${assistants}/${created.body.id}`;
  expect((await api.call("GET", at)).text).toBe(created.text);
  const listed = await api.call("GET", `${assistants}?search=ada`);
  expect(listed.text).toBe(`{"assistants":[${created.text}],"total":1,"next_cursor":null}`);
  const [row] = await api.database.sql<{ all: string }>`
    select encode(document, 'escape') || sealed_credential::text || sealed_headers::text as all
    from assistants a join subscriptions s on s.id = a.id`;
  expect(row?.all).not.toMatch(/the word|the value/);
});

test("an assistant without a server has one that is not configured yet", async () => {
  const api = await open();
  expect((await create(api)).assistantServer).toEqual({
    enabled: false,
    disabledReason: null,
    url: null,
    timeoutSeconds: 20,
    hasSecret: false,
    headerNames: [],
    messages: [],
  });
});

test("a PATCH changes the members it names and no other; null clears secret and headers", async () => {
  const api = await open();
  const given = { ...server, secret: "a word", headers: { "X-Key": "v" } };
  const { id, ...before } = await create(api, { a: 1, b: { c: 2 }, assistantServer: given });
  const patch = async (body: object) => {
    const answer = await api.call("PATCH", `${assistants}/${id}`, { body });
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  expect(await patch({ b: [1], d: null, hangTimeoutSeconds: 9 })).toMatchObject({
    name: "Ada",
    a: 1,
    b: [1],
    d: null,
    hangTimeoutSeconds: 9,
    assistantServer: before.assistantServer,
  });
  expect((await patch({ assistantServer: { timeoutSeconds: 3 } })).assistantServer).toEqual({
    ...before.assistantServer,
    timeoutSeconds: 3,
  });
  const cleared = await patch({ assistantServer: { secret: null, headers: null } });
  expect(cleared.assistantServer).toMatchObject({ hasSecret: false, headerNames: [], url });
  expect((await patch({ name: "Grace" })).name).toBe("Grace");
});

test.each([
  [{}, ["body", "name"]],
  [{ name: "" }, ["body", "name"]],
  [{ name: "A", id: newId() }, ["body", "id"]],
  [{ name: "A", createdAt: "now" }, ["body", "createdAt"]],
  [{ name: "A", hangTimeoutSeconds: 0 }, ["body", "hangTimeoutSeconds"]],
  [{ name: "A", hangTimeoutSeconds: 3601 }, ["body", "hangTimeoutSeconds"]],
  [{ name: "A", assistantServer: null }, ["body", "assistantServer"]],
  [{ name: "A", assistantServer: { retries: 1 } }, ["body", "assistantServer", "retries"]],
  [{ name: "A", assistantServer: { ...server, url: null } }, ["body", "assistantServer", "url"]],
  [
    { name: "A", assistantServer: { ...server, messages: [] } },
    ["body", "assistantServer", "messages"],
  ],
  [
    { name: "A", assistantServer: { messages: ["hang", "hang"] } },
    ["body", "assistantServer", "messages"],
  ],
  [
    { name: "A", assistantServer: { messages: ["ring"] } },
    ["body", "assistantServer", "messages", 0],
  ],
  [
    { name: "A", assistantServer: { timeoutSeconds: 61 } },
    ["body", "assistantServer", "timeoutSeconds"],
  ],
  [{ name: "A", assistantServer: { secret: "a\nb" } }, ["body", "assistantServer", "secret"]],
  [{ name: "A", assistantServer: { secret: "ü" } }, ["body", "assistantServer", "secret"]],
  [
    { name: "A", assistantServer: { secret: "x".repeat(256) } },
    ["body", "assistantServer", "secret"],
  ],
  [
    { name: "A", assistantServer: { headers: { "x-interactly-secret": "v" } } },
    ["body", "assistantServer", "headers", "x-interactly-secret"],
  ],
  [
    { name: "A", assistantServer: { url: "https://user@hooks.example.com/" } },
    ["body", "assistantServer", "url"],
  ],
])("%j is refused where it is wrong", async (body, loc) => {
  const api = await open();
  const refused = await api.call("POST", assistants, { body });
  expect(refused.status, refused.text).toBe(422);
  expect(refused.body.errors[0].loc).toEqual(loc);
  expect((await api.call("GET", assistants)).body.total).toBe(0);
});

test("enabling without a URL or messages is refused in a PATCH, and changes nothing", async () => {
  const api = await open();
  const { id } = await create(api);
  const at = `${assistants}/${id}`;
  for (const assistantServer of [{ enabled: true }, { enabled: true, url }]) {
    expect((await api.call("PATCH", at, { body: { assistantServer } })).status).toBe(422);
  }
  expect((await api.call("GET", at)).body.assistantServer.url).toBeNull();
  const enabled = await api.call("PATCH", at, { body: { assistantServer: server } });
  expect(enabled.body.assistantServer.enabled).toBe(true);
});

test("an assistant cannot grow without bound by PATCH after PATCH", async () => {
  const api = await open();
  const { id } = await create(api, { a: "x".repeat(200_000) });
  const body = { b: "x".repeat(100_000) };
  expect((await api.call("PATCH", `${assistants}/${id}`, { body })).status).toBe(422);
});

test("a deleted assistant is gone everywhere, and so is another team's", async () => {
  const api = await open();
  const { id } = await create(api, { assistantServer: server });
  const { key } = await api.newTeam();
  const paths = [
    ["GET", ""],
    ["PATCH", ""],
    ["DELETE", ""],
    ["GET", "/deliveries"],
    ["GET", "/signing-secret"],
    ["POST", "/signing-secret/rotate"],
  ] as const;
  const statuses = async (given: string) =>
    await Promise.all(
      paths.map(async ([method, path]) => {
        const body = method === "PATCH" ? { body: { name: "B" } } : {};
        return (await api.call(method, `${assistants}/${id}${path}`, { key: given, ...body }))
          .status;
      }),
    );
  expect(new Set(await statuses(key))).toEqual(new Set([404]));
  expect((await api.call("DELETE", `${assistants}/${id}`)).status).toBe(204);
  expect(new Set(await statuses(api.key))).toEqual(new Set([404]));
  expect((await api.call("GET", assistants)).body).toEqual({
    assistants: [],
    total: 0,
    next_cursor: null,
  });
});

test("the signing secret is read and rotated", async () => {
  const api = await open();
  const { id } = await create(api);
  const at = `${assistants}/${id}/signing-secret`;
  const first = await api.call("GET", at);
  expect(first.body.secret).toMatch(/^whsec_/);
  const second = await api.call("POST", `${at}/rotate`);
  expect(second.body.secret).not.toBe(first.body.secret);
  expect(second.body.previous_expires_at).toEqual(expect.any(String));
});

test("the same Idempotency-Key creates one assistant", async () => {
  const api = await open();
  const request = { body: { name: "Ada" }, headers: { "idempotency-key": "once" } };
  const [first, again] = [
    await api.call("POST", assistants, request),
    await api.call("POST", assistants, request),
  ];
  expect(again.text).toBe(first.text);
  expect((await api.call("GET", assistants)).body.total).toBe(1);
});

test("the history shows what was sent to the server, by type, call and status; payloads need their scope", async () => {
  const api = await open();
  const messages = ["status-update", "conversation-update"];
  const { id } = await create(api, { assistantServer: { ...server, messages } });
  const call = { assistantId: id, callType: "web", direction: "inbound" };
  const made = await api.call("POST", "/calls/v1/conversations", { body: call });
  const said = { role: "user", text: "Hi" };
  const at = `/calls/v1/conversations/${made.body.id}/messages`;
  expect((await api.call("POST", at, { body: said })).status).toBe(201);
  await api.call("POST", "/calls/v1/conversations", { body: call });

  const list = async (query = "", key = api.key) =>
    (await api.call("GET", `${assistants}/${id}/deliveries${query}`, { key })).body;
  expect((await list()).total).toBe(3);
  const { deliveries } = await list(`?callId=${made.body.id}`);
  expect(deliveries).toMatchObject([
    {
      type: "conversation-update",
      callId: made.body.id,
      status: "pending",
      attempts_count: 0,
      payload: { message: { messages: [{ text: "Hi" }] } },
    },
    { type: "status-update", callId: made.body.id },
  ]);
  expect((await list("?type=status-update")).total).toBe(2);
  expect((await list("?status=failed")).total).toBe(0);
  const { key } = await api.newKey({ scopes: ["read"] });
  expect((await list("", key)).deliveries[0].payload).toBeNull();
});
