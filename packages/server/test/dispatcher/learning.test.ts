import { expect, test, vi } from "vitest";
import { openDispatcherWorld } from "../support/dispatcher-world.ts";

vi.mock(
  "../../src/db/claims.ts",
  async () => (await import("../support/claim-table.ts")).claimsOfTable,
);
vi.mock(
  "../../src/db/due-walk.ts",
  async () => (await import("../support/claim-table.ts")).walkOfTable,
);

// Of 16 places new receivers may take 12 together with the slow ones, so that one counts what is slow by what is left.
const eight = { concurrency: 8 };

test("a receiver that is silent for more than a second with a request on the wire is slow; one without is what it was", async () => {
  const world = openDispatcherWorld([], eight);
  await world.pass(5_000);
  await world.prove("idle");
  await world.prove("silent");
  await world.take("silent", 4);
  world.reserve("idle");
  world.dispatcher.start();
  await world.pass(1_000);
  expect(world.countSlots()).toBe(11);
  await world.pass(1_000);
  expect(world.countSlots()).toBe(8);
});

test("silence counts from the first request on the wire, and anew from each answer", async () => {
  const world = openDispatcherWorld([], eight);
  await world.pass(5_000);
  await world.prove("a");
  await world.pass(5_000);
  await world.take("a");
  world.dispatcher.wake();
  expect(world.countSlots()).toBe(12);
  await world.take("a");
  await world.pass(900);
  world.requests.shift()?.answer();
  await world.pass();
  await world.commitAll();
  await world.pass(1_000);
  world.dispatcher.wake();
  await world.pass();
  expect(world.countSlots()).toBe(12);
  await world.pass(600);
  world.dispatcher.wake();
  await world.pass();
  expect(world.countSlots()).toBe(11);
});

test("those who are silent are looked for no more than twice a second", async () => {
  const world = openDispatcherWorld([], eight);
  await world.prove("a");
  await world.take("a");
  for (const [waitMs, places] of [
    [900, 12],
    [499, 12],
    [1, 11],
  ] as const) {
    await world.pass(waitMs);
    world.dispatcher.wake();
    await world.pass();
    expect(world.countSlots()).toBe(places);
  }
});

test("a new receiver that is silent is not asked one by one any more: its timeouts would take too long", async () => {
  const world = openDispatcherWorld([], eight);
  await world.take("a", 2);
  world.dispatcher.wake();
  await world.pass(1_000);
  expect(world.requests).toHaveLength(1);
  await world.pass(1_000);
  expect(world.requests).toHaveLength(2);
});

test.each<{ it: string; latencyMs: number; places: number }>([
  { it: "soon", latencyMs: 999, places: 12 },
  { it: "late", latencyMs: 1_000, places: 11 },
])("whoever answers $it stands with those who do", async ({ latencyMs, places }) => {
  const world = openDispatcherWorld([], eight);
  await world.take("a");
  await world.answerAll(200, latencyMs);
  await world.commitAll();
  world.reserve("a");
  expect(world.countSlots()).toBe(places);
});

test("a receiver that answers late is sent its next one beside those that hang, one that timed out is not", async () => {
  const world = openDispatcherWorld([], eight);
  await world.prove("hangs");
  await world.take("hangs", 4);
  world.dispatcher.wake();
  await world.pass(2_000);
  world.requests.splice(0);
  await world.take("late");
  await world.answerAll(500, 2_000);
  await world.take("dead");
  world.requests.splice(0)[0]?.timeOut();
  await world.pass();
  await world.commitAll();
  await world.take("dead");
  await world.take("late");
  expect(world.requests.map(({ to }) => to)).toEqual(["late"]);
});

test("a receiver that has never answered stands with those that hang once it was silent", async () => {
  const world = openDispatcherWorld([], eight);
  await world.prove("hangs");
  await world.take("hangs", 4);
  await world.take("silent");
  world.dispatcher.wake();
  await world.pass(2_000);
  world.requests.splice(0).at(-1)?.break();
  await world.pass();
  await world.take("silent");
  expect(world.requests).toEqual([]);
});

test.each<{ it: string; status: number; latencyMs: number; slots: number }>([
  { it: "a quick and good answer adds a slot", status: 200, latencyMs: 5, slots: 18 },
  { it: "a quick refusal changes nothing", status: 400, latencyMs: 5, slots: 17 },
  { it: "a late answer changes nothing", status: 200, latencyMs: 1_000, slots: 17 },
  { it: "an error of the server halves them", status: 500, latencyMs: 5, slots: 8 },
  { it: "too many requests halve them", status: 429, latencyMs: 5, slots: 8 },
])("$it", async ({ status, latencyMs, slots }) => {
  const world = openDispatcherWorld();
  await world.prove("a");
  await world.take("a");
  await world.answerAll(status, latencyMs);
  await world.commitAll();
  await world.take("a", 40);
  expect(world.requests).toHaveLength(slots);
});

test("a timeout halves the slots", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  await world.take("a");
  world.requests.splice(0)[0]?.timeOut();
  await world.pass();
  await world.commitAll();
  await world.take("a", 40);
  expect(world.requests).toHaveLength(8);
});
