import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { redeliverNow } from "../../src/actions/redeliver.ts";
import { endSubscription } from "../../src/actions/subscriptions.ts";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { failOrphanedDeliveriesOfAllTeams } from "../../src/db/deliveries.ts";
import { crashesMax } from "../../src/domain/crash-policy.ts";
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
    {
      number: 1,
      success: false,
      error_code: "unknown_outcome",
      status_code: null,
      will_retry: true,
    },
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
  await house.settled();
  // Asked for while a retry is pending, twice before it begins: one more attempt, and the retry is still to come.
  await house.passTime("-1 hour");
  await house.dispatcher.close();
  await Promise.all([redeliver(house), redeliver(house)]);
  house.openProcess();
  await house.drain();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 3 });
  // Asked for after the end: one more.
  await redeliver(house);
  await house.drain();
  expect(await house.delivery()).toMatchObject({ status: "failed", attempt_count: 4 });
  expect((await house.attempts()).map(({ manual }) => manual)).toEqual([false, true, false, true]);
  expect(house.receiver.requests).toHaveLength(4);
  expect(new Set(house.receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
});

test("a delivered delivery can be made again; it stays delivered when that works", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.settled();
  const [event] = await house.events();
  expect(await redeliver(house)).toEqual({ eventId: event?.id, count: 1 });
  await house.settled();
  expect(await house.delivery()).toMatchObject({ status: "delivered", attempt_count: 2 });
  const [first, second] = house.receiver.requests;
  expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
});

test("what is on the wire, disabled, deleted or another team's cannot be redelivered", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  const open = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);
  await expect(redeliver(house)).rejects.toMatchObject({ code: "delivery_in_flight" });
  open();
  await house.settled();
  await expect(redeliver(house, await house.newTeam())).rejects.toMatchObject({
    code: "not_found",
  });
  await house.database.sql`update subscriptions set enabled = false where id = ${id}`;
  await expect(redeliver(house)).rejects.toMatchObject({ code: "subscription_disabled" });
  await house.database.sql`update subscriptions set deleted_at = now() where id = ${id}`;
  await expect(redeliver(house)).rejects.toMatchObject({ code: "subscription_gone" });
  expect(house.receiver.requests).toHaveLength(1);
});

test("invariant 7: a redelivery that takes over from a dead process writes down the attempt that was lost", async () => {
  const house = await openHouse(cold);
  const { id } = await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  await house.workflow();
  await claimAndDie(house, id);
  await redeliver(house);
  house.receiver.answerWith(500, 500);
  house.dispatcher.start();
  await house.receiver.received(1);
  await house.settled();
  expect(await house.attempts()).toMatchObject([
    { number: 1, error_code: "unknown_outcome", manual: false },
    { number: 2, error_code: "http_status", manual: true },
  ]);
  expect((await house.delivery()).crash_count).toBe(1);
});

test("deleting a subscription ends its deliveries at once, and the late result of one in flight is logged", async () => {
  const house = await openHouse({ concurrency: 1 });
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  const open = house.receiver.hold();
  await Promise.all([house.workflow(), house.workflow(), house.workflow()]);
  await house.receiver.received(1);
  await endSubscription(house, { teamId: house.teamId, contract: "workflow" }, id, "a key");
  house.forgetTargets();
  for (const row of await house.deliveries()) {
    expect(row).toMatchObject({ status: "failed", last_error: "subscription_deleted" });
  }
  open();
  await until("the late result is logged", async () =>
    (await house.attempts()).some(({ status_code }) => status_code === 200),
  );
  await until("nothing is held", () => house.dispatcher.held === 0);
  for (const row of await house.deliveries()) {
    expect(row).toMatchObject({ status: "failed", last_error: "subscription_deleted" });
  }
  expect(house.receiver.requests).toHaveLength(1);
});

const redeliver = async (house: House, teamId = house.teamId) =>
  redeliverNow(house, {
    teamId,
    contract: "workflow",
    name: { deliveryId: (await house.delivery()).id },
    actor: "a key",
  });

test("invariant 4: a result that comes after its lease ended is logged in place of unknown_outcome and moves nothing", async () => {
  // The first process never looks for due deliveries: it has what it recorded itself.
  const house = await openHouse({ started: false });
  await house.subscribe({ events: ["workflow_created"], maxRetries: 3 });
  const open = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);

  // The lease ends while the first process still waits; another takes over and waits as well.
  const other = house.openProcess({ started: true });
  await house.passTime("27 seconds");
  other.dispatcher.wake();
  await house.receiver.received(2);
  const takenOver = await house.delivery();
  expect(takenOver).toMatchObject({ status: "pending", attempt_count: 2, crash_count: 1 });
  expect(await house.attempts()).toMatchObject([{ number: 1, error_code: "unknown_outcome" }]);

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
  await until(
    "the first process has heard that its lease was lost",
    () => house.leasesLost.length === 1,
  );
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

test("a round of the janitor neither fails nor loses anything while facts are being recorded", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  let stop = false;
  let recorded = 1;
  const recording = (async () => {
    while (!stop) {
      await Promise.all(Array.from({ length: 5 }, () => house.workflow()));
      recorded += 5;
    }
  })();
  try {
    await tidy(house.database);
  } finally {
    stop = true;
    await recording;
  }
  await house.drain();
  expect(await house.events()).toHaveLength(recorded);
  expect((await house.deliveries()).every(({ status }) => status === "delivered")).toBe(true);
  const attempts = await house.attempts();
  expect(attempts.filter(({ success }) => success)).toHaveLength(recorded);
});
