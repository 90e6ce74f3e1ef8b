import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type BufferOptions, type Fact, FactsRefused, Postrider } from "../src/index.ts";
import { json, problem, type Script, type Seen, scripted } from "./answers.ts";

const workflow = (name: string): Fact => ({ type: "workflow.created", data: { name } });
const namesIn = ({ body }: Seen): string[] =>
  body.facts.map(({ data }: { data: { name: string } }) => data.name);

/** Records every fact but those called `bad`. */
const judge = (seen: Seen) =>
  json({
    results: namesIn(seen).map((name, index) =>
      name === "bad"
        ? { index, status: "refused", id: null, error: { code: "id_taken", detail: "Taken." } }
        : { index, status: "recorded", id: "1" },
    ),
  });

const lost = (): never => {
  throw new TypeError("fetch failed");
};

/** Opens a buffer whose interval passes when `passInterval` is called; nothing else is waited for. */
function open(script: Script, options: BufferOptions = {}) {
  const service = scripted(script);
  const intervals: (() => void)[] = [];
  const delay = () => new Promise<void>((resolve) => intervals.push(resolve));
  const client = new Postrider({ ...service.options, delay, retriesMax: 0 });
  const passInterval = async () => {
    intervals.shift()?.();
    await turn();
  };
  return { ...service, intervals, passInterval, buffer: client.buffer(options) };
}

/** Says whether a promise is still open after everything that needs no service has happened. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  void promise
    .catch(() => {})
    .finally(() => {
      open = false;
    });
  await turn();
  return open;
}

test("facts of one interval go out together, and the next fact begins another interval", async () => {
  const { buffer, seen, intervals, passInterval } = open(judge);
  for (const name of ["a", "b", "c"]) await buffer.report(workflow(name));
  expect(intervals).toHaveLength(1);
  expect(seen).toEqual([]);
  await passInterval();
  await buffer.report(workflow("d"));
  expect(intervals).toHaveLength(1);
  await passInterval();
  await expect.poll(() => seen.map(namesIn)).toEqual([["a", "b", "c"], ["d"]]);
  expect(intervals).toEqual([]);
});

test("what an interval could not deliver goes out after the next one, without a report or a flush", async () => {
  const { buffer, seen, intervals, passInterval } = open((one, count) =>
    count < 3 ? lost() : judge(one),
  );
  await buffer.report(workflow("a"));
  for (let count = 1; count <= 3; count++) {
    await expect.poll(() => intervals.length).toBe(1);
    await passInterval();
    await expect.poll(() => seen.map(namesIn)).toEqual(Array(count).fill(["a"]));
  }
  expect(intervals).toEqual([]);
  await buffer.flush();
  expect(seen).toHaveLength(3);
});

test("a thousand facts go out at once, fewer wait for their interval", async () => {
  const { buffer, seen } = open(judge);
  for (let count = 0; count < 999; count++) await buffer.report(workflow("a"));
  await turn();
  expect(seen).toEqual([]);
  await buffer.report(workflow("a"));
  await expect.poll(() => seen.map((one) => namesIn(one).length)).toEqual([1_000]);
});

test("no batch has more than the thousand facts that the service takes", async () => {
  let answerFirst = () => {};
  const firstAnswer = new Promise<void>((resolve) => {
    answerFirst = resolve;
  });
  const { buffer, seen } = open(async (one) => {
    await firstAnswer;
    return judge(one);
  });
  await Promise.all(Array.from({ length: 2_001 }, () => buffer.report(workflow("a"))));
  answerFirst();
  await buffer.flush();
  expect(seen.map((one) => namesIn(one).length)).toEqual([1_000, 1_000, 1]);
});

test("a buffer holds 10,000 facts unless told, and the next report waits", async () => {
  const { buffer } = open(() => new Promise<Response>(() => {}));
  for (let count = 0; count < 10_000; count++) await buffer.report(workflow("a"));
  expect(await isOpen(buffer.report(workflow("b")))).toBe(true);
});

test("flush sends what was reported before it, also when nobody awaited the report", async () => {
  const { buffer, seen } = open(judge);
  void buffer.report(workflow("a"));
  void buffer.report(workflow("b"));
  await buffer.flush();
  expect(seen.flatMap(namesIn)).toEqual(["a", "b"]);
});

test("an empty buffer asks the service for nothing", async () => {
  const { buffer, seen } = open(judge);
  await buffer.flush();
  expect(seen).toEqual([]);
});

test("batches go out one at a time, whoever asks for them", async () => {
  const gates: (() => void)[] = [];
  const { buffer, seen } = open(async (one) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return judge(one);
  });
  await buffer.report(workflow("a"));
  const flushes = [buffer.flush(), buffer.flush()];
  await turn();
  await buffer.report(workflow("b"));
  flushes.push(buffer.flush());
  await turn();
  expect(seen.map(namesIn)).toEqual([["a"]]);
  gates[0]?.();
  await expect.poll(() => gates.length).toBe(2);
  gates[1]?.();
  await Promise.all(flushes);
  expect(seen.map(namesIn)).toEqual([["a"], ["b"]]);
});

test("a fact that is too large for a batch goes out by itself, and only it is refused", async () => {
  const large = "x".repeat(1_048_576);
  const { buffer, seen } = open((one) =>
    namesIn(one).includes(large) ? problem(413, "body_too_large") : judge(one),
  );
  for (const name of ["a", large, "b"]) await buffer.report(workflow(name));
  await expect(buffer.flush()).rejects.toMatchObject({
    refusals: [{ error: { code: "body_too_large" } }],
  });
  expect(seen.map(namesIn)).toEqual([["a"], [large], ["b"]]);
});

test.each([400, 413, 422])(
  "a request refused with %d is taken apart, wherever the fact is that spoils it",
  async (status) => {
    for (const names of [["bad"], ["bad", "a"], ["a", "bad"], ["a", "b", "bad", "c", "d"]]) {
      const { buffer, seen } = open((one) =>
        namesIn(one).includes("bad") ? problem(status, "invalid_request") : judge(one),
      );
      for (const name of names) await buffer.report(workflow(name));
      const error = await buffer.flush().catch((thrown: unknown) => thrown);
      expect((error as FactsRefused).refusals).toMatchObject([
        { fact: { data: { name: "bad" } }, error: { status, code: "invalid_request" } },
      ]);
      const recorded = seen.filter((one) => !namesIn(one).includes("bad")).flatMap(namesIn);
      expect(recorded).toEqual(names.filter((name) => name !== "bad"));
    }
  },
);

test.each([401, 403, 404, 409, 429, 500, 503])(
  "a request that %d answers says nothing about its facts: they stay",
  async (status) => {
    const { buffer, seen } = open((one, count) =>
      count === 1 ? problem(status, "overloaded") : judge(one),
    );
    for (const name of ["a", "b"]) await buffer.report(workflow(name));
    await expect(buffer.flush()).rejects.toMatchObject({ status });
    await buffer.flush();
    expect(seen.map(namesIn)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  },
);

test.each(["overloaded", "storage_unavailable", "query_too_slow", "internal_error"])(
  "facts of which one could not be taken just now (%s) stay, all of them",
  async (code) => {
    const { buffer, seen } = open((one, count) =>
      count === 1
        ? json({
            results: [
              { index: 0, status: "recorded" },
              { index: 1, status: "refused", error: { code } },
            ],
          })
        : judge(one),
    );
    for (const name of ["a", "b"]) await buffer.report(workflow(name));
    await expect(buffer.flush()).rejects.toMatchObject({ name: "ApiError", status: 503, code });
    await buffer.flush();
    expect(seen.map(namesIn)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  },
);

test("an answer that does not say what became of the facts counts as none: they stay", async () => {
  for (const body of [{ maintenance: true }, { results: null }, { results: {} }]) {
    const { buffer, seen } = open((one, count) => (count === 1 ? json(body) : judge(one)));
    await buffer.report(workflow("a"));
    await expect(buffer.flush()).rejects.toMatchObject({
      ...{ name: "ApiError", status: 502, code: "unexpected_answer" },
      detail: "The answer does not say what became of the facts.",
    });
    await buffer.flush();
    expect(seen.map(namesIn)).toEqual([["a"], ["a"]]);
  }
});

test("a refusal without a reason is one, and what it names beyond the facts is not", async () => {
  const results = [0, 1].map((index) => ({ index, status: "refused" }));
  const { buffer } = open(() => json({ results }));
  await buffer.report(workflow("a"));
  const error = await buffer.flush().catch((thrown: unknown) => thrown);
  expect((error as FactsRefused).refusals).toMatchObject([
    { fact: { data: { name: "a" } }, error: { code: "unexpected_answer" } },
  ]);
  expect((error as Error).message).toBe(
    "workflow.created was refused: unexpected_answer: No reason was given.",
  );
});

const namesOf = (error: unknown) =>
  (error as FactsRefused).refusals.map(({ fact }) => (fact.data as { name: string }).name);
const flushed = (buffer: { flush(): Promise<void> }) =>
  buffer.flush().then(
    () => [],
    (error: unknown) => (error instanceof FactsRefused ? namesOf(error) : [String(error)]),
  );

test("a refusal that no flush was on for is told by the next one, once, and so is that of later", async () => {
  const { buffer, passInterval } = open(judge);
  for (let round = 0; round < 2; round++) {
    await buffer.report(workflow("bad"));
    await passInterval();
    expect(await flushed(buffer)).toEqual(["bad"]);
    expect(await flushed(buffer)).toEqual([]);
  }
});

test("every flush that is on hears of a refusal, and none that comes later", async () => {
  const { buffer } = open(judge);
  await buffer.report(workflow("bad"));
  expect(await Promise.all([flushed(buffer), flushed(buffer)])).toEqual([["bad"], ["bad"]]);
  expect(await flushed(buffer)).toEqual([]);
});

test("a flush that fails keeps the refusals that it has heard of for the next one", async () => {
  const { buffer } = open((one, count) => (count === 2 ? lost() : judge(one)), { maxFacts: 5_000 });
  await Promise.all(
    ["bad", ...Array(1_000).fill("a")].map((name) => buffer.report(workflow(name))),
  );
  expect(await flushed(buffer)).toEqual(["ConnectionError: Postrider did not answer."]);
  expect(await flushed(buffer)).toEqual(["bad"]);
});

test("an error of several refusals names the first one and counts the others", async () => {
  for (const [count, others] of [
    [2, " (and 1 more)"],
    [3, " (and 2 more)"],
  ] as const) {
    const { buffer } = open(judge);
    for (let n = 0; n < count; n++) await buffer.report(workflow("bad"));
    await expect(buffer.flush()).rejects.toThrow(
      new RegExp(
        `^workflow.created was refused: id_taken: Taken\\.${others.replace(/[()]/g, "\\$&")}$`,
      ),
    );
  }
});
