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

test("an attempt that goes on after its time limit is seen, and one within it is not", async () => {
  const world = openDispatcherWorld();
  await world.take("a", 1, { leaseMs: 26_000 });
  await world.pass(11_000);
  expect(world.dispatcher.progress().overrunMs).toBe(0);
  await world.pass(9_000);
  expect(world.dispatcher.progress()).toMatchObject({ overrunMs: 9_000, held: 1 });
  await world.answerAll();
  expect(world.dispatcher.progress()).toMatchObject({ overrunMs: 0, held: 1 });
});

test("a result that is not written is seen with its age, and gone when it is", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  await world.take("a", 2);
  await world.answerAll();
  await world.pass(7_000);
  expect(world.dispatcher.progress()).toMatchObject({ unwrittenMs: 7_000, steppedMs: 7_000 });
  world.results.shift()?.commit();
  await world.pass();
  expect(world.dispatcher.progress()).toMatchObject({ unwrittenMs: 7_000, steppedMs: 0 });
  await world.commitAll();
  expect(world.dispatcher.progress()).toMatchObject({ unwrittenMs: 0, held: 0 });
});

test("a result that is given up waits no more", async () => {
  const world = openDispatcherWorld();
  await world.take("a");
  await world.answerAll();
  world.results.shift()?.fail();
  await world.pass(5_000);
  expect(world.dispatcher.progress()).toMatchObject({ unwrittenMs: 0, held: 0 });
});

test.each(["walk", "claim"] as const)(
  "a look whose %s fails each time is no look, though it is tried each second",
  async (step) => {
    const world = openDispatcherWorld([{ subscriptionId: "a" }]);
    world.dispatcher.start();
    await world.pass(10);
    await world.answerAll();
    await world.commitAll();
    expect(world.dispatcher.progress().lookedMs).toBeLessThan(100);
    let tries = 0;
    world.table.rows.push({ ...world.table.rows[0], subscriptionId: "b", due: 1 } as never);
    world.table[step] = async () => {
      tries++;
      throw new Error("broken");
    };
    await world.pass(12_000);
    expect(tries).toBeGreaterThan(9);
    expect(world.dispatcher.progress().lookedMs).toBeGreaterThan(10_900);
  },
);

test("a receiver is quick, slow or new as it answered, and quiet while it asks for that", async () => {
  const world = openDispatcherWorld();
  expect(world.dispatcher.standingOf("a")).toBe("new");
  await world.prove("a");
  await world.pass(2_100);
  expect(world.dispatcher.standingOf("a")).toBe("quick");
  await world.take("a");
  await world.answerAll(200, 1_500);
  expect(world.dispatcher.standingOf("a")).toBe("slow");
  await world.take("a");
  await world.answerAll(503, 5, "30");
  expect(world.dispatcher.standingOf("a")).toBe("quiet");
  await world.pass(31_000);
  expect(world.dispatcher.standingOf("a")).toBe("quick");
});

test("a receiver with as many attempts on the wire as it takes is full, and for two seconds after", async () => {
  const world = openDispatcherWorld();
  await world.take("new");
  expect(world.dispatcher.standingOf("new")).toBe("full");
  await world.answerAll();
  await world.commitAll();
  await world.pass(1_900);
  expect(world.dispatcher.standingOf("new")).toBe("full");
  await world.pass(200);
  expect(world.dispatcher.standingOf("new")).toBe("quick");
  await world.take("new", 3);
  expect(world.dispatcher.standingOf("new")).toBe("quick");
});

test("leases that are given back one after the other are no progress, and an attempt is from its beginning on", async () => {
  const world = openDispatcherWorld();
  await world.prove("a");
  world.inactive.add("b");
  await world.pass(5_000);
  await world.take("b");
  expect(world.released).toHaveLength(1);
  expect(world.dispatcher.progress().steppedMs).toBe(5_000);
  await world.take("a");
  expect(world.dispatcher.progress().steppedMs).toBe(0);
});
