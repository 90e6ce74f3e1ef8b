import { expect, test } from "vitest";
import { endSubscription } from "../../src/actions/subscriptions.ts";
import { failOrphanedDeliveriesOfAllTeams } from "../../src/db/deliveries.ts";
import { expireWaitingDeliveriesOfAllTeams } from "../../src/db/retention.ts";
import { deleteOldRollupsOfAllTeams } from "../../src/db/rollups.ts";
import { type House, openHouse } from "../support/house.ts";
import { attemptRecord } from "../support/leased.ts";

type Counts = {
  attempts: number;
  delivered: number;
  failed: number;
  retried: number;
  measured: number;
};

/** All counts of a house, or of one of its subscriptions, added up. */
async function countsOf({ database: { sql } }: House, subscriptionId?: string): Promise<Counts> {
  const rows = await sql<Counts>`
    select coalesce(sum(attempts), 0)::int as attempts, coalesce(sum(delivered), 0)::int as delivered,
           coalesce(sum(failed), 0)::int as failed, coalesce(sum(retried), 0)::int as retried,
           coalesce(sum((select sum(count) from unnest(latencies) count)), 0)::int as measured
    from (values (1), (60), (1440)) length (minutes)
    left join rollups using (minutes)
    where ${subscriptionId ?? null}::text is null or subscription_id = ${subscriptionId ?? null}
    group by minutes`;
  const [row] = rows;
  if (!row) throw new Error("nothing is counted");
  // By the minute, by the hour and by the day it is the same.
  expect(rows).toEqual([row, row, row]);
  return row;
}

/** The same from the attempts and deliveries themselves. */
async function countedAnew({ database: { sql } }: House): Promise<Omit<Counts, "measured">> {
  const [row] = await sql<Omit<Counts, "measured">>`
    select (select count(*) from attempts)::int as attempts,
           (select count(*) from attempts where will_retry)::int as retried,
           count(*) filter (where status = 'delivered')::int as delivered,
           count(*) filter (where status = 'failed')::int as failed
    from deliveries`;
  if (!row) throw new Error("a sum has no row");
  return row;
}

const idle = { hot: false, started: false };

test("counts are those of the attempts and deliveries themselves, whatever these came to", async () => {
  const house = await openHouse();
  const good = await house.subscribe({ events: ["workflow_created"] });
  const bad = await house.openReceiver();
  bad.answerBy(() => 500);
  const worse = await house.subscribe({
    receiver: bad,
    events: ["workflow_created"],
    maxRetries: 2,
  });
  for (let made = 0; made < 20; made++) await house.workflow();
  await house.drain();
  expect(await countsOf(house)).toEqual({ ...(await countedAnew(house)), measured: 80 });
  expect(await countsOf(house, good.id)).toMatchObject({
    attempts: 20,
    delivered: 20,
    failed: 0,
    retried: 0,
  });
  expect(await countsOf(house, worse.id)).toMatchObject({
    attempts: 60,
    delivered: 0,
    failed: 20,
    retried: 40,
  });
});

test("attempts lost with their process, and deliveries given up for that, are counted without a duration", async () => {
  const house = await openHouse({ hot: "dies", started: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.passTime("1 hour");
  const second = house.openProcess({ hot: true, started: true });
  await house.receiver.received(1);
  await house.drain();
  await second.close();
  expect(await countsOf(house)).toEqual({
    attempts: 2,
    delivered: 1,
    failed: 0,
    retried: 1,
    measured: 1,
  });
  expect(await countsOf(house)).toMatchObject(await countedAnew(house));
});

test("deliveries that end with their subscription, by its janitor or by age are counted as failed", async () => {
  const house = await openHouse(idle);
  const { sql } = house.database;
  const ended = await house.subscribe({ events: ["workflow_created"] });
  const orphaned = await house.subscribe({ events: ["workflow_created"] });
  const disabled = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  await endSubscription(house, { teamId: house.teamId, contract: "workflow" }, ended.id, "system");
  expect(await countsOf(house, ended.id)).toMatchObject({ attempts: 0, failed: 2 });
  await sql`update subscriptions set deleted_at = now() where id = ${orphaned.id}`;
  expect(await failOrphanedDeliveriesOfAllTeams(sql, 10)).toBe(2);
  expect(await countsOf(house, orphaned.id)).toMatchObject({ attempts: 0, failed: 2 });
  await sql`update subscriptions set enabled = false where id = ${disabled.id}`;
  await sql`update deliveries set due_at = now() - interval '40 days' where subscription_id = ${disabled.id}`;
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 10)).toBe(2);
  expect(await countsOf(house, disabled.id)).toMatchObject({ attempts: 0, failed: 2 });
  expect(await countsOf(house)).toMatchObject(await countedAnew(house));
});

test("a result that comes after its lease counts nothing a second time", async () => {
  const house = await openHouse(idle);
  const { id: subscriptionId } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  const token = "0b8b4a5e-6a55-4f0e-9c0e-3c6a4a1f6f11";
  await house.database.sql`
    update deliveries set lease_token = ${token}, attempt_count = 1, due_at = now() + interval '1 minute'`;
  const rows = await house.database.sql<{ id: string; createdAt: string }>`
    select id, created_at::text as "createdAt" from deliveries`;
  const record = (leaseToken: string, { id, createdAt }: { id: string; createdAt: string }) =>
    house.recorder.record(
      attemptRecord({
        teamId: house.teamId,
        deliveryId: id,
        subscriptionId,
        createdAt,
        leaseToken,
        attemptId: id,
      }),
    );
  const [first, second] = rows;
  if (!first || !second) throw new Error("there are not two deliveries");
  // In one batch: one moves its delivery, the other has lost its lease.
  expect(
    await Promise.all([
      record(token, first),
      record("11111111-6a55-4f0e-9c0e-3c6a4a1f6f11", second),
    ]),
  ).toEqual([true, false]);
  expect(await countsOf(house)).toEqual({
    attempts: 1,
    delivered: 1,
    failed: 0,
    retried: 0,
    measured: 1,
  });
  // Written again, as after an answer that was lost on its way.
  expect(await record(token, first)).toBe(false);
  expect(await countsOf(house)).toMatchObject({ attempts: 1, delivered: 1 });
});

test("counts older than 400 days are forgotten, a few at a time", async () => {
  const house = await openHouse(idle);
  const { sql } = house.database;
  for (const days of [399, 401, 402, 403]) {
    await sql`
      insert into rollups select ${house.teamId}, 's', minutes, now() - ${`${days} days`}::interval, 'e', 0, 1, 1, 0, 0, '{1}'
      from (values (1), (60), (1440)) length (minutes)`;
  }
  expect(await deleteOldRollupsOfAllTeams(sql, 5)).toBe(5);
  expect(await deleteOldRollupsOfAllTeams(sql, 5)).toBe(4);
  expect(await deleteOldRollupsOfAllTeams(sql, 5)).toBe(0);
  expect((await countsOf(house)).attempts).toBe(1);
});
