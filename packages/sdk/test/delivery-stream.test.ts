import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../../server/test/support/facts.ts";
import { ApiError, Postrider } from "../src/index.ts";
import { problem, type Script, scripted } from "./answers.ts";

/** An answer that brings these pieces and ends. */
const stream = (...pieces: string[]) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    }),
    { headers: { "content-type": "text/event-stream" } },
  );

const delivery = (id: string, at: string) =>
  `event: delivery\nid: ${at}\ndata: ${JSON.stringify({ id })}\n\n`;

/** Reads so many changes of a scripted stream. */
async function read(count: number, script: Script, query = {}) {
  const { options, seen, delays } = scripted(script);
  const changes = [];
  for await (const change of new Postrider(options).deliveries.stream(query)) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return { changes, seen, delays };
}

test("changes are told with the ids to go on from, whatever pieces they come in", async () => {
  const text = `retry: 1000\nid: a\n\n${delivery("1", "a")}: alive\nid: b\n\nevent: gap\r\nid: c\r\ndata: {}\r\n\r\n`;
  const { changes, seen } = await read(2, () => stream(...text), { status: ["failed"] });
  expect(changes).toEqual([
    { type: "delivery", delivery: { id: "1" }, lastEventId: "a" },
    { type: "gap", lastEventId: "c" },
  ]);
  expect(seen[0]?.path).toBe("/v1/deliveries/stream?status=failed");
  expect(seen[0]?.headers.get("accept")).toContain("text/event-stream");
  expect(seen[0]?.headers.get("last-event-id")).toBeNull();
});

test("a lost connection is opened again behind the last id, also of an event without data", async () => {
  const { changes, seen, delays } = await read(2, (_, count) => {
    if (count === 1) return stream(delivery("1", "a"), "id: b\n\n", "event: delivery\nid: c\nda");
    if (count === 2) return problem(503, "shutting_down", { "retry-after": "7" });
    if (count === 3) throw new Error("refused");
    return stream(delivery("2", "d"));
  });
  expect(changes.map(({ lastEventId }) => lastEventId)).toEqual(["a", "d"]);
  expect(seen.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, "b", "b", "b"]);
  expect(delays).toEqual([250, 7_000, 1_000]);
});

test("a lost connection is reported once, and once more when it is back", async () => {
  const { options } = scripted((_, count) => {
    if (count === 1) return stream(delivery("1", "a"));
    if (count === 2) throw new Error("refused");
    if (count === 3) return problem(503, "shutting_down");
    if (count === 4) return stream(delivery("2", "b"));
    if (count === 5) return problem(503, "shutting_down");
    return stream(delivery("3", "c"));
  });
  const seen: string[] = [];
  const { deliveries } = new Postrider(options);
  const changes = deliveries.stream(
    {},
    { onLost: (reason) => seen.push(`lost: ${reason}`), onBack: () => seen.push("back") },
  );
  for await (const { lastEventId } of changes) {
    seen.push(lastEventId);
    if (lastEventId === "c") break;
  }
  const closed = "lost: the connection was closed";
  expect(seen).toEqual(["a", closed, "back", "b", closed, "back", "c"]);
});

test("a service that cannot be reached at first is reported, and a stream that is ended is not", async () => {
  const stop = new AbortController();
  const { options } = scripted((_, count) => {
    if (count === 1) return problem(503, "shutting_down");
    if (count === 2) throw new Error("refused");
    return stream(delivery("1", "a"));
  });
  const seen: string[] = [];
  const changes = new Postrider(options).deliveries.stream(
    {},
    {
      signal: stop.signal,
      onLost: (reason) => seen.push(reason),
      onBack: () => seen.push("back"),
    },
  );
  for await (const _ of changes) stop.abort();
  expect(seen).toEqual(["the service answers 503", "back"]);
});

test("a refusal that will not pass is thrown", async () => {
  const refused = read(1, () => problem(403, "scope_missing"));
  await expect(refused).rejects.toBeInstanceOf(ApiError);
  await expect(refused).rejects.toMatchObject({ code: "scope_missing" });
});

test("an answer that is no stream is thrown", async () => {
  const refused = read(1, () => new Response("<html>", { status: 200 }));
  await expect(refused).rejects.toMatchObject({ code: "unexpected_answer" });
});

test("a stream goes on behind an id of an earlier one, and ends when its signal says so", async () => {
  const stop = new AbortController();
  const { options, seen } = scripted(() => stream(delivery("1", "b")));
  const { deliveries } = new Postrider(options);
  const changes = [];
  for await (const change of deliveries.stream({}, { lastEventId: "a", signal: stop.signal })) {
    changes.push(change);
    stop.abort();
  }
  expect(changes).toHaveLength(1);
  expect(seen.map(({ headers }) => headers.get("last-event-id"))).toEqual(["a"]);
});

test.each([
  [{ signal: true }, "signal must be an AbortSignal"],
  [{ lastEventId: 7 }, "lastEventId must be"],
  [{ onLost: "a" }, "onLost must be"],
  [{ onBack: true }, "onBack must be"],
  [{ idempotencyKey: "a" }, 'no member "idempotencyKey"'],
])("the options %j are refused", async (wrong, words) => {
  const { options } = scripted(() => stream());
  const changes = new Postrider(options).deliveries.stream({}, wrong as object);
  await expect(changes.next()).rejects.toThrow(words);
});

test("what a real service changes is told", async () => {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  const client = new Postrider({ url, apiKey: api.key });
  await client.workflowWebhooks.create({
    name: "Mine",
    url: "https://example.com/hook",
    actions: ["workflow_created"],
  });
  let ready = () => {};
  const asked = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const told = (async () => {
    const changes = client.deliveries.stream({ contract: ["workflow"] });
    const first = changes.next();
    ready();
    const { value } = await first;
    await changes.return(undefined);
    return value;
  })();
  await asked;
  let made = false;
  // The stream begins some time after it is asked for: until it tells of one, another is made.
  const end = told.then(() => {
    made = true;
  });
  while (!made) {
    await client.workflows.create({ name: "Book" });
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  expect(await told).toMatchObject({ type: "delivery", delivery: { contract: "workflow" } });
});
