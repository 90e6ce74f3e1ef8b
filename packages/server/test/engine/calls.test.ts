import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { endAssistant } from "../../src/actions/assistants.ts";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import {
  endCall,
  makeAssistant,
  readServerMessage,
  say,
  serverMessages,
  startCall,
  told,
} from "../support/calls.ts";
import { type House, openHouse, until } from "../support/house.ts";

/** Claims one message for a process that dies before it records anything. */
async function claimAndDie(house: House, assistantId: string, timeoutSeconds = 20) {
  const claimed = await claimDueOfAllTeams(
    house.database.sql,
    [
      {
        subscriptionId: assistantId,
        limit: 10,
        leaseMs: leaseMs(timeoutSeconds),
        kind: "ordered",
      },
    ],
    { leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
  );
  await house.passTime("40 seconds");
  return claimed;
}

test("the five messages have one envelope, the contract's headers, and an assistant without credentials", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, {
    secret: "a shared word",
    headers: { "X-Custom-Header": "a value", Authorization: "Bearer abc" },
    members: { model: { temperature: 0.5 }, voice: "calm" },
  });
  const callId = await startCall(house, assistantId, {
    callType: "phone",
    userNumber: "+15550100",
    assistantNumber: "+15550199",
    phoneProvider: "twilio",
    metadata: jsonText({ room: 7 }),
  });
  await say(house, callId, "assistant", "Hello!", { timestampMs: 1_000 });
  await say(house, callId, "user", "Hi.", { timestampMs: 2_000 });
  await say(house, callId, "assistant", "How can I help?", { timestampMs: 2_700 });
  const error = {
    type: "llm_error" as const,
    code: "rate_limited",
    message: "too many",
    provider: "an llm",
    retryable: true,
  };
  await house.record({ type: "call.error", callId, data: error });
  await house.database.sql`
    update calls set hang_due_at = now() - interval '1 second', hung = false where id = ${callId}`;
  await house.record({ type: "call.hung", callId });
  const analysis = jsonText({ summary: "short" });
  await endCall(house, callId, { analysis, cost: jsonText(0.12), callEndTriggerBy: "user" });

  const messages = await told(house.receiver, callId, 8);
  expect(messages.map(({ type }) => type)).toEqual([
    "status-update",
    ...Array(3).fill("conversation-update"),
    "error",
    "hang",
    "status-update",
    "end-of-call-report",
  ]);
  for (const { body } of house.receiver.requests) {
    expect(Object.keys(JSON.parse(body.toString("utf8")))).toEqual(["message"]);
    expect(body.toString("utf8")).not.toMatch(/assistantServer|shared word|a value|Bearer/);
  }
  for (const message of messages) {
    expect(message).toMatchObject({
      timestamp: expect.any(Number),
      call: {
        id: callId,
        teamId: house.teamId,
        assistantId,
        callType: "phone",
        metadata: { room: 7 },
      },
      assistant: {
        id: assistantId,
        name: "an assistant",
        model: { temperature: 0.5 },
        voice: "calm",
      },
      phone: { provider: { name: "twilio" } },
      customer: { number: "+15550100" },
    });
    expect("messages" in message).toBe(message.type !== "status-update");
    expect("cost" in message.call).toBe(message.type === "end-of-call-report");
  }
  const [begun, , second, , failed, hung, finished, report] = messages;
  expect(begun?.call).toMatchObject({ status: "ongoing", endAt: null });
  expect(second?.messages).toMatchObject([
    { role: "assistant", text: "Hello!", timestamp: 1_000 },
    { role: "user", text: "Hi.", timestamp: 2_000 },
  ]);
  expect(failed?.error).toEqual(error);
  expect(hung?.messages).toHaveLength(3);
  expect(finished?.call.status).toBe("finished");
  expect(finished?.analysis).toEqual({});
  expect(report).toMatchObject({
    analysis: { summary: "short" },
    call: {
      status: "finished",
      endAt: expect.any(String),
      callEndTriggerBy: "user",
      assistantCallDuration: expect.any(Number),
      cost: 0.12,
      metrics: { turnCount: 1, responseTimeMs: { average: 700 } },
    },
  });
  const [request] = house.receiver.requests;
  expect(request?.headers).toMatchObject({
    "x-interactly-secret": "a shared word",
    "x-custom-header": "a value",
    authorization: "Bearer abc",
    "content-type": "application/json",
    "webhook-id": expect.stringMatching(/^event_/),
  });
});

test("200 calls at once with 20 messages each: everything arrives once and in order", {
  timeout: 120_000,
}, async () => {
  const house = await openHouse({ concurrency: 1_000, subscriptionConcurrency: 256 });
  house.receiver.answerBy(async () => {
    await pause(Math.random() * 300);
    return 200;
  });
  const assistantId = await makeAssistant(house);
  const startedAtMs = performance.now();
  const calls = await Promise.all(Array.from({ length: 200 }, () => startCall(house, assistantId)));
  await Promise.all(
    calls.map(async (callId) => {
      for (let n = 0; n < 20; n++) await say(house, callId, n % 2 === 0 ? "user" : "assistant");
    }),
  );
  await until("all have arrived", () => house.receiver.requests.length >= 200 * 21, 60_000);
  await house.settled();
  const tookMs = Math.round(performance.now() - startedAtMs);
  console.log(`200 calls × 21 messages, answers after 0–300 ms: ${tookMs} ms`);

  const lengths = new Map<string, number[]>();
  for (const request of house.receiver.requests) {
    const { call, messages = [] } = readServerMessage(request);
    lengths.set(call.id, [...(lengths.get(call.id) ?? []), messages.length]);
  }
  expect(lengths.size).toBe(200);
  for (const seen of lengths.values()) expect(seen).toEqual([...Array(21).keys()]);
  const rows = await house.deliveries();
  expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(["delivered"]));
});

test("within a call the next message waits for the answer, and other calls do not", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house);
  const stuck = await startCall(house, assistantId);
  await told(house.receiver, stuck, 1);
  const others = await startCall(house, assistantId);
  await told(house.receiver, others, 1);

  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  house.receiver.answerBy(async (request) => {
    if (readServerMessage(request).call.id === stuck) await held;
    return 200;
  });
  for (let n = 0; n < 3; n++) await say(house, stuck, "user");
  await told(house.receiver, stuck, 2);
  for (let n = 0; n < 10; n++) await say(house, others, "user");
  await told(house.receiver, others, 11);
  expect(serverMessages(house.receiver, stuck)).toHaveLength(2);
  release();
  expect((await told(house.receiver, stuck, 4)).map(({ messages }) => messages?.length)).toEqual([
    undefined,
    1,
    2,
    3,
  ]);
});

test("what the receiver refuses has failed after one attempt, and the call goes on", async () => {
  const house = await openHouse();
  house.receiver.answerWith(500, 503, 410);
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  for (let n = 0; n < 3; n++) await say(house, callId, "user");
  await told(house.receiver, callId, 4);
  await house.settled();
  await house.passTime("1 day");
  await house.settled();
  const rows = await house.deliveries();
  expect(rows.map(({ status }) => status)).toEqual(["failed", "failed", "failed", "delivered"]);
  expect(rows.every(({ attempt_count }) => attempt_count === 1)).toBe(true);
  expect((await house.attempts()).some(({ will_retry }) => will_retry)).toBe(false);
  expect(house.receiver.requests).toHaveLength(4);
});

test("a receiver that does not answer in time is not asked again, and the call goes on", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { timeoutSeconds: 1 });
  const release = house.receiver.hold();
  const callId = await startCall(house, assistantId);
  await house.receiver.received(1);
  await say(house, callId, "user");
  await house.receiver.received(2);
  release();
  await house.settled();
  const rows = await house.deliveries();
  expect(rows).toMatchObject([{ status: "failed", attempt_count: 1 }, {}]);
  expect(await house.attempts(rows[0]?.id)).toMatchObject([{ error_code: "timeout" }]);
  expect(house.receiver.requests).toHaveLength(2);
});

test("invariant 6: a process that dies before it sends leaves unknown_outcome, no second request, and the rest goes out", async () => {
  const house = await openHouse({ started: false, hot: false });
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  await say(house, callId, "user");
  expect(await claimAndDie(house, assistantId)).toMatchObject([{ eventType: "status-update" }]);

  house.dispatcher.start();
  await told(house.receiver, callId, 1);
  await until("both are finished", async () =>
    (await house.deliveries()).every(({ finished_at }) => finished_at !== null),
  );
  expect(serverMessages(house.receiver).map(({ type }) => type)).toEqual(["conversation-update"]);
  const rows = await house.deliveries();
  expect(rows).toMatchObject([
    { status: "failed", last_error: "unknown_outcome", attempt_count: 1 },
    { status: "delivered" },
  ]);
  expect(await house.attempts(rows[0]?.id)).toMatchObject([
    { number: 1, error_code: "unknown_outcome", will_retry: false },
  ]);
});

test("invariant 6: a result that is never recorded is not sent again by another process, and the rest goes out", async () => {
  // The request leaves and is answered; the process is gone before it can write that down.
  const house = await openHouse({
    recorder: (recorder) => ({
      ...recorder,
      record: () => Promise.reject(new Error("the process died")),
    }),
  });
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  await house.receiver.received(1);
  await until("its fate is unknown", () => house.errors.length > 0);
  await house.close();
  const survivor = house.openProcess({ recorder: (recorder) => recorder });
  await say(house, callId, "user", "words", {}, survivor);
  await house.passTime("40 seconds");
  survivor.dispatcher.wake();
  await told(house.receiver, callId, 2);
  await house.settled();
  expect(serverMessages(house.receiver).map(({ type }) => type)).toEqual([
    "status-update",
    "conversation-update",
  ]);
  expect(await house.deliveries()).toMatchObject([
    { status: "failed", last_error: "unknown_outcome" },
    { status: "delivered" },
  ]);
});

test("two processes send each message once and in order", async () => {
  const house = await openHouse();
  const other = house.openProcess();
  const assistantId = await makeAssistant(house);
  const calls = await Promise.all(Array.from({ length: 20 }, () => startCall(house, assistantId)));
  await Promise.all(
    calls.map(async (callId) => {
      for (let n = 0; n < 10; n++) {
        await say(house, callId, "user", "words", {}, n % 2 === 0 ? house : other);
      }
    }),
  );
  await until("all have arrived", () => house.receiver.requests.length >= 220);
  await house.settled();
  for (const callId of calls) {
    const seen = serverMessages(house.receiver, callId).map(
      ({ messages }) => messages?.length ?? 0,
    );
    expect(seen).toEqual([...Array(11).keys()]);
  }
});

test("what waits for its turn is not leased: one that dies takes only what it was sending", async () => {
  const house = await openHouse({ subscriptionConcurrency: 8 });
  const assistantId = await makeAssistant(house);
  house.receiver.hold();
  await Promise.all(Array.from({ length: 30 }, () => startCall(house, assistantId)));
  await house.receiver.received(8);
  const askedAtMs = performance.now();
  house.dispatcher.wake();
  await until("it has looked again", () => {
    return (house.dispatcher.sincePollMs() ?? Infinity) < performance.now() - askedAtMs;
  });
  const [row] = await house.database.sql<{ leased: number }>`
    select count(*)::int as leased from deliveries where lease_token is not null`;
  expect(row?.leased).toBe(8);
});

test("only what the server asked for is sent, and an event that nobody wants does not hold up the order", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { messages: ["end-of-call-report"] });
  const callId = await startCall(house, assistantId);
  await say(house, callId, "user");
  await endCall(house, callId);
  const [report] = await told(house.receiver, callId, 1);
  await house.settled();
  expect(report?.type).toBe("end-of-call-report");
  expect(report?.messages).toHaveLength(1);
  expect(house.receiver.requests).toHaveLength(1);
});

test("a deleted assistant's pending messages end, and its running calls send no more messages", async () => {
  const house = await openHouse({ started: false, hot: false });
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  await endAssistant(house, { teamId: house.teamId, id: assistantId, actor: "system" });
  expect(await house.delivery()).toMatchObject({
    status: "failed",
    last_error: "subscription_deleted",
  });
  await say(house, callId, "user");
  await endCall(house, callId);
  house.dispatcher.start();
  await house.settled();
  expect(await house.deliveries()).toHaveLength(1);
  expect(house.receiver.requests).toEqual([]);
});

test("repeats tell nothing: the same message id, the same status, a second end", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  await say(house, callId, "user", "words", { messageId: "m1" });
  await say(house, callId, "user", "words", { messageId: "m1" });
  await house.record({ type: "call.status", callId, data: { status: "ongoing" } });
  await endCall(house, callId);
  await endCall(house, callId);
  await told(house.receiver, callId, 4);
  await house.settled();
  expect(serverMessages(house.receiver).map(({ type }) => type)).toEqual([
    "status-update",
    "conversation-update",
    "status-update",
    "end-of-call-report",
  ]);
});
