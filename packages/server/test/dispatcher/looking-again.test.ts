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

test.each([
  { it: "one of an order", given: { ordered: true }, walks: 1 },
  { it: "one that crashed twice", given: { crashCount: 2 }, walks: 1 },
  { it: "one that crashed once", given: { crashCount: 1 }, walks: 0 },
  { it: "any other", given: {}, walks: 0 },
])(
  "what is claimed one at a time is looked for at the end of the one before: $it",
  async ({ given, walks }) => {
    const world = openDispatcherWorld();
    await world.take("a", 1, given);
    await world.answerAll();
    await world.commitAll();
    expect(world.walks).toHaveLength(walks);
  },
);

test.each([
  { moved: true, walks: 1 },
  { moved: false, walks: 0 },
])(
  "a retry is looked for when it is due, unless the result was late: $moved",
  async ({ moved, walks }) => {
    const world = openDispatcherWorld();
    await world.take("a");
    await world.answerAll(500);
    const [delayMs] = world.results.map(({ record }) => record.delayMs ?? 0);
    expect(delayMs).toBe(400);
    await world.commitAll(moved);
    await world.pass(399);
    expect(world.walks).toHaveLength(0);
    await world.pass(1);
    expect(world.walks).toHaveLength(walks);
  },
);

test("more is claimed for a slow receiver a moment after its places become free, together with that of others", async () => {
  const world = openDispatcherWorld([{ subscriptionId: "a", due: 1_000 }]);
  await world.take("a");
  await world.answerAll(200, 2_000);
  await world.commitAll();
  world.dispatcher.wake();
  await world.pass();
  const walks = world.walks.length;
  expect(world.requests).toHaveLength(16);
  await world.answerAll(200, 2_000);
  await world.answerAll(200, 2_000);
  await world.commitAll();
  await world.pass(99);
  expect(world.walks).toHaveLength(walks);
  await world.pass(1);
  expect(world.walks).toHaveLength(walks + 1);
});

test("more is claimed for a quick receiver as soon as half of its places are free", async () => {
  const world = openDispatcherWorld([{ subscriptionId: "a", due: 1_000 }]);
  await world.prove("a");
  world.dispatcher.wake();
  await world.pass();
  const walks = world.walks.length;
  await world.answerAll();
  await world.commitAll();
  expect(world.walks.length).toBeGreaterThan(walks);
});
