import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { claimDueOfAllTeams, crashesMax } from "../../src/db/deliveries.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { tidy } from "../../src/janitor/janitor.ts";
import { type House, openHouse, until } from "../support/house.ts";

/** Claims for a process that dies before it records anything. */
async function claimAndDie(house: House, subscriptionId: string) {
  const claimed = await claimDueOfAllTeams(
    house.database.sql,
    [{ subscriptionId, limit: 10, leaseMs: leaseMs(10) }],
    { leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
  );
  await house.passTime("27 seconds");
  return claimed;
}

const cold = { hot: false, started: false };

test("a crashed process's delivery falls due when its lease ends, not before, and is delivered by another", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const [claimed] = await claimDueOfAllTeams(
    house.database.sql,
    [{ subscriptionId: id, limit: 10, leaseMs: leaseMs(10) }],
    { leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
  );
  const { due_in } = await house.delivery();
  expect(due_in).toBeGreaterThan(24);
  expect(due_in).toBeLessThanOrEqual(26);
  await house.passTime("20 seconds");
  const survivor = house.openProcess({ started: true });
  await until("it has looked", () => survivor.dispatcher.sincePollMs() !== undefined);
  expect((await house.delivery()).lease_token).toBe(claimed?.leaseToken);

  await house.passTime("7 seconds");
  survivor.dispatcher.wake();
  await house.receiver.received(1);
  await house.settled();
  expect(await house.delivery()).toMatchObject({
    status: "delivered",
    attempt_count: 2,
    crash_count: 1,
  });
  expect(await house.attempts()).toMatchObject([
    { number: 1, success: false, error_code: "unknown_outcome", status_code: null, will_retry: true },
    { number: 2, success: true },
  ]);
});

test("invariant 6: after the fourth crash a delivery has failed as crash_loop and is claimed no more", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  for (let crashes = 1; crashes <= crashesMax + 1; crashes++) {
    expect(await claimAndDie(house, id)).toMatchObject([{ attemptNumber: crashes }]);
  }
  expect(await claimAndDie(house, id)).toEqual([]);
  expect(await house.delivery()).toMatchObject({
    status: "failed",
    last_error: "crash_loop",
    attempt_count: 4,
    lease_token: null,
    retry_at: null,
  });
  expect(
    (await house.attempts()).map((one) => [one.number, one.error_code, one.will_retry]),
  ).toEqual([
    [1, "unknown_outcome", true],
    [2, "unknown_outcome", true],
    [3, "unknown_outcome", true],
    [4, "unknown_outcome", false],
  ]);
  expect(await claimAndDie(house, id)).toEqual([]);
});

test("invariant 6: crashes do not use up retries: at most 1 + max_retries + 3 requests, each with its row", async () => {
  const house = await openHouse({ ...cold });
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 2 });
  house.receiver.answerBy(() => 500);
  await house.workflow();
  for (let crashes = 1; crashes <= crashesMax; crashes++) {
    expect(await claimAndDie(house, id)).toHaveLength(1);
  }
  house.dispatcher.start();
  for (let requests = 1; requests <= 3; requests++) {
    await house.receiver.received(requests);
    await house.settled();
    await house.passTime("1 day");
    house.dispatcher.wake();
  }
  await house.settled();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 6 });
  expect(house.receiver.requests).toHaveLength(3);
  expect((await house.attempts()).map((one) => one.error_code)).toEqual([
    ...Array(3).fill("unknown_outcome"),
    ...Array(3).fill("http_status"),
  ]);
});

test("invariant 6: an attempt that a person asked for comes on top of the retries", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"], maxRetries: 1 });
  house.receiver.answerBy(() => 500);
  await house.workflow();
  await house.drain();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 2 });
  await house.database.sql`
    update deliveries set status = 'pending', finished_at = null, due_at = now(), manual = true,
      manual_count = manual_count + 1, updated_by = 'a key'`;
  await house.drain();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 3 });
  expect((await house.attempts()).map(({ manual }) => manual)).toEqual([false, false, true]);
});

test("invariant 4: a result that comes after its lease ended is logged in place of unknown_outcome and moves nothing", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"], maxRetries: 3 });
  const open = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);

  // The lease ends while the first process still waits; another takes over and waits as well.
  const other = house.openProcess();
  await house.passTime("27 seconds");
  await house.receiver.received(2);
  const takenOver = await house.delivery();
  expect(takenOver).toMatchObject({ status: "pending", attempt_count: 2, crash_count: 1 });
  expect(await house.attempts()).toMatchObject([{ number: 1, error_code: "unknown_outcome" }]);

  // The first result comes: 500 would have been a retry.
  let answered = 0;
  house.receiver.answerBy(() => 200);
  void answered;
  answered++;
  await house.database.sql`select 1`;
  open();
  await house.settled();
  await until("the late result is logged", async () => {
    const [first] = await house.attempts();
    return first?.error_code === null || first?.error_code === "http_status";
  });
  expect(await house.attempts()).toMatchObject([
    { number: 1, success: true, status_code: 200 },
    { number: 2, success: true, status_code: 200 },
  ]);
  expect(await house.delivery()).toMatchObject({ status: "delivered", attempt_count: 2 });
  expect(house.leasesLost.length + other.leasesLost.length).toBe(1);
});

test("invariant 4: a late failure does not reopen what another process has delivered", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  let openFirst = () => {};
  const first = new Promise<void>((resolve) => {
    openFirst = resolve;
  });
  house.receiver.answerBy(async (_request, count) => {
    if (count > 1) return 200;
    await first;
    return 500;
  });
  await house.workflow();
  await house.receiver.received(1);
  house.openProcess();
  await house.passTime("27 seconds");
  await house.receiver.received(2);
  await until("it is delivered", async () => (await house.delivery()).status === "delivered");
  const delivered = await house.delivery();

  openFirst();
  await until("the late result is logged", async () => {
    const [late] = await house.attempts();
    return late?.error_code === "http_status";
  });
  expect({ ...(await house.delivery()), due_in: 0 }).toEqual({ ...delivered, due_in: 0 });
});

test("invariant 7: a process that dies with requests on the wire leaves a row for each of them", async () => {
  const house = await openHouse({
    // Dead to the world: whatever it learns is never written.
    recorder: (recorder) => ({ ...recorder, record: async () => false }),
  });
  await house.subscribe({ events: ["workflow_created"] });
  await Promise.all(Array.from({ length: 20 }, () => house.workflow()));
  await house.receiver.received(20);
  await house.dispatcher.close();
  house.openProcess({ recorder: (recorder) => recorder });
  await house.passTime("27 seconds");
  await house.receiver.received(40);
  await until("all is recorded", async () =>
    (await house.deliveries()).every(({ status }) => status === "delivered"),
  );
  const attempts = await house.attempts();
  expect(attempts).toHaveLength(40);
  expect(attempts.filter((one) => one.error_code === "unknown_outcome")).toHaveLength(20);
});

test("what is still pending for a deleted subscription ends as failed, in flight or not, and others go on", async () => {
  const house = await openHouse(cold);
  const gone = await house.subscribe({ events: ["workflow_created"] });
  const kept = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  await claimDueOfAllTeams(
    house.database.sql,
    [{ subscriptionId: gone.id, limit: 1, leaseMs: 60_000 }],
    { leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
  );
  await house.database.sql`
    update subscriptions set deleted_at = now() where id = ${gone.id}`;
  // The janitor's partitions cannot be made over rows that lie in the default ones.
  const { failOrphanedDeliveriesOfAllTeams } = await import("../../src/db/deliveries.ts");
  expect(await failOrphanedDeliveriesOfAllTeams(house.database.sql, 1_000)).toBe(2);
  const rows = await house.deliveries();
  for (const row of rows) {
    expect(row).toMatchObject(
      row.subscription_id === kept.id
        ? { status: "pending" }
        : { status: "failed", last_error: "subscription_deleted", lease_token: null },
    );
  }
});

test("rows that were written while a day's partition was missing do not keep the house from being tidied", async () => {
  const house = await openHouse(cold);
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await tidy(house.database);
  await tidy(house.database);
  await house.workflow();
  expect(await house.events()).toHaveLength(2);
});
