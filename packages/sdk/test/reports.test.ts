import { expect, test } from "vitest";
import { type FactsRefused, Postrider } from "../src/index.ts";
import { newObjectId } from "../src/object-id.ts";
import { json, problem, type Script, type Seen, scripted } from "./answers.ts";

type Told = { type: string; occurred_at: string; data: Record<string, unknown> };

const factsIn = (seen: readonly Seen[]): Told[] => seen.flatMap(({ body }) => body.facts);

const record = ({ body }: Seen) =>
  json({
    results: body.facts.map((_: unknown, index: number) => ({ index, status: "recorded" })),
  });

const refuse = ({ body }: Seen) =>
  json({
    results: body.facts.map((_: unknown, index: number) => ({
      index,
      ...{ status: "refused", error: { code: "id_taken", detail: "Taken." } },
    })),
  });

const workflow_id = "6b016ba04f1c2b7d9e0a1b2c";
const start = { workflow_id, trigger: "manual" } as const;
const now = "2026-11-21T00:00:00.000Z";

async function startRun(script: Script = record) {
  const service = scripted(script);
  const client = new Postrider(service.options);
  return { ...service, client, run: await client.runs.start(start) };
}

test("each of a run's changes reports the status that it is called after, and when", async () => {
  const { run, seen } = await startRun();
  await run.pause();
  await run.resume();
  await run.cancel();
  await run.complete();
  await run.complete("output");
  await run.complete(null, { name: "Ada" });
  await run.fail("declined");
  await run.fail(undefined);
  const run_id = run.id;
  expect(factsIn(seen).slice(1)).toMatchObject(
    [
      { run_id, status: "paused" },
      { run_id, status: "running" },
      { run_id, status: "cancelled" },
      { run_id, status: "completed" },
      { run_id, status: "completed", output: "output" },
      { run_id, status: "completed", output: null, collected_information: { name: "Ada" } },
      { run_id, status: "failed", error: "declined" },
      { run_id, status: "failed", error: null },
    ].map((data) => ({ type: "run.updated", occurred_at: now, data })),
  );
  // What was not told is not reported as nothing: it stays what it was.
  expect(factsIn(seen)[4]?.data).toEqual({ run_id, status: "completed" });
});

test("a run begins under its own id and at its own time where these are told", async () => {
  const { client, seen } = await startRun();
  const [_id, occurred_at] = ["6b0172a84f1c2b7d9e0a1b2d", "2026-11-20T00:00:00.000Z"];
  expect((await client.runs.start({ ...start, _id, occurred_at })).id).toBe(_id);
  expect(factsIn(seen)).toMatchObject([
    { type: "run.started", occurred_at: now },
    { type: "run.started", occurred_at, data: { _id } },
  ]);
});

test("an id that is made sorts by its second, and is never made twice", () => {
  expect(newObjectId(0)).toMatch(/^00000000[0-9a-f]{16}$/);
  expect(newObjectId(1_999)).toMatch(/^00000001[0-9a-f]{16}$/);
  expect(newObjectId(Date.UTC(2026, 10, 21))).toMatch(/^6b[0-9a-f]{22}$/);
  // A byte of one digit is one of two as well: in 100 ids there are about 50.
  const ids = Array.from({ length: 100 }, () => newObjectId(0));
  for (const id of ids) expect(id).toHaveLength(24);
  expect(new Set(ids).size).toBe(100);
});

test.each([
  ["Find a slot", "0-find-a-slot"],
  ["  Pay: 10 € (now)  ", "0-pay-10-now"],
  ["支払い", "0"],
  ["", "0"],
  ["a".repeat(100), `0-${"a".repeat(100)}`],
  ["a".repeat(101), `0-${"a".repeat(100)}`],
])("a step called %j has an id made of its index and name", async (name, id) => {
  const { run, seen } = await startRun();
  await run.step(name, () => 1);
  expect(factsIn(seen).slice(1)).toMatchObject(
    ["started", "completed"].map((end) => ({
      ...{ type: `step.${end}`, occurred_at: now },
      data: { run_id: run.id, step_id: id, name, index: 0 },
    })),
  );
});

test("a step has the id that it is given, and counts", async () => {
  const { run, seen } = await startRun();
  await run.step("Find", () => 1, { id: "mine" });
  await run.step("Pay", () => 1);
  const ids = factsIn(seen).map(({ data }) => data.step_id);
  expect(ids.slice(1)).toEqual(["mine", "mine", "1-pay", "1-pay"]);
});

test("a step that gives nothing, or throws nothing, is reported with null", async () => {
  const { run, seen } = await startRun();
  expect(await run.step("Find", () => undefined)).toBeUndefined();
  const thrown = await run.step("Pay", () => Promise.reject()).catch((error: unknown) => [error]);
  expect(thrown).toEqual([undefined]);
  await run.step("Book", () => Promise.reject("no room")).catch(() => {});
  const ends = factsIn(seen).filter(({ type }) => /^step\.(?:completed|failed)$/.test(type));
  expect(ends.map(({ data }) => [data.output, data.error])).toEqual([
    [null, undefined],
    [undefined, null],
    [undefined, "no room"],
  ]);
});

test("a call is named after its kind, or as it is told, and its reports have their own times", async () => {
  const { client, seen } = await startRun();
  const body = { assistantId: workflow_id, direction: "inbound" } as const;
  expect((await client.calls.start({ ...body, callType: "web" })).id).toMatch(/^WC-/);
  expect((await client.calls.start({ ...body, callType: "phone" })).id).toMatch(/^CC-/);
  const occurredAt = "2026-11-20T00:00:00.000Z";
  const told = { ...body, id: "mine", callType: "web", occurredAt } as const;
  const call = await client.calls.start(told);
  expect(call.id).toBe("mine");
  await call.status("ongoing");
  await call.status("ongoing", { occurredAt });
  await call.message("user", "Hi.", { occurredAt });
  await call.error({ type: "llm_error", occurredAt });
  await call.end({ occurredAt });
  await call.end();
  expect(factsIn(seen).slice(3)).toMatchObject([
    { type: "call.created", occurred_at: occurredAt, data: { id: "mine" } },
    { type: "call.status", occurred_at: now, data: { call_id: "mine", status: "ongoing" } },
    { type: "call.status", occurred_at: occurredAt },
    { type: "call.message", occurred_at: occurredAt, data: { call_id: "mine", text: "Hi." } },
    { type: "call.error", occurred_at: occurredAt, data: { call_id: "mine" } },
    { type: "call.ended", occurred_at: occurredAt, data: { call_id: "mine" } },
    { type: "call.ended", occurred_at: now },
  ]);
});

/** What a flush throws. */
const thrownBy = (reporter: { flush(): Promise<void> }): Promise<unknown> =>
  reporter.flush().then(
    () => "nothing",
    (error: unknown) => error,
  );

test("flush throws the only error as it is, several refusals as one, and others with their number", async () => {
  const alone = await startRun((one) => refuse(one));
  expect(await thrownBy(alone.run)).toMatchObject({ name: "FactsRefused", refusals: [{}] });
  expect(await thrownBy(alone.run)).toBe("nothing");

  await alone.run.pause();
  await alone.run.resume();
  const both = await thrownBy(alone.run);
  expect(both).toMatchObject({ name: "FactsRefused", refusals: [{}, {}] });

  const one = await startRun(() => problem(401, "unauthorized"));
  expect(await thrownBy(one.run)).toMatchObject({ name: "ApiError", status: 401 });

  const mixed = await startRun((one, count) =>
    count === 1 ? problem(401, "unauthorized") : refuse(one),
  );
  await mixed.run.pause();
  expect(await thrownBy(mixed.run)).toMatchObject({
    ...{ name: "AggregateError", errors: [{ status: 401 }, { name: "FactsRefused" }] },
    message: "2 reports were not recorded; the first one: unauthorized: It is unauthorized.",
  });
});

test("of more than 1,000 errors a flush gives 1,000, and the number of all", async () => {
  for (const count of [1_000, 1_001]) {
    const { run } = await startRun(refuse);
    for (let n = 1; n < count; n++) await run.pause();
    const error = await thrownBy(run);
    if (count === 1_000) expect((error as FactsRefused).refusals).toHaveLength(1_000);
    else expect((error as AggregateError).errors).toHaveLength(1_000);
    expect((error as Error).message).toMatch(
      count === 1_000 ? "(and 999 more)" : /^1001 reports were not recorded; the first one: run\./,
    );
    expect(await thrownBy(run)).toBe("nothing");
  }
});

test("what a listener throws need not be an Error", async () => {
  const { options } = scripted(refuse);
  const onReportError = () => Promise.reject("no room");
  const run = await new Postrider(options).runs.start(start, { onReportError });
  await run.pause();
  expect(await thrownBy(run)).toMatchObject({
    ...{ name: "AggregateError", errors: ["no room", "no room"] },
    message: "2 reports were not recorded; the first one: no room",
  });
});

test("the flush of a run throws what its buffer could not deliver, and delivers it later", async () => {
  const { options, seen } = scripted((one, count) =>
    count === 1 ? problem(503, "overloaded") : record(one),
  );
  const client = new Postrider({ ...options, retriesMax: 0, delay: () => new Promise(() => {}) });
  const told: unknown[] = [];
  const onReportError = (error: unknown) => told.push(error);
  const run = await client.runs.start(start, { buffer: client.buffer(), onReportError });
  expect(await thrownBy(run)).toMatchObject({ name: "ApiError", status: 503 });
  expect(await thrownBy(run)).toBe("nothing");
  expect(told).toEqual([]);
  expect(seen).toHaveLength(2);
});

test("the flush of a run tells its listener what its buffer had refused, and throws none of it", async () => {
  const { options } = scripted(refuse);
  const client = new Postrider({ ...options, delay: () => new Promise(() => {}) });
  const told: unknown[] = [];
  const onReportError = (error: unknown) => told.push(error);
  const run = await client.runs.start(start, { buffer: client.buffer(), onReportError });
  expect(await thrownBy(run)).toBe("nothing");
  expect(told).toMatchObject([{ name: "FactsRefused", refusals: [{}] }]);
});

test("a client's listener hears of its buffers and runs, unless these have their own", async () => {
  const { options } = scripted(refuse);
  const told: string[] = [];
  const by = (name: string) => () => void told.push(name);
  const client = new Postrider({ ...options, onReportError: by("client") });
  await client.runs.start(start);
  await client.runs.start(start, { onReportError: by("run") });
  for (const own of [undefined, { onReportError: by("buffer") }]) {
    const buffer = client.buffer(own);
    await client.runs.start(start, { buffer });
    await buffer.flush();
  }
  expect(told).toEqual(["client", "run", "client", "buffer"]);
});

test("a refusal is no absence: the outage after it is waited for in full, and the next report less", async () => {
  let away = false;
  const { options, delays } = scripted((one) => {
    if (away) throw new TypeError("fetch failed");
    return refuse(one);
  });
  const run = await new Postrider({ ...options, reportPatienceMs: 10_000 }).runs.start(start);
  away = true;
  await run.pause();
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000]);
  delays.length = 0;
  await run.pause();
  expect(delays).toEqual([250, 500, 1_000, 2_000]);
});

test("an outage never makes a short patience longer", async () => {
  const { options, delays } = scripted(() => {
    throw new TypeError("fetch failed");
  });
  const run = await new Postrider({ ...options, reportPatienceMs: 250 }).runs.start(start);
  await run.pause();
  expect(delays).toEqual([250, 250]);
});
