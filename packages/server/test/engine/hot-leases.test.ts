import { expect, test } from "vitest";
import { endSubscription } from "../../src/actions/subscriptions.ts";
import { openHouse, until } from "../support/house.ts";

const dying = { hot: "dies", started: false } as const;

test("what a dead process held under a hot lease falls due when the lease ends, not before, and another delivers it", async () => {
  const house = await openHouse(dying);
  await house.subscribe({ events: ["workflow_created"], timeoutSeconds: 10 });
  await house.workflow();
  expect(await house.delivery()).toMatchObject({
    status: "pending",
    due_in: null,
    lease_token: expect.any(String),
    attempt_count: 1,
  });
  await house.passTime("25 seconds");
  expect((await house.delivery()).due_in).toBeNull();

  await house.passTime("1 second");
  expect((await house.delivery()).due_in).toBeLessThanOrEqual(0);
  house.openProcess({ hot: true, started: true });
  await house.receiver.received(1);
  await house.settled();
  expect(await house.delivery()).toMatchObject({
    status: "delivered",
    attempt_count: 2,
    crash_count: 1,
  });
  expect((await house.attempts()).map(({ number, error_code }) => [number, error_code])).toEqual([
    [1, "unknown_outcome"],
    [2, null],
  ]);
  expect(await house.database.sql`select 1 from hot_leases`).toEqual([]);
});

test("each subscription's deliveries are leased for as long as its own timeout asks", async () => {
  const house = await openHouse(dying);
  const quick = await house.subscribe({ events: ["workflow_created"], timeoutSeconds: 1 });
  const slow = await house.subscribe({ events: ["workflow_created"], timeoutSeconds: 60 });
  await house.workflow();
  await house.passTime("20 seconds");
  const due = new Map((await house.deliveries()).map((row) => [row.subscription_id, row.due_in]));
  expect(due.get(quick.id)).toBeLessThanOrEqual(0);
  expect(due.get(slow.id)).toBeNull();
});

test("a hot lease that runs out moves nothing that was delivered, retried or failed under it", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"], path: "/well" });
  await house.subscribe({ events: ["workflow_created"], path: "/busy" });
  await house.subscribe({ events: ["workflow_created"], path: "/gone", maxRetries: 0 });
  house.receiver.answerBy(({ path }) => (path === "/well" ? 200 : 500));
  await house.workflow();
  await until("each has been tried", async () =>
    (await house.deliveries()).every(({ lease_token }) => lease_token === null),
  );
  const before = await house.deliveries();
  expect(before.map(({ status }) => status).sort()).toEqual(["delivered", "failed", "pending"]);
  await house.database.sql`update hot_leases set expires_at = now()`;
  await house.passTime("0 seconds");
  expect((await house.deliveries()).map(({ due_in, ...row }) => [row, due_in === null])).toEqual(
    before.map(({ due_in, ...row }) => [row, due_in === null]),
  );
  expect(await house.database.sql`select 1 from hot_leases`).toEqual([]);
});

test("a hot lease ends with the last delivery under it: none is left to run out but those of the dead", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.subscribe({ events: ["workflow_created"], path: "/busy" });
  house.receiver.answerBy(({ path }) => (path === "/busy" ? 500 : 200));
  for (let made = 0; made < 20; made++) await house.workflow();
  const leases = () =>
    house.database.sql<{ lease_token: string }>`select lease_token from hot_leases`;
  await until("all have ended", async () => (await leases()).length === 0);
});

test("a hot lease lasts while one of its deliveries is on the wire still", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.subscribe({ events: ["workflow_created"], path: "/hanging" });
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  house.receiver.answerBy(async ({ path }) => {
    if (path === "/hanging") await answered;
    return 200;
  });
  await house.workflow();
  await house.receiver.received(2);
  await until("the other one has ended", async () =>
    (await house.deliveries()).some(({ status }) => status === "delivered"),
  );
  const leases = () => house.database.sql`select 1 from hot_leases`;
  // The first of these walks may have begun before it ended.
  for (const walk of ["first", "second"]) {
    const wokenAtMs = performance.now();
    house.dispatcher.wake();
    await until(`what has ended was taken away by the ${walk} walk`, () => {
      const sincePollMs = house.dispatcher.sincePollMs();
      return sincePollMs !== undefined && sincePollMs < performance.now() - wokenAtMs;
    });
  }
  expect(await leases()).toHaveLength(1);
  answer();
  await until("it has ended as well", async () => (await leases()).length === 0);
});

test("deleting a subscription ends its deliveries under hot leases too, and writes down that they may have left", async () => {
  const house = await openHouse(dying);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  const other = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const owner = { teamId: house.teamId, contract: "workflow" };
  await endSubscription(house, owner, id, "system");
  const rows = new Map((await house.deliveries()).map((row) => [row.subscription_id, row]));
  expect(rows.get(id)).toMatchObject({ status: "failed", lease_token: null, due_in: null });
  expect(rows.get(other.id)).toMatchObject({ status: "pending", due_in: null });
  expect((await house.attempts(rows.get(id)?.id)).map((row) => row.error_code)).toEqual([
    "unknown_outcome",
  ]);
});

test("a delivery that is sent at once and arrives touches no index when it ends", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  for (let made = 0; made < 30; made++) {
    await house.workflow();
    // One at a time: a new receiver has few places, and what finds none goes through the table.
    await until("it has ended", () => house.dispatcher.held === 0);
  }
  await house.close(); // A connection that ends says what it did.
  await until("PostgreSQL has counted the updates", async () => {
    const [row] = await house.database.sql<{ all: number; heapOnly: number }>`
      select n_tup_upd::int as all, n_tup_hot_upd::int as "heapOnly"
      from pg_stat_all_tables where relid = 'deliveries'::regclass`;
    return row !== undefined && row.all >= 30 && row.heapOnly === row.all;
  });
});
