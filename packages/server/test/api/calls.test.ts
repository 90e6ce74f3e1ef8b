import { expect, onTestFinished, test } from "vitest";
import { newCallId, newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

const calls = "/calls/v1/conversations";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const body = { name: "Ada" };
  const assistantId = (await api.call("POST", "/assistants/v1/assistants", { body })).body.id;
  const create = (fields: object = {}) =>
    api.call("POST", calls, {
      body: { assistantId, callType: "web", direction: "inbound", ...fields },
    });
  return { api, assistantId: assistantId as string, create };
}

const post = (api: TestApi, id: string, what: string, body: object) =>
  api.call("POST", `${calls}/${id}/${what}`, { body });

test("a call goes from queued to its end, and is read with all its messages", async () => {
  const { api, assistantId, create } = await open();
  const made = await create({ callType: "phone", userNumber: "+15550100", metadata: { a: 1.0 } });
  expect(made.status, made.text).toBe(201);
  const { id } = made.body;
  expect(id).toMatch(/^CC-/);
  expect(made.body).toMatchObject({
    assistantId,
    teamId: api.teamId,
    callType: "phone",
    direction: "inbound",
    status: "queued",
    startAt: null,
    userNumber: "+15550100",
    metadata: { a: 1 },
  });
  const ongoing = await post(api, id, "status", {
    status: "ongoing",
    occurredAt: "2026-11-21T10:00:00Z",
  });
  expect(ongoing.body).toMatchObject({ status: "ongoing", startAt: "2026-11-21T10:00:00.000Z" });
  const said = await post(api, id, "messages", { role: "assistant", text: "Hello" });
  expect(said.status).toBe(201);
  expect(said.body).toMatchObject({ messageId: `${id}-1`, role: "assistant", text: "Hello" });
  const own = { messageId: "m2", role: "user", text: "Hi", timestamp: 5, metrics: { sttMs: 7 } };
  expect((await post(api, id, "messages", own)).body).toEqual(own);
  expect((await post(api, id, "messages", own)).status).toBe(200);
  const failed = await post(api, id, "errors", { type: "stt_error", code: "no_audio" });
  expect(failed.status).toBe(201);
  const ended = await post(api, id, "end", {
    recording: { url: "https://example.com/a.mp3" },
    cost: 0.5,
    callEndTriggerBy: "user",
    occurredAt: "2026-11-21T10:01:00Z",
  });
  expect(ended.body).toMatchObject({
    status: "finished",
    endAt: "2026-11-21T10:01:00.000Z",
    assistantCallDuration: 60_000,
    cost: 0.5,
  });
  expect((await post(api, id, "end", {})).text).toBe(ended.text);
  const read = await api.call("GET", `${calls}/${id}`);
  expect(read.body).toMatchObject({ messageCount: 2, messages: [{ text: "Hello" }, own] });
  const listed = await api.call("GET", `${calls}?assistantId=${assistantId}&status=finished`);
  expect(listed.body).toMatchObject({ conversations: [{ id }], total: 1 });
  expect((await api.call("GET", `${calls}?status=ongoing`)).body.total).toBe(0);
});

test("what is impossible is a 409", async () => {
  const { api, create } = await open();
  const { id } = (await create()).body;
  expect((await post(api, id, "status", { status: "forwarded" })).status).toBe(409);
  expect((await post(api, id, "status", { status: "ongoing" })).status).toBe(200);
  expect((await post(api, id, "status", { status: "ongoing" })).status).toBe(200);
  expect((await post(api, id, "status", { status: "queued" })).body.status).toBe("ongoing");
  expect((await post(api, id, "status", { status: "finished" })).body.status).toBe("finished");
  expect((await post(api, id, "messages", { role: "user", text: "Hi" })).status).toBe(409);
  expect((await post(api, id, "errors", { type: "llm_error" })).status).toBe(409);
});

test("a call can have its own id once; the prefix gives the type", async () => {
  const { api, assistantId, create } = await open();
  const id = newCallId("web");
  expect((await create({ id })).status).toBe(201);
  expect((await create({ id })).status).toBe(200);
  expect((await create({ id, callType: "phone" })).status).toBe(422);
  const other = await api.call("POST", "/assistants/v1/assistants", { body: { name: "B" } });
  expect((await create({ id, assistantId: other.body.id })).body.code).toBe("reported_differently");
  expect((await create({ assistantId: newId() })).status).toBe(404);
  const keyed = () =>
    api.call("POST", calls, {
      body: { assistantId, callType: "web", direction: "outbound" },
      headers: { "idempotency-key": "once" },
    });
  expect((await keyed()).body.id).toBe((await keyed()).body.id);
});

test("a call is created as vendors document it: by phone and outbound unless it says otherwise", async () => {
  const { api, assistantId } = await open();
  const create = (body: object) => api.call("POST", calls, { body: { assistantId, ...body } });
  const made = await create({ userNumber: "+15550100" });
  expect(made.status, made.text).toBe(201);
  expect(made.body).toMatchObject({ callType: "phone", direction: "outbound", status: "queued" });
  expect(made.body.id).toMatch(/^CC-/);
  expect((await create({ callType: "web" })).body.id).toMatch(/^WC-/);
  // An id of its own tells the type.
  const id = newCallId("web");
  expect((await create({ id })).body).toMatchObject({ callType: "web", direction: "outbound" });
  expect((await create({ id, callType: "web" })).status).toBe(200);
  const facts = { facts: [{ type: "call.created", data: { assistantId } }] };
  const [result] = (await api.call("POST", "/v1/facts", { body: facts })).body.results;
  expect(result).toMatchObject({ status: "recorded", id: expect.stringMatching(/^CC-/) });
});

test.each([
  ["messages", { role: "system", text: "x" }],
  ["messages", { role: "user" }],
  ["messages", { role: "user", text: "x".repeat(32 * 1024 + 1) }],
  ["messages", { role: "user", text: "a\0b" }],
  ["messages", { role: "user", text: "x", timestamp: 1.5 }],
  ["messages", { role: "user", text: "x", timestamp: 1e300 }],
  ["messages", { role: "user", text: "x", messageId: "" }],
  ["status", { status: "ringing" }],
  ["errors", { type: "other" }],
  ["end", { assistantCallDuration: -1 }],
  ["end", { assistantCallDuration: 2 ** 31 }],
  ["end", { unknown: 1 }],
  ["end", { occurredAt: "2026-02-30T00:00:00Z" }],
])("%s refuses %j", async (what, body) => {
  const { api, create } = await open();
  const { id } = (await create({ status: "ongoing" })).body;
  const refused = await post(api, id, what, body);
  expect(refused.status, refused.text).toBe(422);
});

test("no times and no names that a platform reports make a failure of ours", async () => {
  const { api, create } = await open();
  const { id } = (await create({ status: "ongoing", occurredAt: "1970-01-01T00:00:00Z" })).body;
  // It takes the name that the next message without one would get.
  const taken = { role: "user", text: "", messageId: `${id}-2` };
  expect((await post(api, id, "messages", taken)).status).toBe(201);
  expect((await post(api, id, "messages", { role: "user", text: "x" })).body.messageId).toBe(
    `${id}-3`,
  );
  const future = await post(api, id, "end", { occurredAt: "9999-12-31T23:59:59Z" });
  expect(future.status, future.text).toBe(422);
  const ended = await post(api, id, "end", {});
  expect(ended.status, ended.text).toBe(200);
  expect((await api.call("GET", `${calls}/${id}`)).body.assistantCallDuration).toBe(2 ** 31 - 1);
});

test("texts and documents need the scope `payload`, and another team's call is not there", async () => {
  const { api, create } = await open();
  const { id } = (await create({ metadata: { secret: "word" } })).body;
  await post(api, id, "messages", { role: "user", text: "word", metrics: { word: 1 } });
  const reader = await api.newKey({ scopes: ["read", "publish"] });
  const read = await api.call("GET", `${calls}/${id}`, { key: reader.key });
  expect(read.status).toBe(200);
  expect(read.text).not.toContain("word");
  const said = await api.call("POST", `${calls}/${id}/messages`, {
    key: reader.key,
    body: { role: "user", text: "word" },
  });
  expect(said.text).not.toContain("word");
  const other = await api.newTeam();
  expect((await api.call("GET", `${calls}/${id}`, { key: other.key })).status).toBe(404);
  for (const [what, body] of [
    ["status", { status: "ongoing" }],
    ["messages", { role: "user", text: "x" }],
    ["errors", { type: "llm_error" }],
    ["end", {}],
  ] as const) {
    const answer = await api.call("POST", `${calls}/${id}/${what}`, { key: other.key, body });
    expect(answer.status).toBe(404);
  }
  expect((await api.call("GET", `${calls}/WC-none`)).status).toBe(404);
});
