import { expect, onTestFinished, test } from "vitest";
import { callBodyBytesMax, callBytesMax } from "../../src/domain/call-bytes.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

const calls = "/calls/v1/conversations";
const assistants = "/assistants/v1/assistants";

async function open(assistant: object = {}) {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  // Nothing is dispatched: what its server would be told lies in the table.
  const server = {
    enabled: true,
    url: "https://hooks.example.com/",
    messages: ["status-update", "conversation-update", "end-of-call-report", "hang", "error"],
  };
  const body = { name: "Ada", assistantServer: server, ...assistant };
  const made = await api.call("POST", assistants, { body });
  expect(made.status, made.text).toBe(201);
  const assistantId: string = made.body.id;
  const create = (fields: object = {}) =>
    api.call("POST", calls, { body: { assistantId, status: "ongoing", ...fields } });
  const post = (id: string, what: string, body: object) =>
    api.call("POST", `${calls}/${id}/${what}`, { body });
  return { api, assistantId, create, post };
}

/** What the assistant's server is told of a call, in order. */
async function toldOf(api: TestApi, callId: string) {
  const rows = await api.database.sql<{ payload: Buffer }>`
    select e.payload from events e join deliveries d on d.event_id = e.id
    where e.call_id = ${callId} order by d.order_position`;
  return rows.map(({ payload }) => ({
    bytes: payload.length,
    ...JSON.parse(payload.toString("utf8")).message,
  }));
}

const refusedBecause = (...members: string[]) => ({
  status: 409,
  body: {
    code: "reported_differently",
    errors: members.map((member) => ({ loc: ["body", member], type: "differs" })),
  },
});

test("a report under a known id that says something else is a 409 that names the members and no values", async () => {
  const { api, create, post } = await open();
  const first = { id: "CC-01234567-89ab-4def-8123-456789abcdef", metadata: { a: 1 } };
  expect((await create(first)).status).toBe(201);
  const otherwise = await create({ ...first, metadata: { a: "a secret" }, userNumber: "+1" });
  expect(otherwise).toMatchObject(refusedBecause("userNumber", "metadata"));
  expect(otherwise.text).not.toContain("a secret");
  const elsewhere = (await api.call("POST", assistants, { body: { name: "B" } })).body.id;
  expect(await create({ ...first, assistantId: elsewhere })).toMatchObject(
    refusedBecause("assistantId"),
  );
  const { id } = first;
  const said = {
    messageId: "m",
    role: "user",
    text: "words",
    timestamp: 5,
    metrics: { b: 1, a: 2 },
  };
  expect((await post(id, "messages", said)).status).toBe(201);
  expect((await post(id, "messages", { ...said, metrics: { a: 2, b: 1 } })).status).toBe(200);
  expect((await post(id, "messages", { ...said, text: "words, more" })).body).toMatchObject({
    code: "reported_differently",
    detail: expect.stringContaining("text"),
  });
  expect(await post(id, "messages", { ...said, timestamp: 6 })).toMatchObject(
    refusedBecause("timestamp"),
  );
  await post(id, "end", { cost: 0.5, assistantCallDuration: 7 });
  expect(await post(id, "end", { cost: 1, assistantCallDuration: 8 })).toMatchObject(
    refusedBecause("assistantCallDuration", "cost"),
  );
  expect((await post(id, "end", { recording: {} })).body.code).toBe("report_sent");
  expect((await post(id, "end", { cost: 0.5 })).status).toBe(200);
  expect((await toldOf(api, id)).map(({ type }) => type)).toEqual([
    ...["status-update", "conversation-update", "status-update", "end-of-call-report"],
  ]);
});

test("a message under an Idempotency-Key has an id by that key: a repeat whose answer was lost finds it", async () => {
  const { api, create, post } = await open();
  const { id } = (await create()).body;
  const say = () =>
    api.call("POST", `${calls}/${id}/messages`, {
      body: { role: "user", text: "words" },
      headers: { "idempotency-key": "once" },
    });
  const first = await say();
  expect(first.status).toBe(201);
  // As when the process was lost before it could keep its answer.
  await api.database.sql`
    update idempotency_keys set status_code = null, sealed_response = null,
      in_flight_until = now() - interval '1 second'`;
  const again = await say();
  expect([again.status, again.text]).toEqual([200, first.text]);
  const { messageId } = first.body;
  const otherwise = { messageId, role: "user", text: "other words" };
  expect(await post(id, "messages", otherwise)).toMatchObject(refusedBecause("text"));
});

test("a job that runs again from the start gets 200 for every report, and no event is sent twice", async () => {
  const { api, create, post } = await open({ endReportWaitSeconds: 600 });
  const { id } = (await create({ status: "queued" })).body;
  const reports: [string, object][] = [
    ["status", { status: "ongoing", phoneCallStatus: "ringing" }],
    ["status", { status: "ongoing", phoneCallStatus: "in-progress" }],
    ["messages", { messageId: "1", role: "assistant", text: "Hello" }],
    ["messages", { messageId: "2", role: "user", text: "Hi" }],
    ["status", { status: "forwarded", phoneCallStatusReason: "asked for a person" }],
    ["status", { status: "finished", phoneCallStatus: "completed" }],
    ["end", { callEndTriggerBy: "user" }],
    ["end", { recording: { url: "https://example.com/a.mp3" }, cost: 0.5, analysis: ["good"] }],
  ];
  for (const [what, body] of reports) {
    const answer = await post(id, what, body);
    expect(answer.status, answer.text).toBe(what === "messages" ? 201 : 200);
  }
  const told = await toldOf(api, id);
  const whole = (await api.call("GET", `${calls}/${id}`)).text;
  for (const [what, body] of reports) {
    expect((await post(id, what, body)).status).toBe(200);
  }
  expect(await toldOf(api, id)).toEqual(told);
  expect((await api.call("GET", `${calls}/${id}`)).text).toBe(whole);
});

test("news of the line in the present state are kept without an event, also in the batch that made the call", async () => {
  const { api, assistantId, create, post } = await open();
  const { id } = (await create()).body;
  const line = { status: "ongoing", phoneCallStatus: "in-progress" };
  expect((await post(id, "status", line)).body.phoneCallStatus).toBe("in-progress");
  expect(await toldOf(api, id)).toHaveLength(1);
  const other = "CC-01234567-89ab-4def-8123-456789abcdef";
  const facts = [
    { type: "call.created", data: { id: other, assistantId, status: "ongoing" } },
    { type: "call.status", data: { call_id: other, ...line } },
  ];
  await api.call("POST", "/v1/facts", { body: { facts } });
  expect((await api.call("GET", `${calls}/${other}`)).body.phoneCallStatus).toBe("in-progress");
  // Of a past state, what nobody reported is not dropped behind a success.
  await post(id, "status", { status: "forwarded" });
  expect((await post(id, "status", line)).status).toBe(200);
  expect(await post(id, "status", { ...line, phoneCallStatus: "x" })).toMatchObject(
    refusedBecause("phoneCallStatus"),
  );
});

test("endReportWaitSeconds is 0 to 600; it is shown, can be changed, and is sent to the server", async () => {
  const { api, assistantId, create } = await open({ endReportWaitSeconds: 600 });
  const path = `${assistants}/${assistantId}`;
  expect((await api.call("GET", path)).body.endReportWaitSeconds).toBe(600);
  const { id } = (await create()).body;
  expect((await toldOf(api, id))[0].assistant.endReportWaitSeconds).toBe(600);
  const change = (endReportWaitSeconds: unknown) =>
    api.call("PATCH", path, { body: { endReportWaitSeconds } });
  for (const wrong of [-1, 601, 0.5, "5", null]) expect((await change(wrong)).status).toBe(422);
  expect((await change(30)).body.endReportWaitSeconds).toBe(30);
  expect((await change(0)).body.endReportWaitSeconds).toBe(0);
  const plain = await api.call("POST", assistants, { body: { name: "B" } });
  expect(plain.body.endReportWaitSeconds).toBe(0);
});

/** Says things until the call has no room left, and returns how many times. */
async function fill(say: (n: number) => ReturnType<TestApi["call"]>) {
  for (let n = 0; n < 100; n++) {
    const answer = await say(n);
    if (answer.status === 201) continue;
    expect(answer).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    expect(answer.body.detail).toContain(String(callBodyBytesMax));
    return n;
  }
  throw new Error("the call takes everything");
}

test.each([
  ["metrics", (n: number) => ({ text: "", metrics: { n, trace: "x".repeat(200_000) } }), 3],
  ["text whose characters take six bytes", () => ({ text: "\u0001".repeat(32 * 1024) }), 3],
  ["text that is not ASCII", () => ({ text: "語".repeat(32 * 1024) }), 7],
])(
  "a call full of %s refuses more, ends without details, and its report is at most 1 MiB",
  async (_, said, count) => {
    const { api, assistantId, create, post } = await open();
    const { id } = (await create({ metadata: { a: 1 } })).body;
    const say = (n: number) => post(id, "messages", { role: "user", ...said(n) });
    expect(await fill(say)).toBe(count);
    // The assistant may grow at any time: there is room for the largest.
    const grown = { blob: "語".repeat(80_000) };
    expect((await api.call("PATCH", `${assistants}/${assistantId}`, { body: grown })).status).toBe(
      200,
    );
    const details = { recording: "x".repeat(callBytesMax - 520_000) };
    expect((await post(id, "end", details)).body.code).toBe("body_too_large");
    const line = "\u0001".repeat(255);
    const end = { phoneCallStatus: line, phoneCallStatusReason: line, callEndTriggerBy: line };
    const ended = await post(id, "end", end);
    expect(ended.status, ended.text).toBe(200);
    const told = await toldOf(api, id);
    expect(told.at(-1).type).toBe("end-of-call-report");
    expect(told.at(-1).messages).toHaveLength(count);
    expect(Math.max(...told.map(({ bytes }) => bytes))).toBeLessThanOrEqual(callBodyBytesMax);
  },
);

test("metadata, recording, cost, analysis and metrics count together with the messages", async () => {
  const { create, post } = await open();
  const big = "x".repeat(250_000);
  const { id } = (await create({ metadata: big })).body;
  expect((await post(id, "messages", { role: "user", text: "", metrics: big })).status).toBe(201);
  expect((await post(id, "end", { analysis: big })).status).toBe(413);
  expect((await post(id, "end", { analysis: big.slice(0, 200_000) })).status).toBe(200);
});

test("a call that an older version began is counted at its next fact", async () => {
  const { api, create, post } = await open();
  const { id } = (await create()).body;
  const say = () => post(id, "messages", { role: "user", text: "", metrics: "x".repeat(200_000) });
  for (let n = 0; n < 3; n++) await say();
  await api.database.sql`update calls set report_bytes = null`;
  expect((await say()).status).toBe(413);
  expect((await post(id, "end", {})).status).toBe(200);
});

test("an assistant's own members are bounded in bytes", async () => {
  const { api, assistantId } = await open();
  const change = (body: object) => api.call("PATCH", `${assistants}/${assistantId}`, { body });
  expect((await change({ a: "語".repeat(80_000) })).status).toBe(200);
  expect((await change({ b: "語".repeat(10_000) })).body.code).toBe("invalid_request");
  expect((await change({ a: null, b: "語".repeat(80_000) })).status).toBe(200);
});
