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

function open(script: Script, options: BufferOptions = {}) {
  const service = scripted(script);
  // The interval never passes by itself: what is sent was flushed, or had no room.
  const delay = (ms: number) => (ms === 5_000 ? new Promise<void>(() => {}) : Promise.resolve());
  const client = new Postrider({ ...service.options, delay, retriesMax: 1 });
  return { ...service, buffer: client.buffer({ flushIntervalMs: 5_000, ...options }) };
}

test("flush sends what was reported, in order, in batches, and each fact has an identity", async () => {
  const { buffer, seen } = open(judge, { maxFacts: 5_000 });
  const names = Array.from({ length: 2_300 }, (_, i) => String(i));
  for (const name of names) await buffer.report(workflow(name));
  await buffer.flush();
  expect(seen.flatMap(namesIn)).toEqual(names);
  expect(Math.max(...seen.map((one) => namesIn(one).length))).toBe(1_000);
  const ids = seen.flatMap(({ body }) => body.facts.map(({ id }: { id: string }) => id));
  expect(new Set(ids).size).toBe(names.length);
});

test("after the interval facts are sent without a flush", async () => {
  const service = scripted(judge);
  const buffer = new Postrider(service.options).buffer();
  await buffer.report(workflow("a"));
  await expect.poll(() => service.seen.flatMap(namesIn)).toEqual(["a"]);
  expect(service.delays).toEqual([1_000]);
});

test("a full buffer makes report wait until there is room, and keeps the order", async () => {
  const gates: (() => void)[] = [];
  const { buffer, seen } = open(
    async (one) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return judge(one);
    },
    { maxFacts: 2 },
  );
  await buffer.report(workflow("a"));
  await buffer.report(workflow("b"));
  let taken = 0;
  for (const name of ["c", "d", "e"]) void buffer.report(workflow(name)).then(() => taken++);
  await expect.poll(() => gates.length).toBe(1);
  expect(taken).toBe(0);
  const flushed = buffer.flush();
  for (let opened = 0; opened < 3; opened++) {
    await expect.poll(() => gates.length).toBeGreaterThan(opened);
    gates[opened]?.();
  }
  await flushed;
  expect(taken).toBe(3);
  expect(seen.flatMap(namesIn)).toEqual(["a", "b", "c", "d", "e"]);
});

test("what could not be delivered stays and goes out with the same identities at the next flush", async () => {
  let up = false;
  const { buffer, seen } = open((one) => {
    if (up) return judge(one);
    throw new TypeError("fetch failed");
  });
  await buffer.report(workflow("a"));
  await expect(buffer.flush()).rejects.toThrow("did not answer");
  up = true;
  await buffer.report(workflow("b"));
  await buffer.flush();
  expect(seen.map(namesIn)).toEqual([["a"], ["a"], ["a", "b"]]);
  expect(seen[2]?.body.facts[0].id).toBe(seen[0]?.body.facts[0].id);
});

test("a full buffer whose service is away refuses a report instead of dropping or waiting for ever", async () => {
  const { buffer } = open(() => problem(503, "storage_unavailable"), { maxFacts: 1 });
  await buffer.report(workflow("a"));
  await expect(buffer.report(workflow("b"))).rejects.toMatchObject({ code: "storage_unavailable" });
});

test("flush names what was refused, once, and the rest has arrived", async () => {
  const { buffer, seen } = open(judge);
  for (const name of ["a", "bad", "c"]) await buffer.report(workflow(name));
  const error = await buffer.flush().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FactsRefused);
  expect((error as FactsRefused).refusals).toMatchObject([
    { fact: { data: { name: "bad" } }, error: { code: "id_taken" } },
  ]);
  expect((error as Error).message).toBe("workflow.created was refused: id_taken: Taken.");
  await buffer.flush();
  expect(seen).toHaveLength(1);
});

test("a fact that spoils the whole request is found; the others arrive in order", async () => {
  const { buffer, seen } = open((one) =>
    namesIn(one).includes("bad") ? problem(422, "invalid_request") : judge(one),
  );
  for (const name of ["a", "b", "bad", "d"]) await buffer.report(workflow(name));
  await expect(buffer.flush()).rejects.toMatchObject({
    refusals: [{ fact: { data: { name: "bad" } }, error: { code: "invalid_request" } }],
  });
  expect(seen.filter((one) => !namesIn(one).includes("bad")).flatMap(namesIn)).toEqual([
    "a",
    "b",
    "d",
  ]);
});

test("a fact that the service could not take just now is sent again, not refused", async () => {
  const { buffer, seen } = open((one, count) =>
    count === 1
      ? json({
          results: [{ index: 0, status: "refused", id: null, error: { code: "overloaded" } }],
        })
      : judge(one),
  );
  await buffer.report(workflow("a"));
  await expect(buffer.flush()).rejects.toMatchObject({ code: "overloaded" });
  await buffer.flush();
  expect(seen.map(namesIn)).toEqual([["a"], ["a"]]);
});

test("a fact is what it was when it was reported", async () => {
  const { buffer, seen } = open(judge);
  const data = { name: "before" };
  await buffer.report({ type: "workflow.created", data });
  data.name = "after";
  await buffer.flush();
  expect(seen.flatMap(namesIn)).toEqual(["before"]);
});

test("a listener hears of each refused fact at once, and flush throws none of them", async () => {
  const told: string[] = [];
  const onReportError = (error: unknown, fact?: Fact) =>
    told.push(`${(error as FactsRefused).refusals.length} ${JSON.stringify(fact?.data)}`);
  const { buffer, seen } = open(judge, { onReportError });
  for (const name of ["a", "bad", "c", "bad"]) await buffer.report(workflow(name));
  await buffer.flush();
  expect(told).toEqual(['1 {"name":"bad"}', '1 {"name":"bad"}']);
  expect(seen).toHaveLength(1);
});

test("a report that throws because too many refusals were told nobody has taken its own fact", async () => {
  const { buffer, seen } = open(judge, { maxFacts: 1 });
  await buffer.report(workflow("bad"));
  const error = await buffer.report(workflow("mine")).catch((thrown: unknown) => thrown);
  expect((error as FactsRefused).refusals).toMatchObject([{ fact: { data: { name: "bad" } } }]);
  await buffer.flush();
  expect(seen.flatMap(namesIn)).toEqual(["bad", "mine"]);
});

test("a batch of text beyond ASCII stays within the service's 1 MiB, and nothing is left behind", async () => {
  // Of three bytes a character: 900,000 characters would be one batch if only they were counted.
  const name = "€".repeat(3_000);
  const { buffer, seen } = open(judge, { maxFacts: 1_000 });
  for (let count = 0; count < 300; count++) await buffer.report(workflow(name));
  await buffer.flush();
  expect(seen.flatMap(namesIn)).toHaveLength(300);
  const sizes = seen.map(({ body }) => Buffer.byteLength(JSON.stringify(body)));
  expect(sizes.length).toBe(3);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_048_576);
});
