import { expect, onTestFinished, test, vi } from "vitest";
import { type GroupCommitOptions, openGroupCommit, type Settled } from "../../src/group-commit.ts";

type Batch = {
  items: number[];
  finish(settled?: Settled<number>[]): void;
  fail(error: unknown): void;
};

/** A group commit of numbers whose batches end when the test says so; a result is its item, doubled. */
function open(options: Partial<GroupCommitOptions<number, number>> = {}) {
  const batches: Batch[] = [];
  const commits = openGroupCommit<number, number>({
    lanes: 2,
    patienceMs: 0,
    batchMax: 3,
    weightMax: 1_000,
    waitingMax: 100,
    weigh: () => 1,
    mayBeOneItem: () => true,
    commit: (items) =>
      new Promise((resolve, reject) => {
        const doubled = items.map((item) => ({ result: item * 2 }));
        batches.push({ items, finish: (settled) => resolve(settled ?? doubled), fail: reject });
      }),
    ...options,
  });
  return { commits, batches };
}

/** Lets everything happen that can happen without an answer from a commit. */
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

test("an item that finds a free lane leaves alone and at once", async () => {
  const { commits, batches } = open();
  const result = commits.submit(1);
  await turn();
  expect(batches.map(({ items }) => items)).toEqual([[1]]);
  batches[0]?.finish();
  expect(await result).toBe(2);
});

test("items of one turn travel together, in their order; never more than lanes at once and batchMax in one", async () => {
  const { commits, batches } = open();
  const results = Promise.all(Array.from({ length: 10 }, (_, item) => commits.submit(item)));
  await turn();
  expect(batches.map(({ items }) => items)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
  expect(commits.waiting).toBe(4);
  for (let finished = 0; finished < 4; finished++) {
    batches[finished]?.finish();
    await turn();
  }
  expect(batches.map(({ items }) => items).slice(2)).toEqual([[6, 7, 8], [9]]);
  expect(await results).toEqual(Array.from({ length: 10 }, (_, item) => item * 2));
});

test("a batch ends before it becomes too heavy; one item always fits", async () => {
  const { commits, batches } = open({ lanes: 1, weightMax: 10, weigh: (item) => item });
  const results = Promise.all([50, 4, 6, 1].map((item) => commits.submit(item)));
  for (let finished = 0; finished < 3; finished++) {
    await turn();
    batches[finished]?.finish();
  }
  expect(await results).toEqual([100, 8, 12, 2]);
  expect(batches.map(({ items }) => items)).toEqual([[50], [4, 6], [1]]);
});

test("each item gets its own result or its own error", async () => {
  const { commits, batches } = open();
  const results = Promise.allSettled([commits.submit(1), commits.submit(2)]);
  await turn();
  batches[0]?.finish([{ error: new Error("yours alone") }, { result: 4 }]);
  expect(await results).toMatchObject([
    { reason: { message: "yours alone" } },
    { status: "fulfilled", value: 4 },
  ]);
});

test("a batch that fails because of one item is committed item by item: only that one fails", async () => {
  const { commits, batches } = open();
  const results = Promise.allSettled([1, 2, 3].map((item) => commits.submit(item)));
  await turn();
  batches[0]?.fail(new Error("one of you is poison"));
  for (const [index, poison] of [false, true, false].entries()) {
    await turn();
    const alone = batches[index + 1];
    expect(alone?.items).toEqual([index + 1]);
    if (poison) alone?.fail(new Error("it was this one"));
    else alone?.finish();
  }
  expect(await results).toMatchObject([
    { value: 2 },
    { reason: { message: "it was this one" } },
    { value: 6 },
  ]);
});

test("a batch that fails for no item's sake fails as a whole, once", async () => {
  const { commits, batches } = open({ mayBeOneItem: () => false });
  const results = Promise.allSettled([commits.submit(1), commits.submit(2)]);
  await turn();
  batches[0]?.fail(new Error("the database cannot be reached"));
  expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(batches).toHaveLength(1);

  const next = commits.submit(3);
  await turn();
  batches[1]?.finish();
  expect(await next).toBe(6);
});

test("a commit that loses an item says so to that item's caller", async () => {
  const { commits, batches } = open();
  const results = Promise.allSettled([commits.submit(1), commits.submit(2)]);
  await turn();
  batches[0]?.finish([{ result: 2 }]);
  expect(await results).toMatchObject([{ value: 2 }, { reason: { message: /lost an item/ } }]);
});

test("beyond waitingMax a caller is refused at once, and welcome again when there is room", async () => {
  const { commits, batches } = open({ lanes: 1, waitingMax: 2 });
  const first = commits.submit(1);
  await turn();
  const waiting = [commits.submit(2), commits.submit(3)];
  await expect(commits.submit(4)).rejects.toMatchObject({ code: "overloaded" });
  batches[0]?.finish();
  await first;
  await turn();
  const welcome = commits.submit(5);
  batches[1]?.finish();
  await turn();
  batches[2]?.finish();
  expect(await Promise.all([...waiting, welcome])).toEqual([4, 6, 10]);
});

test("idle waits for waiting and running items, and resolves at once when there are none", async () => {
  const { commits, batches } = open({ lanes: 1, batchMax: 1 });
  await commits.idle();
  let idle = false;
  const results = [commits.submit(1), commits.submit(2)];
  const waited = commits.idle().then(() => {
    idle = true;
  });
  await turn();
  batches[0]?.finish();
  await turn();
  expect(idle).toBe(false);
  batches[1]?.finish();
  await waited;
  await Promise.all(results);
});

test("items that are committed alone do not wait in vain one after the other", async () => {
  const { commits, batches } = open({ lanes: 1, waitedInVain: (error) => error === "held up" });
  const results = Promise.allSettled([1, 2, 3].map((item) => commits.submit(item)));
  await turn();
  batches[0]?.fail("held up");
  await turn();
  batches[1]?.finish();
  await turn();
  batches[2]?.fail("held up");
  expect((await results).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "rejected",
  ]);
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3], [1], [2]]);
});

/** Stops the clock; `advance` lets time pass. */
function stopTime(): (ms: number) => Promise<unknown> {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return (ms) => vi.advanceTimersByTimeAsync(ms);
}

/** Submits so many at once and finishes whatever leaves, and lets the window end by which their pace is known. */
async function keepPace(
  { commits, batches }: ReturnType<typeof open>,
  count: number,
  advance: (ms: number) => Promise<unknown>,
): Promise<void> {
  const results = Promise.all(Array.from({ length: count }, (_, item) => commits.submit(item)));
  for (let finished = 0; finished < batches.length || commits.waiting > 0; ) {
    await advance(10);
    while (finished < batches.length) batches[finished++]?.finish();
  }
  await results;
  await advance(250);
  batches.length = 0;
}

test("while a batch is on its way the next one waits for it, but no longer than there is patience", async () => {
  const advance = stopTime();
  const { commits, batches } = open({ patienceMs: 25 });
  const results = Promise.all([commits.submit(1)]);
  await advance(1);
  const later = Promise.all([commits.submit(2), commits.submit(3)]);
  await advance(20);
  expect(batches.map(({ items }) => items)).toEqual([[1]]);
  await advance(10);
  expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3]]);

  // When the first one comes back in time, the next leaves at once.
  for (const batch of batches) batch.finish();
  await Promise.all([results, later]);
  const soon = commits.submit(4);
  await advance(1);
  const next = commits.submit(5);
  await advance(1);
  batches[2]?.finish();
  await advance(1);
  expect(batches.map(({ items }) => items).slice(2)).toEqual([[4], [5]]);
  batches[3]?.finish();
  expect(await Promise.all([soon, next])).toEqual([8, 10]);
});

test("a batch that is full, by number or by weight, leaves beside the one on its way", async () => {
  const advance = stopTime();
  for (const full of [{ batchMax: 3 }, { weightMax: 3 }]) {
    const { commits, batches } = open({ patienceMs: 25, batchMax: 100, ...full });
    const results = [commits.submit(1)];
    await advance(1);
    results.push(commits.submit(2), commits.submit(3));
    await advance(1);
    expect(batches).toHaveLength(1);
    results.push(commits.submit(4));
    await advance(1);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    for (const batch of batches) batch.finish();
    await Promise.all(results);
  }
});

const gather = { fromPerSecond: 40, batchMin: 3, msMax: 5 };

test("while little comes in, an item that finds a free lane leaves at once although batches may gather", async () => {
  const advance = stopTime();
  const opened = open({ gather });
  await keepPace(opened, 3, advance);
  opened.commits.submit(1).catch(() => {});
  await advance(0);
  expect(opened.batches.map(({ items }) => items)).toEqual([[1]]);
});

test("while much comes in, a batch waits until it is worth a statement, and no longer than it may", async () => {
  const advance = stopTime();
  const opened = open({ gather, batchMax: 50 });
  await keepPace(opened, 20, advance);
  const { commits, batches } = opened;
  for (const item of [1, 2]) commits.submit(item).catch(() => {});
  await advance(4);
  expect(batches).toEqual([]);
  commits.submit(3).catch(() => {});
  await advance(0);
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);

  commits.submit(4).catch(() => {});
  await advance(4);
  expect(batches).toHaveLength(1);
  await advance(1);
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3], [4]]);
});
