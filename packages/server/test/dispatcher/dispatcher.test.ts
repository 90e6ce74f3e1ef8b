import { expect, test, vi } from "vitest";
import { claimMax } from "../../src/dispatcher/claiming.ts";
import { heldAtPace } from "../../src/dispatcher/slots.ts";
import { newId } from "../../src/ids.ts";
import { openClaimTable } from "../support/claim-table.ts";
import { openDispatcherWorld } from "../support/dispatcher-world.ts";
import { leasedDelivery } from "../support/leased.ts";

vi.mock(
  "../../src/db/claims.ts",
  async () => (await import("../support/claim-table.ts")).claimsOfTable,
);
vi.mock(
  "../../src/db/due-walk.ts",
  async () => (await import("../support/claim-table.ts")).walkOfTable,
);

test("a receiver that falls silent while its results are committed leaves every share as it was", async () => {
  const world = openDispatcherWorld();
  const { dispatcher } = world;
  const untouched = world.countSlots();
  await world.prove("a");
  // Ten are answered, and an eleventh hangs. The first one's end makes the dispatcher look around.
  await world.take("a", 1, { crashCount: 2 });
  await world.take("a", 10);
  for (const request of world.requests.splice(0, 10)) request.answer();
  await world.pass();
  expect([dispatcher.inFlight, dispatcher.held, world.results.length]).toEqual([1, 11, 10]);
  // After more than a second their results are committed together: it finds the eleventh silent.
  await world.pass(1_500);
  await world.commitAll();
  await world.answerAll();
  await world.commitAll();
  expect([dispatcher.inFlight, dispatcher.held]).toEqual([0, 0]);
  expect(world.countSlots()).toBe(untouched);
});

test("it claims what is due from its start on, and sends it", async () => {
  const { dispatcher, requests, pass } = openDispatcherWorld([{ subscriptionId: "a" }]);
  expect(dispatcher.sincePollMs()).toBeUndefined();
  dispatcher.start();
  await pass();
  expect(requests.map(({ to }) => to)).toEqual(["a"]);
  expect([dispatcher.sincePollMs(), dispatcher.inFlight, dispatcher.held]).toEqual([0, 1, 1]);
});

test("a slot is free when the receiver has answered, a place in memory when that is written", async () => {
  const world = openDispatcherWorld([], { concurrency: 1 });
  const { dispatcher } = world;
  await world.take("a");
  await world.answerAll();
  expect([dispatcher.inFlight, dispatcher.held]).toEqual([0, 1]);
  await world.take("b");
  expect([world.requests.length, world.countSlots()]).toEqual([1, 0]);
  await world.commitAll();
  expect([dispatcher.inFlight, dispatcher.held]).toEqual([1, 1]);
});

test.each(["answer", "break"] as const)(
  "what waits for a slot begins when the attempt of another lane is over: %s",
  async (end) => {
    const world = openDispatcherWorld([], { concurrency: 1 });
    await world.take("a");
    await world.take("b");
    expect(world.requests.map(({ to }) => to)).toEqual(["a"]);
    world.requests.splice(0)[0]?.[end]();
    await world.pass();
    expect(world.requests.map(({ to }) => to)).toEqual(["b"]);
    await world.answerAll();
    await world.commitAll();
    expect(world.dispatcher.held).toBe(0);
  },
);

test("until its receiver has answered a lane sends one after the other, then as many as it has slots", async () => {
  const world = openDispatcherWorld([], { subscriptionConcurrency: 5 });
  expect(await world.take("a", 5)).toBe(2);
  expect(world.requests).toHaveLength(1);
  await world.answerAll();
  expect(world.requests).toHaveLength(1);
  await world.answerAll();
  await world.commitAll();
  expect(await world.take("a", 20)).toBe(10);
  expect(world.requests).toHaveLength(5);
});

test("a hot lease ends when its delivery is written or given back, and not when it is lost or late", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  world.dispatcher.wake();
  await world.pass();
  const { pass, take, requests, results } = world;
  const outcomes: Record<string, () => void | Promise<void>> = {
    written: () => results.splice(0)[0]?.commit(),
    late: () => results.splice(0)[0]?.commit(false),
    unwritten: () => results.splice(0)[0]?.fail(),
  };
  for (const [leaseToken, end] of Object.entries(outcomes)) {
    await take("a", 1, { leaseToken });
    await world.answerAll();
    await end();
    await pass();
  }
  await take("a", 1, { leaseToken: "broken" });
  requests.splice(0)[0]?.break();
  world.inactive.add("b");
  await take("b", 1, { leaseToken: "given back" });
  expect([world.dispatcher.inFlight, world.dispatcher.held]).toEqual([0, 0]);
  expect(world.errors).toEqual(Array(2).fill("an attempt could not be finished"));
  expect(world.released).toMatchObject([{ leaseToken: "given back" }]);
  const before = world.walks.length;
  world.dispatcher.wake();
  await pass();
  expect(world.walks.slice(before).flat()).toEqual(["written", "given back"]);
});

test("an attempt that might outlive its lease by the time its turn comes is given back, not begun", async () => {
  for (const [waitMs, begins] of [
    [10_000, true],
    [10_001, false],
  ] as const) {
    const world = openDispatcherWorld([], { concurrency: 1 });
    await world.take("a");
    await world.take("b", 1, { leaseMs: 26_000 });
    await world.pass(waitMs);
    await world.answerAll();
    expect([world.requests.length, world.released.length]).toEqual(begins ? [1, 0] : [0, 1]);
  }
});

test("a receiver that wants quiet gets no request meanwhile: what waits is given back, and nothing more is taken", async () => {
  const world = openDispatcherWorld();
  await world.take("a", 2);
  await world.answerAll(429, 5, "60");
  await world.commitAll();
  expect([world.requests.length, world.released.length, world.dispatcher.held]).toEqual([0, 1, 0]);
  expect(world.reserve("a")).toBe(false);
  // A shorter time that another answer asks for does not end the longer one.
  await world.pass(59_999);
  expect(world.reserve("a")).toBe(false);
  await world.pass(1);
  expect(world.reserve("a")).toBe(true);
});

test("the longest quiet that was asked for counts", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  await world.take("a", 2);
  const [first, second] = world.requests.splice(0);
  first?.answer(429, 5, "60");
  await world.pass();
  second?.answer(429, 5, "10");
  await world.pass();
  await world.commitAll();
  await world.pass(59_999);
  expect(world.reserve("a")).toBe(false);
});

test("what was reserved before a receiver wanted quiet is given back when it comes", async () => {
  const world = openDispatcherWorld();
  await world.take("a");
  world.reserve("a");
  await world.answerAll(429, 5, "60");
  world.dispatcher.hotPath.accept([leasedDelivery({ subscriptionId: "a" })], performance.now());
  await world.pass();
  expect([world.requests.length, world.released.length]).toEqual([0, 1]);
});

test("a receiver that wants quiet is asked again when a person wants it so, and only that one", async () => {
  const world = openDispatcherWorld();
  for (const id of ["a", "b"]) {
    await world.take(id);
    await world.answerAll(429, 5, "60");
    await world.commitAll();
  }
  world.dispatcher.wake();
  await world.pass();
  expect([world.reserve("a"), world.reserve("b")]).toEqual([false, false]);
  world.dispatcher.wake("unknown");
  world.dispatcher.wake("a");
  await world.pass();
  expect([world.reserve("a"), world.reserve("b")]).toEqual([true, false]);
});

test("a lease that cannot be given back runs out, and nothing else stops", async () => {
  const world = openDispatcherWorld();
  await world.take("a", 2, { leaseToken: "kept" });
  world.recorder.releaseFails = true;
  await world.answerAll(429, 5, "60");
  await world.commitAll();
  expect(world.errors).toEqual(["a lease could not be given back"]);
  world.dispatcher.wake();
  await world.pass();
  expect([world.walks.flat(), world.dispatcher.held]).toEqual([[], 0]);
});

test("closing gives back what waits, waits for what is on the wire until that is written, and takes nothing more", async () => {
  const world = openDispatcherWorld([{ subscriptionId: "b" }]);
  await world.take("a", 2);
  let closed = false;
  const closing = world.dispatcher.close().then(() => {
    closed = true;
  });
  await world.pass();
  expect([world.released.length, world.dispatcher.held, closed]).toEqual([1, 1, false]);
  expect(world.reserve(newId())).toBe(false);
  await world.answerAll();
  expect(closed).toBe(false);
  await world.commitAll();
  await closing;
  world.dispatcher.start();
  await world.pass(5_000);
  expect([world.requests.length, world.walks.length]).toEqual([0, 0]);
});

test("closing waits until the recorder has written all that it was given", async () => {
  const world = openDispatcherWorld();
  let written = () => {};
  world.recorder.idle = new Promise((resolve) => {
    written = resolve;
  });
  let closed = false;
  const closing = world.dispatcher.close().then(() => {
    closed = true;
  });
  await world.pass();
  expect(closed).toBe(false);
  written();
  await closing;
});

test("closing resolves at once when nothing is on the wire", async () => {
  const world = openDispatcherWorld();
  world.reserve("a");
  await world.dispatcher.close();
  expect(world.dispatcher.inFlight).toBe(0);
});

test("what waits in the table keeps room for a claim, until a walk has not met it", async () => {
  const world = openDispatcherWorld();
  const { hotPath } = world.dispatcher;
  world.reserve("b");
  world.reserve("b");
  expect(world.reserve("b")).toBe(false);
  hotPath.cancel("b", 2);
  expect(world.reserve("b")).toBe(false);
  hotPath.leftInTable();
  await world.pass();
  expect(world.reserve("b")).toBe(true);
});

test("a lane that goes fast takes from transactions although more of it waits in the table, but for a claim's room", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  for (let round = 0; round < 3; round++) {
    await world.take("a", 30);
    await world.answerAll();
    await world.commitAll();
  }
  await world.pass(250);
  world.table.rows.push(...openClaimTable([{ subscriptionId: "a", due: 10_000 }]).rows);
  world.dispatcher.wake();
  await world.pass();
  expect(world.dispatcher.held).toBe(claimMax);
  await world.take("a", 10_000);
  expect(world.dispatcher.held).toBe(heldAtPace(91 * 4) - claimMax);
});

test("when there is no place at all, transactions leave theirs in the table until a quarter is free and a claim has been there", async () => {
  const world = openDispatcherWorld([], { concurrency: 8 });
  await world.prove("a");
  await world.prove("b");
  expect(await world.take("a", 20)).toBe(16);
  expect(world.reserve("b")).toBe(false);
  const walks = world.walks.length;
  const endOne = async () => {
    world.requests.shift()?.answer();
    await world.pass();
    await world.commitAll();
  };
  for (let free = 1; free < 4; free++) await endOne();
  expect([world.walks.length - walks, world.reserve("b")]).toEqual([0, false]);
  await endOne();
  expect([world.walks.length - walks, world.reserve("b")]).toEqual([1, true]);
});

test("when an endpoint comes to fail its process gives back what waits for it, and takes no more but probes", async () => {
  const world = openDispatcherWorld([], { concurrency: 100, subscriptionConcurrency: 8 });
  const { dispatcher, released, requests, take, reserve } = world;
  await world.prove("a");
  const taken = await take("a", 12);
  const inFlight = requests.length;
  expect(inFlight).toBeLessThan(taken);
  dispatcher.shut(["a"]);
  await world.pass();
  expect(released).toHaveLength(taken - inFlight);
  expect(reserve("a")).toBe(false);
  expect(dispatcher.freeSlots("a")).toBeLessThanOrEqual(1);

  // Its own deliveries are over, one after the other; a success opens it again.
  await world.answerAll(500);
  await world.commitAll();
  expect(reserve("a")).toBe(false);
  const row = { ...dueRow, subscriptionId: "a", failing: true, probeInMs: 0, due: 5 };
  world.table.rows.push(row);
  dispatcher.wake();
  await world.pass();
  expect(requests).toHaveLength(1);
  await world.answerAll();
  expect(reserve("a")).toBe(false);
  Object.assign(row, { failing: false, probeInMs: null, due: 0 });
  await world.commitAll();
  expect(reserve("a")).toBe(true);
});

test("a process learns from a walk that an endpoint fails, and that it has recovered", async () => {
  const world = openDispatcherWorld();
  const { dispatcher, requests, table, reserve } = world;
  await world.prove("a");
  const row = { ...dueRow, subscriptionId: "a", failing: true, probeInMs: 5_000, due: 5 };
  table.rows.push(row);
  dispatcher.wake();
  await world.pass();
  expect([requests.length, reserve("a")]).toEqual([0, false]);
  row.pastBreaker = true;
  row.due = 1;
  dispatcher.wake();
  await world.pass();
  expect(requests).toHaveLength(1);
  await world.answerAll(500);
  await world.commitAll();
  Object.assign(row, { failing: false, probeInMs: null, pastBreaker: false, due: 1 });
  dispatcher.wake();
  await world.pass();
  expect(requests).toHaveLength(1);
  await world.answerAll();
  await world.commitAll();
  expect(reserve("a")).toBe(true);
});

const dueRow = {
  teamId: "t",
  dueInMs: 0,
  timeoutSeconds: 10,
  active: true,
  ordered: false,
  failing: false,
  probeInMs: null as number | null,
  pastBreaker: false,
};
