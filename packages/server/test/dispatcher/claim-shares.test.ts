import { expect, test, vi } from "vitest";
import { claimMax } from "../../src/dispatcher/claiming.ts";
import type { Standing } from "../../src/dispatcher/standing.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { openClaimingWorld } from "../support/claiming-world.ts";

vi.mock(
  "../../src/db/claims.ts",
  async () => (await import("../support/claim-table.ts")).claimsOfTable,
);
vi.mock(
  "../../src/db/due-walk.ts",
  async () => (await import("../support/claim-table.ts")).walkOfTable,
);

const names = (count: number) =>
  Array.from({ length: count }, (_, n) => `s${String(n).padStart(4, "0")}`);

test.each<{ it: string; standings: Standing[]; due?: number; limits: number[] }>([
  { it: "all quick", standings: ["quick", "quick", "quick", "quick"], limits: [4, 4, 4, 4] },
  {
    it: "a share that is no whole number",
    standings: ["quick", "quick", "quick"],
    limits: [5, 5, 5],
  },
  {
    it: "slow ones among themselves",
    standings: ["slow", "slow", "slow", "quick"],
    limits: [2, 2, 2, 4],
  },
  { it: "two slow ones", standings: ["slow", "slow", "quick"], limits: [4, 4, 5] },
  { it: "six new ones", standings: Array(6).fill("new"), limits: [2, 2, 2, 2, 2, 2] },
  { it: "new ones take two", standings: ["new", "quick", "quick"], limits: [2, 5, 5] },
  { it: "one alone takes all", standings: ["quick"], limits: [16] },
])(
  "of 16 places each subscription that is due gets the same part: $it",
  async ({ standings, limits }) => {
    const world = openClaimingWorld(
      standings.map((_, n) => ({ subscriptionId: `${n}`, due: 100 })),
    );
    standings.forEach((standing, n) => {
      world.lane(`${n}`, standing);
    });
    await world.look();
    expect(world.limits()[0]?.map(([, limit]) => limit)).toEqual(limits);
  },
);

test("a claim takes no more than 500", async () => {
  const world = openClaimingWorld(
    names(40).map((subscriptionId) => ({ subscriptionId, due: 100 })),
    { concurrency: 10_000 },
  );
  for (const name of names(40)) world.lane(name, "quick");
  await world.look();
  const counts = world.claims.map((shares) => shares.reduce((all, { limit }) => all + limit, 0));
  expect(Math.max(...counts)).toBe(40 * Math.floor(claimMax / 40));
});

test("when more are due than there are places each gets one, and the next claim goes on behind the last that got one", async () => {
  const world = openClaimingWorld(names(20).map((subscriptionId) => ({ subscriptionId, due: 2 })));
  for (const name of names(20)) world.lane(name, "quick");
  await world.look();
  expect(world.limits()).toEqual([names(16).map((name) => [name, 1])]);
  for (const name of names(16)) world.end(world.lanes.of(name), 1);
  await world.look();
  expect(world.walks.map(({ after }) => after)).toEqual(["", "s0015"]);
  expect(world.limits()[1]?.map(([name]) => name)).toEqual(names(20).slice(16));
  await world.look();
  expect(world.walks.map(({ after }) => after)).toEqual(["", "s0015", ""]);
});

test("a walk that finds no place at all goes on from where it was", async () => {
  const world = openClaimingWorld(names(3).map((subscriptionId) => ({ subscriptionId })));
  world.lanes.reserve(world.lane("other", "quick"), 16);
  await world.look();
  await world.look();
  expect(world.walks.map(({ after }) => after)).toEqual(["", ""]);
  expect(world.claims).toEqual([]);
});

test("where order counts no more is claimed than may begin at once", async () => {
  const world = openClaimingWorld([{ subscriptionId: "a", ordered: true, due: 30 }]);
  world.lane("a", "quick").slots = 3;
  await world.look();
  expect(world.claims).toEqual([
    [{ subscriptionId: "a", limit: 3, leaseMs: leaseMs(10), kind: "ordered" }],
  ]);
});

test("a lane is worth a claim while more of it is due and half of what it may hold is free", async () => {
  const world = openClaimingWorld([{ subscriptionId: "a", due: 100 }], { concurrency: 100 });
  const lane = world.lane("a", "quick");
  expect(world.claiming.isWorthIt(lane)).toBe(false);
  await world.look();
  expect(world.limits()).toEqual([[["a", 32]]]);
  expect(world.claiming.hasBacklog(lane)).toBe(true);
  world.end(lane, 15);
  expect(world.claiming.isWorthIt(lane)).toBe(false);
  world.end(lane, 1);
  expect(world.claiming.isWorthIt(lane)).toBe(true);
});

test.each([
  { due: 16, backlog: false },
  { due: 31, backlog: false },
  { due: 32, backlog: true },
  { due: 33, backlog: true },
])(
  "of a lane that may have 32 more is due when a claim brought as many: $due, $backlog",
  async ({ due, backlog }) => {
    const world = openClaimingWorld([{ subscriptionId: "a", due }], { concurrency: 100 });
    const lane = world.lane("a", "quick");
    await world.look();
    expect(world.claiming.hasBacklog(lane)).toBe(backlog);
  },
);

test("a lane has no backlog when a claim for one of it found that gone", async () => {
  const world = openClaimingWorld([{ subscriptionId: "a" }], { concurrency: 100 });
  const lane = world.lane("a", "quick");
  world.lanes.reserve(lane, 31);
  world.table.claim = async () => [];
  await world.look();
  expect(world.claiming.hasBacklog(lane)).toBe(false);
});

test("a backlog that was noted is known until a whole walk has not met it, also before the first", async () => {
  const world = openClaimingWorld();
  const lane = world.lane("a", "quick");
  expect(world.claiming.hasBacklog(lane)).toBe(false);
  for (let walk = 0; walk < 3; walk++) {
    world.claiming.noteBacklog(lane);
    expect(world.claiming.hasBacklog(lane)).toBe(true);
    await world.look();
    expect(world.claiming.hasBacklog(lane)).toBe(false);
  }
});

test("while places are short over all lanes a claim is worth it once a quarter of them is free", async () => {
  const world = openClaimingWorld([{ subscriptionId: "a", due: 100 }, { subscriptionId: "b" }], {
    concurrency: 16,
  });
  const lane = world.lane("a", "quick");
  world.claiming.noteStarved();
  world.lanes.reserve(lane, 25);
  expect(world.claiming.isWorthIt(lane)).toBe(false);
  world.lanes.cancel(lane, 1);
  expect(world.claiming.isWorthIt(lane)).toBe(true);
});

test("while places are short, those that slow receivers hold keep no claim back", async () => {
  const world = openClaimingWorld([], { concurrency: 16 });
  world.claiming.noteStarved();
  world.lanes.reserve(world.lane("hangs", "slow"), 20);
  expect(world.claiming.isWorthIt(world.lane("a", "quick"))).toBe(true);
});

test.each([
  { it: "as much as it may", held: 32 },
  { it: "more, since it became slower", held: 33 },
])(
  "a lane that holds $it asks for nothing, and leaves its part to the others",
  async ({ held }) => {
    const world = openClaimingWorld([{ subscriptionId: "a" }, { subscriptionId: "b", due: 100 }], {
      concurrency: 33,
    });
    world.lanes.reserve(world.lane("a", "quick"), held);
    world.lane("b", "quick");
    await world.look();
    expect(world.limits()).toEqual([[["b", Math.floor((66 - held) / 2)]]]);
  },
);
