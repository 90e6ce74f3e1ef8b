import { expect, test } from "vitest";
import { FactsRefused, Postrider } from "../src/index.ts";
import { json, problem, type Seen, scripted } from "./answers.ts";

type Told = { type: string; data: Record<string, unknown> };

const factsIn = (seen: readonly Seen[]): Told[] => seen.flatMap(({ body }) => body.facts);

const record = ({ body }: Seen) =>
  json({
    results: body.facts.map((_: unknown, index: number) => ({ index, status: "recorded" })),
  });

const workflow_id = "6b016ba04f1c2b7d9e0a1b2c";

test("a run reports its start, each step around its function, and its end", async () => {
  const { options, seen } = scripted(record);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  expect(run.id).toMatch(/^[0-9a-f]{24}$/);
  expect(await run.step("Find a slot", () => 42)).toBe(42);
  await run.step("Book", async () => ({ secret: 1 }), { output: () => "booked" });
  await run.complete({ ok: true });

  const steps = { run_id: run.id };
  expect(factsIn(seen)).toMatchObject([
    { type: "run.started", data: { _id: run.id, workflow_id, trigger: "manual" } },
    { type: "step.started", data: { ...steps, step_id: "0-find-a-slot", index: 0 } },
    { type: "step.completed", data: { ...steps, step_id: "0-find-a-slot", output: 42 } },
    { type: "step.started", data: { ...steps, step_id: "1-book", name: "Book", index: 1 } },
    { type: "step.completed", data: { ...steps, step_id: "1-book", output: "booked" } },
    { type: "run.updated", data: { run_id: run.id, status: "completed", output: { ok: true } } },
  ]);
});

test("a step that throws is reported as failed, without its stack, and throws the same", async () => {
  const { options, seen } = scripted(record);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const error = new RangeError("no slot");
  await expect(run.step("Find", () => Promise.reject(error))).rejects.toBe(error);
  await run.fail(error);
  const told = { name: "RangeError", message: "no slot" };
  expect(factsIn(seen).slice(2)).toMatchObject([
    { type: "step.failed", data: { error: told } },
    { type: "run.updated", data: { status: "failed", error: told } },
  ]);
});

test("the step's own error is thrown even when it cannot be reported", async () => {
  const { options } = scripted((one) =>
    one.body.facts[0].type === "step.failed" ? json({}, 422) : record(one),
  );
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const work = () => {
    throw new Error("mine");
  };
  await expect(run.step("Find", work)).rejects.toThrow("mine");
});

test("a call reports its status, messages, errors and end under its own id", async () => {
  const { options, seen } = scripted(record);
  const buffer = new Postrider(options).buffer();
  const call = await new Postrider(options).calls.start(
    { assistantId: workflow_id, callType: "phone", direction: "inbound" },
    { buffer },
  );
  expect(call.id).toMatch(/^CC-[0-9a-f-]{36}$/);
  await call.status("ongoing");
  await call.message("assistant", "Hello!", { messageId: "m1" });
  await call.error({ type: "llm_error", code: "timeout" });
  await call.end({ assistantCallDuration: 1000 });
  await call.flush();

  expect(factsIn(seen)).toMatchObject([
    { type: "call.created", data: { id: call.id } },
    { type: "call.status", data: { call_id: call.id, status: "ongoing" } },
    {
      type: "call.message",
      data: { messageId: "m1", role: "assistant", text: "Hello!" },
    },
    { type: "call.error", data: { type: "llm_error", code: "timeout" } },
    { type: "call.ended", data: { call_id: call.id, assistantCallDuration: 1000 } },
  ]);
});

/** A service that refuses facts of these types, and answers in another way while it is away. */
function service(
  refusedTypes: readonly string[],
  away: () => Response | undefined = () => undefined,
) {
  return scripted((one) => {
    const [fact] = one.body.facts;
    const error = { code: "reported_differently", detail: "The output differs." };
    const refused = refusedTypes.includes(fact.type);
    return (
      away() ??
      json({
        results: [
          refused ? { index: 0, status: "refused", error } : { index: 0, status: "recorded" },
        ],
      })
    );
  });
}

const allTypes = ["run.started", "step.started", "step.completed", "step.failed", "run.updated"];

test("a run whose every report is refused does its work, and flush throws the refusals once", async () => {
  const { options } = service(allTypes);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  expect(await run.step("Find a slot", () => 42)).toBe(42);
  const own = new Error("declined");
  await expect(run.step("Pay", () => Promise.reject(own))).rejects.toBe(own);
  await run.fail(own);

  const error = await run.flush().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FactsRefused);
  const types = (error as FactsRefused).refusals.map(({ fact }) => fact.type);
  expect(types).toEqual([
    ...["run.started", "step.started", "step.completed"],
    ...["step.started", "step.failed", "run.updated"],
  ]);
  await run.flush();
});

test("a call whose every report is refused goes on to its end, and flush throws the refusals once", async () => {
  const { options } = service(["call.created", "call.message", "call.ended"]);
  const call = await new Postrider(options).calls.start({
    assistantId: workflow_id,
    callType: "web",
    direction: "inbound",
  });
  await call.status("ongoing");
  await call.message("user", "Hi.");
  await call.end();
  await expect(call.flush()).rejects.toMatchObject({ refusals: [{}, {}, {}] });
  await call.flush();
});

test("a listener hears of each report that was not recorded, with its fact, and flush throws none of them", async () => {
  const told: [unknown, string | undefined][] = [];
  const onReportError = (error: unknown, fact?: { type: string }) =>
    void told.push([error, fact?.type]);
  const { options } = service(["step.completed"]);
  const client = new Postrider(options);
  const run = await client.runs.start({ workflow_id, trigger: "manual" }, { onReportError });
  expect(await run.step("Find", () => "other than before")).toBe("other than before");
  await run.flush();
  expect(told).toEqual([[expect.any(FactsRefused), "step.completed"]]);

  const ofClient = new Postrider({ ...options, onReportError });
  const call = await ofClient.runs.start({ workflow_id, trigger: "manual" });
  await call.step("Find", () => 1);
  expect(told).toHaveLength(2);
});

test("a listener that throws, at once or later, does not stop the work; flush throws its error", async () => {
  for (const onReportError of [
    () => {
      throw new Error("listener");
    },
    () => Promise.reject(new Error("listener")),
  ]) {
    const { options } = service(["step.started"]);
    const client = new Postrider(options);
    const run = await client.runs.start({ workflow_id, trigger: "manual" }, { onReportError });
    expect(await run.step("Find", () => 42)).toBe(42);
    await expect(run.flush()).rejects.toThrow("listener");
    await run.flush();
  }
});

test("what a step gives need not be JSON: the work is done, and the report that could not be made is told", async () => {
  const circle: { me?: unknown } = {};
  circle.me = circle;
  const { options, seen } = service([]);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  expect(await run.step("Count", () => 10n)).toBe(10n);
  expect(await run.step("Turn", () => circle)).toBe(circle);
  const output = () => {
    throw new Error("no output");
  };
  expect(await run.step("Print", () => 1, { output })).toBe(1);
  await run.complete(circle);
  await expect(run.flush()).rejects.toMatchObject({
    errors: [{}, {}, { message: "no output" }, {}],
  });
  expect(factsIn(seen).map(({ type }) => type)).toEqual([
    "run.started",
    ...Array(3).fill("step.started"),
  ]);
});

test("a step's end is reported after its start was acknowledged, however quick its work is", async () => {
  const gates: (() => void)[] = [];
  const { options, seen } = scripted(async (one) => {
    if (one.body.facts[0].type === "step.started") {
      await new Promise<void>((resolve) => gates.push(resolve));
    }
    return record(one);
  });
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const failing = run.step("Pay", () => Promise.reject(new Error("declined"))).catch(() => {});
  const step = run.step("Find", () => 42);
  // What is sent without waiting is sent by then.
  await new Promise((resolve) => setImmediate(resolve));
  expect(factsIn(seen).map(({ type }) => type)).toEqual([
    ...["run.started", "step.started", "step.started"],
  ]);
  for (const open of gates) open();
  expect(await step).toBe(42);
  await failing;
  expect(
    factsIn(seen)
      .map(({ type }) => type)
      .slice(3)
      .sort(),
  ).toEqual([...["step.completed", "step.failed"]]);
});

test("a step's work begins without waiting for the report of its start", async () => {
  const gates: (() => void)[] = [];
  const { options } = scripted(async (one) => {
    if (one.body.facts[0].type === "step.started") {
      await new Promise<void>((resolve) => gates.push(resolve));
    }
    return record(one);
  });
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const step = run.step("Find", () => {
    gates[0]?.();
    return "done";
  });
  expect(await step).toBe("done");
});

test.each([
  ["does not answer", () => Promise.reject(new TypeError("fetch failed")) as never],
  ["answers 502 by its proxy", () => new Response("<h1>Bad gateway</h1>", { status: 502 })],
  ["answers 503", () => problem(503, "storage_unavailable")],
  ["answers 504", () => new Response("", { status: 504 })],
  ["asks for patience", () => problem(429, "rate_limited", { "retry-after": "3" })],
  [
    "cannot take the fact just now",
    () => json({ results: [{ index: 0, status: "refused", error: { code: "overloaded" } }] }),
  ],
  ["answers with a page of its proxy", () => json({ maintenance: true })],
  ["answers without any results", () => json({ results: null })],
])(
  "a report is repeated for 30 seconds while the service %s, under one identity",
  async (_, answer) => {
    let waitedMs = 0;
    const { options, seen } = service([], () => (waitedMs < 29_000 ? answer() : undefined));
    options.delay = async (ms) => {
      waitedMs += ms;
    };
    const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
    await run.flush();
    expect(seen.length).toBeGreaterThan(3);
    expect(new Set(seen.map(({ body }) => body.facts[0].id)).size).toBe(1);
  },
);

test("a service that stays away costs the work its patience once, and each lost report is told", async () => {
  let away = true;
  const { options, delays } = service([], () => {
    if (away) throw new TypeError("fetch failed");
    return undefined;
  });
  const client = new Postrider(options);
  const run = await client.runs.start({ workflow_id, trigger: "manual" });
  const patience = delays.reduce((sum, ms) => sum + ms, 0);
  expect(patience).toBeGreaterThanOrEqual(30_000);
  expect(await run.step("Find", () => 42)).toBe(42);
  expect(delays.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(patience + 10_000);
  away = false;
  await run.complete();
  // It has been there again: the next outage is waited for anew.
  away = true;
  delays.length = 0;
  await run.pause();
  expect(delays.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(30_000);
  const error = await run.flush().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AggregateError);
  expect((error as AggregateError).errors).toHaveLength(4);
  expect((error as Error).message).toMatch(
    /^4 reports were not recorded; the first one: Postrider did not/,
  );
  await run.flush();
});

test("reports name themselves and need no Idempotency-Key, so that a half-done one blocks no repeat", async () => {
  const { options, seen } = service([]);
  const client = new Postrider(options);
  await client.runs.start({ workflow_id, trigger: "manual" });
  const buffer = client.buffer();
  await client.runs.start({ workflow_id, trigger: "manual" }, { buffer });
  await buffer.flush();
  expect(seen.map(({ headers }) => headers.get("idempotency-key"))).toEqual([null, null]);
  expect(seen.every(({ body }) => body.facts[0].id)).toBe(true);
});
