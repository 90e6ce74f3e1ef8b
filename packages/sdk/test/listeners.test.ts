import { expect, test } from "vitest";
import { Postrider } from "../src/index.ts";
import { problem, scripted } from "./answers.ts";

/** An answer that brings these pieces and ends. */
const stream = (text: string) =>
  new Response(text, { headers: { "content-type": "text/event-stream" } });

const asked = (id: string, place: string) =>
  `event: request\nid: ${place}\ndata: ${JSON.stringify({ id })}\n\n`;

test("a listener's requests are told over lost connections, each from behind the last", async () => {
  const { options, seen } = scripted((_one, count) =>
    stream(count === 1 ? `retry: 1000\n\n${asked("a", "1")}: alive\n\n` : asked("b", "2")),
  );
  const told = [];
  for await (const one of new Postrider(options).listeners.requests("1")) {
    told.push(one);
    if (told.length === 2) break;
  }
  expect(told).toEqual([
    { request: { id: "a" }, lastEventId: "1" },
    { request: { id: "b" }, lastEventId: "2" },
  ]);
  expect(seen.map(({ path }) => path)).toEqual(Array(2).fill("/v1/listeners/1/requests"));
  expect(seen.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, "1"]);
});

test("an answer is sent without an Idempotency-Key, also when it is repeated, unless the caller has one", async () => {
  const { options, seen } = scripted((_one, count) =>
    count === 1 ? problem(503, "shutting_down") : new Response(null, { status: 204 }),
  );
  const { listeners } = new Postrider(options);
  const answer = { request_id: "1", status_code: 200, duration_ms: 1 };
  await listeners.answer("1", answer);
  await listeners.answer("1", answer, { idempotencyKey: "mine" });
  const keys = seen.map(({ headers }) => headers.get("idempotency-key"));
  expect(keys).toEqual([null, null, "mine"]);
});
