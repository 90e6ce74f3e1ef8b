import { getEventListeners } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ClientOptions, ConnectionError, Postrider } from "../src/index.ts";
import { wait } from "../src/request.ts";
import { json, problem, type Script, scripted } from "./answers.ts";

/** Options in place of those of the script; undefined stands for what a client does unless told. */
type Own = { [Name in keyof ClientOptions]?: ClientOptions[Name] | undefined };

const open = (script: Script, own: Own = {}) => {
  const service = scripted(script);
  const options = { ...service.options, ...own } as ClientOptions;
  return { ...service, client: new Postrider(options) };
};

const lost = (): never => {
  throw new TypeError("fetch failed");
};

test.each([
  ...[429, 500, 502, 503, 504, 599].map((status): [number, boolean] => [status, true]),
  ...[400, 401, 403, 404, 408, 409, 413, 422, 428, 430, 499, 501].map(
    (status): [number, boolean] => [status, false],
  ),
])("an answer of %d is retried: %s", async (status, isRetried) => {
  const { client, seen } = open((_, count) =>
    count === 1 ? problem(status, "overloaded") : json({}),
  );
  const answer = client.me.get();
  if (isRetried) await answer;
  else await expect(answer).rejects.toMatchObject({ status });
  expect(seen).toHaveLength(isRetried ? 2 : 1);
});

test("the delay doubles from a quarter of a second up to ten seconds", async () => {
  const { client, delays } = open(lost, { retriesMax: 8 });
  await expect(client.me.get()).rejects.toBeInstanceOf(ConnectionError);
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test("half of the delay is chance", async () => {
  for (const [random, delayMs] of [
    [0, 125],
    [0.5, 187.5],
  ] as const) {
    const { client, delays } = open(lost, { retriesMax: 1, random: () => random });
    await expect(client.me.get()).rejects.toBeInstanceOf(ConnectionError);
    expect(delays).toEqual([delayMs]);
  }
});

test("chance spreads delays over the whole upper half unless told", async () => {
  const { client, delays } = open(lost, { retriesMax: 206, random: undefined });
  await expect(client.me.get()).rejects.toBeInstanceOf(ConnectionError);
  // 200 of ten seconds: that none falls into one of the outer quarters happens once in 10^24 runs.
  const long = delays.slice(6);
  expect(long).toHaveLength(200);
  expect(Math.min(...long)).toBeGreaterThanOrEqual(5_000);
  expect(Math.min(...long)).toBeLessThan(6_250);
  expect(Math.max(...long)).toBeGreaterThan(8_750);
  expect(Math.max(...long)).toBeLessThanOrEqual(10_000);
});

test.each([
  ["60", [60_000]],
  ["Sat, 21 Nov 2026 00:01:00 GMT", [60_000]],
  ["0", [250]],
  ["Sat, 21 Nov 2026 00:00:00 GMT", [250]],
  ["Fri, 20 Nov 2026 00:00:00 GMT", [250]],
  ["61", []],
  ["Sat, 21 Nov 2026 00:01:01 GMT", []],
])("Retry-After: %s makes these delays: %j", async (value, expected) => {
  const { client, delays } = open((_, count) =>
    count === 1 ? problem(503, "overloaded", { "retry-after": value }) : json({}),
  );
  await client.me.get().catch(() => {});
  expect(delays).toEqual(expected);
});

test("only a deletion is done when a retry finds nothing", async () => {
  const { client } = open((_, count) => (count === 1 ? lost() : problem(404, "not_found")));
  await expect(client.webhooks.get("1")).rejects.toMatchObject({ code: "not_found" });
});

test("a deletion that a retry finds refused, or still unanswered, is not done", async () => {
  const refused = open((_, count) => (count === 1 ? lost() : problem(403, "forbidden")));
  await expect(refused.client.webhooks.delete("1")).rejects.toMatchObject({ status: 403 });
  const unanswered = open(lost);
  await expect(unanswered.client.webhooks.delete("1")).rejects.toBeInstanceOf(ConnectionError);
});

test.each([
  [0, []],
  [250, [250]],
  [251, [250, 500]],
  [750, [250, 500]],
  [751, [250, 500, 1_000]],
])("a report with a patience of %d ms waits %j", async (reportPatienceMs, expected) => {
  const { client, delays } = open(lost, { reportPatienceMs });
  await client.runs.start({ workflow_id: "1", trigger: "manual" });
  expect(delays).toEqual(expected);
});

test("a report is repeated for 30 seconds unless told", async () => {
  for (const [retryAfter, expected] of [
    ["29", [29_000, 29_000]],
    ["30", [30_000]],
  ] as const) {
    const { client, delays } = open(() =>
      problem(503, "overloaded", { "retry-after": retryAfter }),
    );
    await client.runs.start({ workflow_id: "1", trigger: "manual" });
    expect(delays).toEqual(expected);
  }
});

test("what the service takes to answer counts as patience, too", async () => {
  let nowMs = Date.UTC(2026, 10, 21);
  const script = () => {
    nowMs += 20_000;
    return problem(503, "overloaded");
  };
  const { client, seen } = open(script, { now: () => nowMs });
  await client.runs.start({ workflow_id: "1", trigger: "manual" });
  expect(seen).toHaveLength(2);
});

test("an attempt is given 30 seconds unless told", async () => {
  const timeout = vi.spyOn(AbortSignal, "timeout");
  onTestFinished(() => timeout.mockRestore());
  const { client } = open(() => json({}));
  await client.me.get();
  expect(timeout.mock.calls).toEqual([[30_000]]);
});

test("a request whose caller has stopped already is not sent", async () => {
  const { client, seen } = open(() => json({}));
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(client.me.get({ signal })).rejects.toThrow("enough");
  expect(seen).toEqual([]);
});

test("a caller who stops between two attempts is not kept waiting, and nothing is sent again", async () => {
  const stop = new AbortController();
  const { client, seen } = open(lost, {
    delay: async (_ms, signal) => {
      stop.abort(new Error("enough"));
      signal?.throwIfAborted();
    },
  });
  await expect(client.me.get({ signal: stop.signal })).rejects.toThrow("enough");
  expect(seen).toHaveLength(1);
});

/** Time that passes when a test says so. */
function stopTimers() {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

test("a wait ends when its time has passed, and leaves no listener at the signal", async () => {
  stopTimers();
  const { signal } = new AbortController();
  let waited = 0;
  const waiting = Promise.all([
    wait(1_000, signal).then(() => waited++),
    wait(1_000).then(() => waited++),
  ]);
  await vi.advanceTimersByTimeAsync(999);
  expect(waited).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a wait that is stopped ends at once with the reason, and leaves no timer and no listener", async () => {
  stopTimers();
  const stop = new AbortController();
  const waiting = wait(1_000, stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  await expect(wait(1_000, stop.signal)).rejects.toThrow("enough");
  expect(vi.getTimerCount()).toBe(0);
});

test("a client waits for real unless told", async () => {
  stopTimers();
  const { client, seen } = open((_, count) => (count === 1 ? lost() : json({ id: "1" })), {
    delay: undefined,
  });
  const answer = client.me.get();
  await vi.advanceTimersByTimeAsync(249);
  expect(seen).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await answer).toEqual({ id: "1" });
});
