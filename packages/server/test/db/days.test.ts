import { expect, test } from "vitest";
import {
  hasPendingDeliveriesOfAllTeams,
  listOldPartitionsOfAllTeams,
} from "../../src/db/partitions.ts";
import {
  deleteOldDeliveriesOfAllTeams,
  deleteOldStragglersOfAllTeams,
  expirePayloads,
  expireWaitingDeliveriesOfAllTeams,
  listExpiredDaysOfAllTeams,
  markDayExpired,
} from "../../src/db/retention.ts";
import { type House, openHouse } from "../support/house.ts";
import { runText } from "../support/twins.ts";

/** Moments around a day, and whether they belong to it. */
const moments = [
  { at: "2026-02-09 23:59:59.999999+00", within: false },
  { at: "2026-02-10 00:00:00+00", within: true },
  { at: "2026-02-10 23:59:59.999999+00", within: true },
  { at: "2026-02-11 00:00:00+00", within: false },
  { at: "2026-02-11 12:00:00+00", within: false },
];
const day = "2026-02-10";

/** A house with so many events for one subscription, none of them delivered. */
async function openWaiting(count: number): Promise<House> {
  const house = await openHouse({ started: false, hot: false });
  await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < count; n++) await house.workflow();
  return house;
}

const finishAll = ({ database }: House) => database.sql`
  update deliveries set status = 'delivered', finished_at = now(), due_at = null`;

/** Says of each event or delivery, in the order of their making, when it was made. */
const makeAt = async (house: House, table: "events" | "deliveries", ats: readonly string[]) => {
  for (const [n, at] of ats.entries()) {
    await runText(
      house.database.sql,
      `update ${table} set created_at = $1::timestamptz
       where id = (select id from ${table} order by id offset $2::int limit 1)`,
      at,
      n,
    );
  }
};

const payloads = async ({ database }: House) =>
  (
    await database.sql<{ at: Date }>`
    select created_at as at from events where payload is not null order by created_at`
  ).length;

test("payloads of a day are those of its first moment to its last, and go few at a time", async () => {
  const house = await openWaiting(moments.length);
  const { sql } = house.database;
  const { teamId } = house;
  await makeAt(
    house,
    "events",
    moments.map(({ at }) => at),
  );
  expect(await expirePayloads(sql, { teamId, day }, 10)).toBe(0);
  await finishAll(house);
  expect([await expirePayloads(sql, { teamId, day }, 1), await payloads(house)]).toEqual([1, 4]);
  expect([await expirePayloads(sql, { teamId, day }, 9), await payloads(house)]).toEqual([1, 3]);
  const left = await sql<{ at: string }>`
    select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as at
    from events where payload is not null order by created_at`;
  expect(left.map(({ at }) => at)).toEqual(
    moments.filter(({ within }) => !within).map(({ at }) => at.slice(0, 19)),
  );
});

test.each(moments)(
  "a day is done, and nothing of it pending, unless something was made in it: $at",
  async ({ at, within }) => {
    const house = await openWaiting(1);
    const { sql } = house.database;
    const { teamId } = house;
    await makeAt(house, "events", [at]);
    await makeAt(house, "deliveries", [at]);
    expect(await hasPendingDeliveriesOfAllTeams(sql, day)).toBe(within);
    await markDayExpired(sql, { teamId, day });
    const done = async () => {
      const [team] = await sql<{ before: string | null }>`
        select payloads_expired_before::text as before from teams where id = ${teamId}`;
      return team?.before;
    };
    expect(await done()).toBe(within ? null : "2026-02-11");
    await finishAll(house);
    expect(await hasPendingDeliveriesOfAllTeams(sql, day)).toBe(false);
  },
);

test.each([
  { before: null, after: "2026-02-11" },
  { before: "2026-02-08", after: "2026-02-08" },
  { before: "2026-02-09", after: "2026-02-09" },
  { before: "2026-02-10", after: "2026-02-11" },
  { before: "2026-02-20", after: "2026-02-20" },
])("days are done one after the other: from $before on to $after", async ({ before, after }) => {
  const house = await openHouse({ started: false });
  const { sql } = house.database;
  const other = await house.newTeam();
  await sql`update teams set payloads_expired_before = ${before}::date`;
  await markDayExpired(sql, { teamId: house.teamId, day });
  const teams = await sql<{ id: string; before: string | null }>`
    select id, payloads_expired_before::text as before from teams`;
  const beforeOf = (id: string) => teams.find((team) => team.id === id)?.before;
  expect([beforeOf(house.teamId), beforeOf(other)]).toEqual([after, before]);
});

test("expired days are listed for teams whose time is shorter than the service's, the oldest first and as many as asked", async () => {
  const house = await openHouse({ started: false });
  const { sql } = house.database;
  const other = await house.newTeam();
  await sql`update teams set payload_retention_days = 30 where id = ${other}`;
  await sql`
    update teams set payload_retention_days = 3, payloads_expired_before = (now() at time zone 'UTC')::date - 6
    where id = ${house.teamId}`;
  const listed = async (limit: number) => {
    const days = await listExpiredDaysOfAllTeams(sql, 30, limit);
    const [today] = await sql<{ ago: number[] }>`
      select array(select (now() at time zone 'UTC')::date - day::date
                   from unnest(${days.map((one) => one.day)}::text[]) as day) as ago`;
    expect(new Set(days.map(({ teamId }) => teamId))).toEqual(new Set([house.teamId]));
    return today?.ago;
  };
  expect(await listed(10)).toEqual([6, 5, 4]);
  expect(await listed(2)).toEqual([6, 5]);
});

const midnight = "((now() at time zone 'UTC')::date - 30)::timestamp at time zone 'UTC'";

test("what waits for a disabled subscription ends when it was due before the first moment that is kept", async () => {
  const house = await openWaiting(5);
  const { sql } = house.database;
  await runText(
    sql,
    `update deliveries d set due_at = ${midnight} - case when n <= 3 then n - 1 else 1 end * interval '1 microsecond',
       lease_token = case when n = 4 then gen_random_uuid() end
     from (select id, row_number() over (order by id) as n from deliveries) numbered
     where numbered.id = d.id and n <= 4`,
  );
  const statuses = async () => (await house.deliveries()).map(({ status }) => status);
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 10)).toBe(0);
  await sql`update subscriptions set enabled = false, deleted_at = now()`;
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 10)).toBe(0);
  await sql`update subscriptions set deleted_at = null`;
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 1)).toBe(1);
  expect(await expireWaitingDeliveriesOfAllTeams(sql, 30, 10)).toBe(1);
  expect(await statuses()).toEqual(["pending", "failed", "failed", "pending", "pending"]);
});

test("finished deliveries go when they were made before the first moment that is kept, with their attempts", async () => {
  const house = await openWaiting(5);
  const { sql } = house.database;
  await runText(
    sql,
    `update deliveries d set created_at = ${midnight} - (n - 1) * interval '1 microsecond',
       id = '0' || substr(d.id, 2)
     from (select id, row_number() over (order by id) as n from deliveries) numbered
     where numbered.id = d.id`,
  );
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success, status_code, will_retry)
    select id, 1, created_at, id, team_id, '', true, 200, false from deliveries`;
  const pending = (await house.deliveries()).at(-1)?.id;
  await sql`
    update deliveries set status = 'delivered', finished_at = now(), due_at = null
    where id <> ${pending}`;
  const before = (await house.deliveries()).map(({ id }) => id);
  expect(await deleteOldDeliveriesOfAllTeams(sql, 30, 2)).toBe(2);
  expect(await deleteOldDeliveriesOfAllTeams(sql, 30, 2)).toBe(1);
  const left = (await house.deliveries()).map(({ id }) => id);
  expect(left).toEqual([before[0], pending]);
  expect((await house.attempts()).map(({ id }) => id)).toEqual(left);
});

test("what lies beside the partitions goes a day after its time, few at a time, unless it is still to be delivered", async () => {
  const house = await openWaiting(4);
  const { sql } = house.database;
  const age = async (ago: string) => {
    await sql`update events set created_at = now() - ${ago}::interval`;
    await sql`update deliveries set created_at = now() - ${ago}::interval`;
  };
  await age("31 days 1 minute");
  expect(await deleteOldStragglersOfAllTeams(sql, 30, 10)).toBe(0);
  await finishAll(house);
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success, status_code, will_retry)
    select id, 1, created_at, id, team_id, '', true, 200, false from deliveries`;
  expect(await deleteOldStragglersOfAllTeams(sql, 31, 10)).toBe(0);
  expect(await deleteOldStragglersOfAllTeams(sql, 30, 1)).toBe(1);
  expect(await deleteOldStragglersOfAllTeams(sql, 30, 10)).toBe(3);
  // Attempts go when their deliveries have.
  expect(await house.attempts()).toHaveLength(4);
  await sql`delete from deliveries`;
  expect(await deleteOldStragglersOfAllTeams(sql, 30, 3)).toBe(3);
  expect(await deleteOldStragglersOfAllTeams(sql, 30, 3)).toBe(1);
});

test("a partition is old when its day is before those that are kept, and only days have partitions", async () => {
  const house = await openHouse({ started: false });
  const { sql } = house.database;
  const [days] = await sql<{ kept: string; old: string }>`
    select to_char((now() at time zone 'UTC')::date - 30, 'YYYYMMDD') as kept,
           to_char((now() at time zone 'UTC')::date - 31, 'YYYYMMDD') as old`;
  for (const name of Object.values(days ?? {})) {
    const date = `${name.slice(0, 4)}-${name.slice(4, 6)}-${name.slice(6)}`;
    await runText(
      sql,
      `create table events_${name} partition of events
       for values from ('${date} 00:00:00+00') to ('${date} 23:59:59+00')`,
    );
  }
  const names = (await listOldPartitionsOfAllTeams(sql, 30)).map(({ name }) => name);
  expect(names).toEqual([`events_${days?.old}`]);
});
