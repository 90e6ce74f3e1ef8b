import { expect, test } from "vitest";
import { retryDelivery } from "../../src/actions/redeliver.ts";
import { endSubscription } from "../../src/actions/subscriptions.ts";
import { failOrphanedDeliveriesOfAllTeams } from "../../src/db/deliveries.ts";
import { expireWaitingDeliveriesOfAllTeams } from "../../src/db/retention.ts";
import { type House, openHouse } from "../support/house.ts";

/** Says of how many deliveries the last change was told in the transaction that made it, and of how many it was not. */
async function toldOf({ database: { sql } }: House): Promise<{ told: number; untold: number }> {
  const [row] = await sql<{ told: number; untold: number }>`
    select count(*) filter (where told)::int as told, count(*) filter (where not told)::int as untold
    from (
      select exists (
        select from delivery_changes c
        where c.team_id = d.team_id and c.changed_at = d.updated_at
          and position(decode(d.id, 'hex') in c.delivery_ids) > 0) as told
      from deliveries d
    ) deliveries`;
  if (!row) throw new Error("a count has no row");
  return row;
}

test("the stream contains deliveries that were made, answered, retried and failed", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  const bad = await house.openReceiver();
  bad.answerBy(() => 500);
  await house.subscribe({ receiver: bad, events: ["workflow_created"], maxRetries: 1 });
  for (let made = 0; made < 5; made++) await house.workflow();
  expect(await toldOf(house)).toEqual({ told: 10, untold: 0 });
  await house.drain();
  expect(await toldOf(house)).toEqual({ told: 10, untold: 0 });
});

test("the stream contains deliveries that were lost with their process or given up because of it", async () => {
  const house = await openHouse({ hot: "dies", started: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const { sql } = house.database;
  // As long ago as the process died.
  await sql`update deliveries set updated_at = updated_at - interval '1 day'`;
  await house.passTime("1 hour");
  const second = house.openProcess({ hot: true, started: true });
  await house.receiver.received(1);
  await house.drain();
  await second.close();
  expect(await toldOf(house)).toEqual({ told: 1, untold: 0 });
});

test("the stream contains deliveries that end with their subscription, by the janitor or by age, and manual retries", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const events = ["workflow_created"];
  const [ended, orphaned, disabled, again] = [
    await house.subscribe({ events }),
    await house.subscribe({ events }),
    await house.subscribe({ events }),
    await house.subscribe({ events }),
  ];
  await house.workflow();
  await sql`update deliveries set updated_at = now() - interval '1 day'`;
  expect(await toldOf(house)).toEqual({ told: 0, untold: 4 });
  await endSubscription(house, { teamId: house.teamId, contract: "workflow" }, ended.id, "system");
  expect(await toldOf(house)).toEqual({ told: 1, untold: 3 });
  await sql`update subscriptions set deleted_at = now() where id = ${orphaned.id}`;
  expect(await failOrphanedDeliveriesOfAllTeams(sql, 10)).toBe(1);
  expect(await toldOf(house)).toEqual({ told: 2, untold: 2 });
  await sql`update subscriptions set enabled = false where id = ${disabled.id}`;
  await sql`
    update deliveries set due_at = now() - interval '40 days' where subscription_id = ${disabled.id}`;
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 10)).toBe(1);
  expect(await toldOf(house)).toEqual({ told: 3, untold: 1 });
  const [{ id } = { id: "" }] = await sql<{ id: string }>`
    select id from deliveries where subscription_id = ${again.id}`;
  const { teamId } = house;
  const audit = { teamId, actorId: "a", requestId: "r", action: "delivery.redelivered" } as const;
  await retryDelivery({ ...house, audit }, { teamId, deliveryId: id, actor: "a" });
  expect(await toldOf(house)).toEqual({ told: 4, untold: 0 });
});
