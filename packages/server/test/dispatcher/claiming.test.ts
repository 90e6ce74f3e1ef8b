import { expect, test, vi } from "vitest";
import { takenInAll } from "../../src/dispatcher/standing.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { armFaultPoints } from "../../src/fault-points.ts";
import { openClaimingWorld, pass } from "../support/claiming-world.ts";

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

test("what is due is leased for as long as its timeout asks, handed on with the time of the question, and then begun", async () => {
  const { claims, options, lanes, taken, calls, look } = openClaimingWorld([
    { subscriptionId: "a", timeoutSeconds: 5 },
    { subscriptionId: "b", timeoutSeconds: 30, due: 2 },
  ]);
  await pass(40);
  await look();
  expect(claims).toEqual([
    [
      { subscriptionId: "a", limit: 2, leaseMs: leaseMs(5), kind: "any" },
      { subscriptionId: "b", limit: 2, leaseMs: leaseMs(30), kind: "any" },
    ],
  ]);
  expect(options).toEqual([{ leaseToken: "token", payloadBytesMax: 16 * 1024 * 1024 }]);
  expect(taken.map(({ delivery, leasedAtMs }) => [delivery.subscriptionId, leasedAtMs])).toEqual(
    ["a", "b", "b"].map((name) => [name, performance.now()]),
  );
  expect(calls).toEqual(["before the walk", "after a claim of 3"]);
  // What was reserved and did not come is free again; what came counts with its bytes.
  expect([takenInAll(lanes.held), lanes.heldBytes]).toEqual([3, 6]);
});

test("a lease's time counts from when it was asked for, however long the answer takes", async () => {
  const { table, taken, look } = openClaimingWorld([{ subscriptionId: "a" }]);
  const { claim } = table;
  table.claim = async (shares, options) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return claim(shares, options);
  };
  const askedAtMs = performance.now();
  await look();
  await pass(300);
  expect(taken.map(({ leasedAtMs }) => leasedAtMs)).toEqual([askedAtMs]);
});

test.each([
  { subscriptions: 199, steps: ["", ""] },
  { subscriptions: 200, steps: ["", "s0199", ""] },
  { subscriptions: 450, steps: ["", "s0199", "s0399", ""] },
])(
  "a walk around $subscriptions subscriptions goes on from where its last step ended, and the next begins anew",
  async ({ subscriptions, steps }) => {
    const { table, walks, look, claiming } = openClaimingWorld(
      names(subscriptions).map((subscriptionId) => ({ subscriptionId })),
      { concurrency: 10_000 },
    );
    table.claim = async () => [];
    await look();
    expect(walks.map(({ limit }) => limit)).toEqual(steps.slice(1).map(() => 200));
    table.rows.splice(0);
    await look();
    expect(walks.map(({ after }) => after)).toEqual(steps);
    await claiming.close();
  },
);

test("due deliveries of a disabled subscription wait, and wake no process", async () => {
  const { claims, walks, look } = openClaimingWorld([
    { subscriptionId: "a", active: false },
    { subscriptionId: "b", active: false, dueInMs: 100 },
  ]);
  await look();
  await pass(999);
  expect([claims.length, walks.length]).toEqual([0, 1]);
  await pass(1);
  expect(walks).toHaveLength(2);
});

test.each([
  { random: 0, dueInMs: [], afterMs: 900 },
  { random: 0.25, dueInMs: [], afterMs: 925 },
  { random: 1, dueInMs: [], afterMs: 1_000 },
  { random: 1, dueInMs: [700, 300, 500], afterMs: 300 },
  { random: 1, dueInMs: [0.5], afterMs: 1 },
  { random: 1, dueInMs: [5_000], afterMs: 1_000 },
])(
  "the next look is after $afterMs ms when chance draws $random and something is due in $dueInMs ms",
  async ({ random, dueInMs, afterMs }) => {
    const rows = dueInMs.map((dueInMs, n) => ({ subscriptionId: `${n}`, dueInMs }));
    const { claims, walks, look } = openClaimingWorld(rows, { random });
    await look();
    await pass(afterMs - 1);
    expect(walks).toHaveLength(1);
    await pass(1);
    expect([walks.length, claims.length]).toEqual([2, 0]);
  },
);

test("what is overdue and could not be taken does not make it look without end", async () => {
  const { walks, look, lane } = openClaimingWorld([{ subscriptionId: "a", dueInMs: -5_000 }]);
  lane("a", "quick").quietUntilMs = performance.now() + 60_000;
  await look();
  await pass(999);
  expect(walks).toHaveLength(1);
});

test("the earliest of the times to look again counts, and none is later than a second", async () => {
  const { walks, claiming } = openClaimingWorld();
  claiming.wakeWithin(60_000);
  claiming.wakeWithin(500);
  claiming.wakeWithin(800);
  await pass(499);
  expect(walks).toHaveLength(0);
  await pass(1);
  expect(walks).toHaveLength(1);
  await pass(999);
  expect(walks).toHaveLength(1);
  await pass(1);
  expect(walks).toHaveLength(2);
});

test("whoever wakes it while it looks makes it look once more, however many they are", async () => {
  const { walks, claiming } = openClaimingWorld();
  for (let times = 0; times < 3; times++) claiming.wake();
  await pass(0);
  expect(walks).toHaveLength(2);
  await pass(1_000);
  expect(walks).toHaveLength(3);
});

test("a look that was asked for replaces the one that was planned", async () => {
  const { walks, claiming, look } = openClaimingWorld();
  claiming.wakeWithin(500);
  await look();
  await pass(999);
  expect(walks).toHaveLength(1);
});

test("a database that is away is asked again after a second, and what was reserved is free", async () => {
  const { table, walks, errors, lanes, claiming } = openClaimingWorld([{ subscriptionId: "a" }]);
  const { claim } = table;
  table.claim = async () => {
    throw new Error("away");
  };
  claiming.wake();
  claiming.wake();
  await pass(0);
  expect(errors).toEqual(["due deliveries could not be claimed"]);
  expect(takenInAll(lanes.held)).toBe(0);
  await pass(999);
  expect(walks).toHaveLength(1);
  table.claim = claim;
  await pass(1);
  expect([walks.length, takenInAll(lanes.held)]).toEqual([2, 1]);
});

test("a walk ends the leases under which nothing is left", async () => {
  const { walks, leases, look } = openClaimingWorld();
  leases.enter({ leaseToken: "done" });
  leases.leave({ leaseToken: "done" });
  await look();
  expect(walks).toEqual([{ after: "", limit: 200, ended: ["done"] }]);
});

test("how long ago the table was looked at is known from the first success on, and failures do not count", async () => {
  const { table, claiming, look } = openClaimingWorld();
  const { walk } = table;
  table.walk = () => Promise.reject(new Error("away"));
  await pass(50);
  await look();
  expect(claiming.sincePollMs()).toBeUndefined();
  table.walk = walk;
  await look();
  expect(claiming.sincePollMs()).toBe(0);
  await pass(400);
  expect(claiming.sincePollMs()).toBe(400);
});

test("closing waits for a claim that is on its way and enqueues what it brings; nothing is claimed after that", async () => {
  const { table, taken, walks, claiming } = openClaimingWorld([{ subscriptionId: "a" }]);
  const { claim } = table;
  table.claim = async (shares, options) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return claim(shares, options);
  };
  claiming.wake();
  await pass(0);
  let closed = false;
  const closing = claiming.close().then(() => {
    closed = true;
  });
  await pass(299);
  expect(closed).toBe(false);
  await pass(1);
  await closing;
  expect(taken).toHaveLength(1);
  claiming.wake();
  claiming.wakeWithin(0);
  expect(vi.getTimerCount()).toBe(0);
  await pass(5_000);
  expect(walks).toHaveLength(1);
});

test("closing ends the time to look again, and what a walk finds then is not claimed", async () => {
  const { table, claims, walks, claiming } = openClaimingWorld([{ subscriptionId: "a" }]);
  const { walk } = table;
  table.walk = async (after, limit, ended) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return walk(after, limit, ended);
  };
  claiming.wakeWithin(0);
  await pass(0);
  const closing = claiming.close();
  await pass(300);
  await closing;
  expect([walks.length, claims.length]).toEqual([1, 0]);
  const other = openClaimingWorld([{ subscriptionId: "a" }]);
  other.claiming.wakeWithin(100);
  await other.claiming.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("a time to look again that comes while a look hangs is not lost when that fails", async () => {
  const { table, walks, claiming } = openClaimingWorld();
  const { walk } = table;
  table.walk = async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    throw new Error("away");
  };
  claiming.wake();
  claiming.wakeWithin(100);
  await pass(300);
  table.walk = walk;
  await pass(1_000);
  expect(walks).toHaveLength(1);
});

test("a fault can meet a claim that has brought something, and no other", async () => {
  const points: string[] = [];
  armFaultPoints((point) => points.push(point));
  const { look } = openClaimingWorld([{ subscriptionId: "a" }]);
  await look();
  await look();
  expect(points).toEqual(["after_claim"]);
});

test("a fault cannot meet a claim for which everything was gone", async () => {
  const points: string[] = [];
  armFaultPoints((point) => points.push(point));
  const { table, look } = openClaimingWorld([{ subscriptionId: "a" }]);
  table.claim = async () => [];
  await look();
  expect(points).toEqual([]);
});
