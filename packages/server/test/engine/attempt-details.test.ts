import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type AttemptSummary, listAttemptsOf } from "../../src/db/delivery-summaries.ts";
import { requestHeaders } from "../../src/domain/request-head.ts";
import { shownResponseHeaders } from "../../src/domain/response-headers.ts";
import { publicEventId } from "../../src/ids.ts";
import { type House, openHouse } from "../support/house.ts";
import { holdRefusedPort } from "../support/ports.ts";

/** The attempts of the deliveries of one event type, the oldest first. */
async function attemptsOf(house: House): Promise<(AttemptSummary & { eventId: string })[]> {
  const { sql } = house.database;
  const deliveries = await sql<{ id: string; createdAt: Date; eventId: string }>`
    select id, created_at as "createdAt", event_id as "eventId" from deliveries order by id`;
  const attempts = [];
  for (const delivery of deliveries) {
    const all = await listAttemptsOf(sql, house.teamId, delivery, 10);
    attempts.push(...all.reverse().map((one) => ({ ...one, eventId: delivery.eventId })));
  }
  return attempts;
}

const sentBy = ({ requestHead, requestProof, eventId }: AttemptSummary & { eventId: string }) =>
  requestHeaders(
    JSON.parse(requestHead ?? "null"),
    requestProof ?? Buffer.alloc(0),
    publicEventId(eventId),
  );

test("an attempt keeps the headers as its receiver got them, and secrets as ***", async () => {
  const house = await openHouse();
  await house.subscribe({
    events: ["workflow_created"],
    token: "a-secret-token",
    headers: { "X-Own": "a-secret-value" },
  });
  house.receiver.answerWith(500, 200);
  await house.workflow();
  await house.drain();
  const attempts = await attemptsOf(house);
  expect(attempts.map(({ number }) => number)).toEqual([1, 2]);
  for (const [index, attempt] of attempts.entries()) {
    const { headers } = house.receiver.requests[index] ?? {};
    const { host: _, connection: __, "content-length": ___, ...got } = headers ?? {};
    expect(sentBy(attempt)).toEqual({ ...got, authorization: "***", "x-own": "***" });
  }
  const stored = await house.database.sql`select headers from request_heads`;
  expect(stored).toHaveLength(1);
  expect(JSON.stringify(stored)).not.toContain("a-secret");
});

test("the headers of an attempt stay what they were when its subscription is changed, or its secret rotated", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], headers: { "x-old": "1" } });
  await house.workflow();
  await house.drain();
  const [first] = await attemptsOf(house);
  if (!first) throw new Error("there is no attempt");
  const before = sentBy(first);
  await house.database.sql`
    update subscriptions set sealed_headers = null, sealed_signing_secret = sealed_signing_secret
    where id = ${id}`;
  house.forgetTargets();
  await house.workflow();
  await house.drain();
  const [again, second] = await attemptsOf(house);
  if (!again || !second) throw new Error("there is no second attempt");
  expect(sentBy(again)).toEqual(before);
  expect(before["x-old"]).toBe("***");
  expect(sentBy(second)).not.toHaveProperty("x-old");
});

test("the first request of a connection has the time that its opening took, and the next ones do not", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.drain();
  await house.workflow();
  await house.drain();
  const [first, second] = await attemptsOf(house);
  const whole = expect.any(Number);
  expect(first).toMatchObject({
    address: "127.0.0.1",
    timing: { dns: whole, connect: whole, tls: null, wait: whole, read: whole },
  });
  expect(second).toMatchObject({
    address: "127.0.0.1",
    timing: { dns: null, connect: null, tls: null, wait: whole, read: whole },
  });
});

test("the headers of an answer are kept by lower-case name", async () => {
  const house = await openHouse();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "X-Answer": "yes", "Set-Cookie": ["a=1", "b=2"] }).end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await house.subscribe({
    receiver: { origin: `http://127.0.0.1:${port}` },
    events: ["workflow_created"],
  });
  await house.workflow();
  await house.drain();
  server.closeAllConnections();
  server.close();
  const [attempt] = await attemptsOf(house);
  expect(shownResponseHeaders(attempt?.responseHeaders ?? "")).toMatchObject({
    "x-answer": "yes",
    "set-cookie": "***",
    date: expect.any(String),
  });
});

test("a failed connection has the address that was tried and no waiting time", async () => {
  const house = await openHouse();
  const refused = await holdRefusedPort();
  onTestFinished(refused.release);
  await house.subscribe({
    receiver: { origin: `http://127.0.0.1:${refused.port}` },
    events: ["workflow_created"],
    maxRetries: 0,
  });
  await house.workflow();
  await house.drain();
  const [attempt] = await attemptsOf(house);
  expect(attempt).toMatchObject({
    errorCode: "connect_refused",
    address: "127.0.0.1",
    timing: {
      dns: expect.any(Number),
      connect: expect.any(Number),
      tls: null,
      wait: null,
      read: null,
    },
    responseHeaders: null,
  });
});

test("an attempt that was refused before sending has neither headers nor times", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  await house.database.sql`update subscriptions set url = 'http://10.0.0.1/' where id = ${id}`;
  house.forgetTargets();
  await house.workflow();
  await house.drain();
  const [attempt] = await attemptsOf(house);
  const nothing = { dns: null, connect: null, tls: null, wait: null, read: null };
  expect(attempt).toMatchObject({ address: null, timing: nothing, requestProof: null });
});
