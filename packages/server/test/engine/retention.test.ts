import { expect, test } from "vitest";
import { redeliverNow } from "../../src/actions/redeliver.ts";
import { listOldPartitionsOfAllTeams } from "../../src/db/partitions.ts";
import { AppError } from "../../src/errors.ts";
import { newId } from "../../src/ids.ts";
import { tidy } from "../../src/janitor/janitor.ts";
import { tablesWith } from "../support/dump.ts";
import { type House, openHouse, until } from "../support/house.ts";

const word = "kanarienvogel";

/**
 * Moves everything that is finished so many days back, ids included, into partitions of their own as if they had been
 * made when it was today. Returns the days of those partitions.
 */
async function age(house: House, days: number, which = "finished_at is not null"): Promise<void> {
  const { sql } = house.database;
  const [given] = await sql<{ day: string }>`
    select ((now() at time zone 'UTC')::date - ${days}::int)::text as day`;
  const day = given?.day ?? "";
  for (const parent of ["events", "attempts"]) {
    await run(
      house,
      `create table if not exists ${parent}_${day.replaceAll("-", "")} partition of ${parent}
       for values from ('${day} 00:00:00+00') to ('${day} 23:59:59.999999+00')`,
    );
  }
  const noon = `'${day} 12:00:00+00'::timestamptz`;
  await run(
    house,
    `create temporary table if not exists moved_ids (id text, new_id text, event_id uuid, before timestamptz);
     delete from moved_ids;
     insert into moved_ids
       select id, lpad(to_hex(extract(epoch from ${noon})::bigint), 8, '0') || substr(id, 9), event_id, created_at
       from deliveries where ${which} and created_at > now() - interval '1 day';
     update events e set created_at = ${noon} from moved_ids m where e.id = m.event_id;
     update attempts a set delivery_created_at = ${noon}, delivery_id = m.new_id from moved_ids m
       where a.delivery_id = m.id;
     update deliveries d set created_at = ${noon}, id = m.new_id,
       due_at = case when finished_at is null then ${noon} else due_at end
       from moved_ids m where d.id = m.id;`,
  );
}

/** Several statements of a test's own, on one connection. */
const run = ({ database }: House, text: string) =>
  database.begin((tx) => tx(Object.assign([text], { raw: [text] })));

/** One delivered delivery with an answer that was kept. */
async function deliverOne(house: House): Promise<void> {
  house.receiver.answerBy(() => ({ status: 200, body: `heard ${word}` }));
  await house.workflow({ description: word });
  await house.drain();
}

const partitionNames = async (house: House) =>
  (await listOldPartitionsOfAllTeams(house.database.sql, 30)).map(({ name }) => name);

test("rows past the service's retention go with their partitions, and younger rows stay", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await deliverOne(house);
  await age(house, 31);
  await deliverOne(house);
  await age(house, 30);
  await deliverOne(house);
  expect(await partitionNames(house)).toHaveLength(2);

  await tidy(house.database, 30);
  expect(await partitionNames(house)).toEqual([]);
  expect(await house.deliveries()).toHaveLength(2);
  expect(await house.attempts()).toHaveLength(2);
  expect(await house.events()).toHaveLength(2);
});

test("a partition of which something is still to be delivered stays until that has ended", async () => {
  const house = await openHouse({ started: false, hot: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow({ description: word });
  await age(house, 40, "true");
  await tidy(house.database, 30);
  expect(await partitionNames(house)).toHaveLength(2);

  house.dispatcher.start();
  await house.drain();
  expect(house.receiver.requests[0]?.body.toString()).toContain(word);
  await tidy(house.database, 30);
  expect(await tablesWith(house.database, word)).toEqual(["workflows"]);
  expect(await partitionNames(house)).toEqual([]);
});

test("a busy partition is not dropped until another round, and facts do not wait for it", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await deliverOne(house);
  await age(house, 40);
  const reader = house.database.begin(async (tx) => {
    await tx`select count(*) from events`;
    await tidy(house.database, 30);
    const startedAtMs = performance.now();
    await house.workflow();
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });
  await reader;
  expect((await partitionNames(house)).some((name) => name.startsWith("events_"))).toBe(true);
  await tidy(house.database, 30);
  expect(await partitionNames(house)).toEqual([]);
});

test("a team's own days hold for it alone: payloads go first, then its history; those of others stay", async () => {
  const house = await openHouse();
  const other = await house.newTeam();
  for (const teamId of [house.teamId, other]) {
    await house.subscribe({ teamId, events: ["workflow_created"] });
    await house.workflow({ teamId, description: word });
  }
  await house.drain();
  await age(house, 5);
  await house.database.sql`
    update teams set payload_retention_days = 3, attempt_retention_days = 7
    where id = ${house.teamId}`;

  await tidy(house.database, 30);
  const payloads = () => house.database.sql<{ own: boolean; kept: boolean }>`
    select team_id = ${house.teamId} as own, payload is not null as kept from events order by own`;
  expect(await payloads()).toEqual([
    { own: false, kept: true },
    { own: true, kept: false },
  ]);
  expect(await house.deliveries()).toHaveLength(2);

  await house.database.sql`update teams set attempt_retention_days = 4 where id = ${house.teamId}`;
  await tidy(house.database, 30);
  const left = await house.database.sql`select team_id from deliveries`;
  expect(left).toEqual([{ team_id: other }]);
  expect(await house.attempts()).toHaveLength(1);
});

test("a payload with a pending delivery is kept, and is removed after the delivery", async () => {
  const house = await openHouse({ started: false, hot: false });
  await house.database.sql`update teams set payload_retention_days = 3`;
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow({ description: word });
  await age(house, 5, "true");
  await tidy(house.database, 30);
  expect((await house.events())[0]?.payload).not.toBeNull();
  house.dispatcher.start();
  await house.drain();
  expect(house.receiver.requests[0]?.body.toString()).toContain(word);
  await tidy(house.database, 30);
  expect((await house.events())[0]?.payload).toBeNull();
});

test("a delivery that waits for a disabled subscription longer than payloads are kept ends as payload_expired", async () => {
  const house = await openHouse({ started: false, hot: false });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await age(house, 31, "true");
  await house.workflow();
  await house.database.sql`update subscriptions set enabled = false`;
  await tidy(house.database, 30);
  const ended = await house.deliveries();
  // The older one is deleted in the same round; the younger one waits on.
  expect(ended.map(({ status }) => status)).toEqual(["pending"]);
  expect(await partitionNames(house)).toEqual([]);
});

test("a pending delivery whose payload is gone fails as payload_expired when it is claimed, and holds up no other", async () => {
  const house = await openHouse({ started: false, hot: false, concurrency: 1 });
  await house.subscribe({ events: ["workflow_created"] });
  for (let count = 0; count < 5; count++) await house.workflow();
  const lost = await house.database.sql<{ id: string }>`
    delete from events where id in (select event_id from deliveries order by due_at, id limit 2)
    returning id`;
  const [third] = await house.database.sql<{ id: string }>`
    update events set payload = null where id = (select id from events limit 1) returning id`;
  house.dispatcher.start();
  await house.drain();
  const gone = [...lost.map(({ id }) => id), third?.id];
  for (const delivery of await house.deliveries()) {
    const expected = gone.includes(delivery.event_id)
      ? { status: "failed", last_error: "payload_expired", attempt_count: 0 }
      : { status: "delivered", last_error: null, attempt_count: 1 };
    expect(delivery).toMatchObject(expected);
  }
  expect(house.receiver.requests).toHaveLength(2);
});

test("a delivery whose payload is gone is not made again: payload_expired", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await deliverOne(house);
  await house.database.sql`update events set payload = null`;
  const { id } = await house.delivery();
  const audit = {
    teamId: house.teamId,
    actorId: newId(),
    requestId: "req_test",
    action: "delivery.redelivered",
  } as const;
  const again = redeliverNow(
    { database: house.database, audit },
    { teamId: house.teamId, contract: "workflow", name: { deliveryId: id }, actor: audit.actorId },
  );
  await expect(again).rejects.toThrow(AppError);
  await expect(again).rejects.toMatchObject({ code: "payload_expired", status: 410 });
  expect(await house.delivery()).toMatchObject({ status: "delivered" });
});

test("the janitor works in one process at a time: a second one leaves it to the first", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await deliverOne(house);
  await age(house, 40);
  await house.database.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('postrider.janitor'))`;
    await tidy(house.database, 30);
    expect(await partitionNames(house)).toHaveLength(2);
  });
  await until("the partitions are gone", async () => {
    await tidy(house.database, 30);
    return (await partitionNames(house)).length === 0;
  });
});
