import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  endCall,
  makeAssistant,
  say,
  serverMessages,
  startCall,
  told,
  watch,
} from "../support/calls.ts";
import { type House, openHouse, until } from "../support/house.ts";

const hangsOf = (house: House, callId?: string) =>
  serverMessages(house.receiver, callId).filter(({ type }) => type === "hang");

/** Lets a silence run out. */
const runOut = (house: House, interval = "1 hour") =>
  house.database.sql`update calls set hang_due_at = hang_due_at - ${interval}::interval`;

/** Reports a hang as the watch does, whether it is time or not. */
const reportHang = (house: House, callId: string) => house.record({ type: "call.hung", callId });

test("a hang is sent at most 250 ms late, whenever its silence began", {
  timeout: 60_000,
}, async () => {
  const house = await openHouse({ concurrency: 500, subscriptionConcurrency: 256 });
  watch(house);
  const assistantId = await makeAssistant(house, { hangTimeoutSeconds: 1, messages: ["hang"] });
  const calls = await Promise.all(Array.from({ length: 200 }, () => startCall(house, assistantId)));
  await Promise.all(
    calls.map(async (callId, index) => {
      // Spread over two rounds of the watch: every distance to its next look occurs.
      await pause(index * 12);
      await say(house, callId, "user");
    }),
  );
  await until("all hangs have arrived", () => hangsOf(house).length >= 200);
  await pause(300);
  expect(hangsOf(house)).toHaveLength(200);

  // The clock of the database for both: when it was due, and when it was recorded.
  const rows = await house.database.sql<{ late: number }>`
    select (extract(epoch from e.created_at - (
              select to_timestamp(max(m.timestamp_ms) / 1000.0) + interval '1 second'
              from call_messages m where m.call_id = e.call_id)) * 1000)::float8 as late
    from events e where e.event_type = 'hang'`;
  const late = rows.map((row) => row.late).sort((a, b) => a - b);
  const at = (part: number) => Math.round(late[Math.ceil(part * late.length) - 1] ?? 0);
  const arrivals = house.receiver.requests
    .map((request) => {
      const { messages } = JSON.parse(request.body.toString("utf8")).message;
      const arrivedAt = performance.timeOrigin + request.arrivedAtMs;
      return arrivedAt - messages.at(-1).timestamp - 1_000;
    })
    .sort((a, b) => a - b);
  console.log(
    `hangs recorded late by ms: min ${at(0.001)}, p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)}; at the receiver: p50 ${Math.round(arrivals[100] ?? 0)}, max ${Math.round(arrivals.at(-1) ?? 0)}`,
  );
  expect(late[0]).toBeGreaterThanOrEqual(0);
  expect(late.at(-1)).toBeLessThanOrEqual(250);
});

test("two messages of the user in a row are one silence, counted from the first", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { hangTimeoutSeconds: 60 });
  const callId = await startCall(house, assistantId);
  const due = async () => {
    const [row] = await house.database.sql<{ at: Date | null }>`
      select hang_due_at as at from calls where id = ${callId}`;
    return row?.at ?? null;
  };
  await say(house, callId, "user");
  const first = await due();
  expect(first).not.toBeNull();
  await say(house, callId, "user");
  expect(await due()).toEqual(first);
  await runOut(house);
  await reportHang(house, callId);
  await reportHang(house, callId);
  await told(house.receiver, callId, 4);
  await house.settled();
  expect(hangsOf(house)).toHaveLength(1);
  expect(hangsOf(house)[0]?.messages).toHaveLength(2);
});

test("the assistant's answer ends a silence; after a hang there is no second one until it has spoken", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { messages: ["hang"] });
  const callId = await startCall(house, assistantId);
  const silence = async () => {
    await say(house, callId, "user");
    await runOut(house);
    await reportHang(house, callId);
  };
  await say(house, callId, "user");
  await say(house, callId, "assistant");
  await runOut(house);
  await reportHang(house, callId);
  expect(await house.deliveries()).toHaveLength(0);
  await silence();
  await silence();
  expect(await house.deliveries()).toHaveLength(1);
  await say(house, callId, "assistant");
  await silence();
  expect(await house.deliveries()).toHaveLength(2);
});

test("no answer is awaited before a call is ongoing, after it is forwarded, or after it has ended", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { messages: ["hang"] });
  const waits = async (callId: string) => {
    const rows = await house.database.sql`
      select id from calls where id = ${callId} and hang_due_at is not null`;
    return rows.length === 1;
  };
  const queued = await startCall(house, assistantId, { status: "queued" });
  await say(house, queued, "user");
  expect(await waits(queued)).toBe(false);
  await house.record({ type: "call.status", callId: queued, data: { status: "ongoing" } });
  expect(await waits(queued)).toBe(true);
  await house.record({ type: "call.status", callId: queued, data: { status: "forwarded" } });
  expect(await waits(queued)).toBe(false);
  await say(house, queued, "user");
  expect(await waits(queued)).toBe(false);
  const ended = await startCall(house, assistantId);
  await say(house, ended, "user");
  await endCall(house, ended);
  expect(await waits(ended)).toBe(false);
});

test("a silence survives a restart of the process, and two processes tell it once", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { hangTimeoutSeconds: 1, messages: ["hang"] });
  const calls = await Promise.all(Array.from({ length: 50 }, () => startCall(house, assistantId)));
  const before = watch(house);
  await Promise.all(calls.map((callId) => say(house, callId, "user")));
  await before.close();
  await house.close();
  await Promise.all([house.openProcess(), house.openProcess()].map((next) => watch(house, next)));
  await until("all hangs have arrived", () => hangsOf(house).length >= 50);
  await house.settled();
  for (const callId of calls) expect(hangsOf(house, callId)).toHaveLength(1);
});
