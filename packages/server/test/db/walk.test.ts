import { expect, onTestFinished, test } from "vitest";
import { listDueSubscriptionsOfAllTeams } from "../../src/db/due-walk.ts";
import { listTimersOfAllTeams } from "../../src/db/timers.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { type House, openHouse } from "../support/house.ts";

/** Hot leases that ran out, the first the longest ago, with so many deliveries each that are nowhere. */
const runOut = ({ database: { sql } }: House, sizes: readonly number[]) => sql`
  insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
  select now() - interval '1 hour' + n * interval '1 millisecond', gen_random_uuid(),
         array(select '' from generate_series(1, size)), array(select '' from generate_series(1, size))
  from unnest(${sizes}::int4[]) with ordinality as given (size, n)`;

const sizesLeft = async ({ database: { sql } }: House) =>
  (
    await sql<{ size: number }>`
    select cardinality(delivery_ids) as size from hot_leases order by expires_at`
  ).map(({ size }) => size);

test.each([
  { it: "all of them", sizes: [4_999, 1], left: [] },
  { it: "not those beyond 5,000 deliveries", sizes: [4_999, 1, 1], left: [1] },
  { it: "the oldest, however large", sizes: [5_001, 1], left: [1] },
  { it: "500 at the most", sizes: Array(502).fill(1), left: [1, 1] },
])("of hot leases that ran out a walk ends $it", async ({ sizes, left }) => {
  const house = await openHouse({ started: false });
  await runOut(house, sizes);
  await listDueSubscriptionsOfAllTeams(house.database.sql, "", 1);
  expect(await sizesLeft(house)).toEqual(left);
});

test("a walk ends only the given hot leases that are over", async () => {
  const house = await openHouse({ started: false });
  const { sql } = house.database;
  const tokens = ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"];
  await sql`
    insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
    select now() + interval '1 second', token::uuid, '{}', '{}' from unnest(${tokens}::text[]) as token`;
  await listDueSubscriptionsOfAllTeams(sql, "", 1, tokens.slice(0, 1));
  expect(await sql`select lease_token from hot_leases`).toEqual([{ lease_token: tokens[1] }]);
});

test("what was left under a lease that ran out is due, and only what is under that lease still", async () => {
  const house = await openHouse({ started: false, hot: "dies" });
  await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 4; n++) await house.workflow();
  const { sql } = house.database;
  const [, taken, due, delivered] = (await house.deliveries()).map(({ id }) => id);
  await sql`update deliveries set lease_token = gen_random_uuid() where id = ${taken}`;
  await sql`update deliveries set due_at = now() + interval '1 hour' where id = ${due}`;
  await sql`
    update deliveries set status = 'delivered', finished_at = now(), lease_token = null
    where id = ${delivered}`;
  await sql`update hot_leases set expires_at = now()`;
  await listDueSubscriptionsOfAllTeams(sql, "", 1);
  const isDue = (await house.deliveries()).map(({ due_in }) => due_in !== null && due_in <= 0);
  expect(isDue).toEqual([true, false, false, false]);
});

test("a walk comes by each subscription once, from behind the given one on, as many as asked, and tells when its earliest is due", async () => {
  const house = await openHouse({ started: false, hot: false });
  const { sql } = house.database;
  for (let n = 0; n < 4; n++) {
    await house.subscribe({ events: ["workflow_created"], timeoutSeconds: n + 1 });
  }
  const ids = (await sql<{ id: string }>`select id from subscriptions order by id`).map(
    ({ id }) => id,
  );
  for (let n = 0; n < 3; n++) await house.workflow();
  await sql`update deliveries set due_at = now() + interval '1 hour'`;
  const [first, second, third, last] = ids;
  await sql`
    update deliveries set due_at = now() - interval '2 seconds'
    where id = (select max(id) from deliveries where subscription_id = ${second})`;
  await sql`
    update deliveries set status = 'delivered', finished_at = now(), due_at = null
    where subscription_id = ${third}`;
  await sql`update subscriptions set enabled = false where id = ${last}`;
  const walk = async (after: string, limit: number) =>
    (await listDueSubscriptionsOfAllTeams(sql, after, limit)).map((row) => [
      row.subscriptionId,
      Math.round(row.dueInMs / 10_000),
      row.active,
    ]);
  const [a, b, c] = [
    [first, 360, true],
    [second, -0, true],
    [last, 360, false],
  ];
  expect(await walk("", 10)).toEqual([a, b, c]);
  expect(await walk("", 2)).toEqual([a, b]);
  expect(await walk(first ?? "", 10)).toEqual([b, c]);
  await sql`update subscriptions set enabled = true, deleted_at = now() where id = ${last}`;
  expect((await walk(third ?? "", 1))[0]).toEqual(c);
});

test("timers are listed from the moment on at which they run out within the given time, the earliest first", async () => {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  for (const secret of ["one", "two", "three"]) {
    await furnish(api, { teamId: api.teamId, key: api.key, secret });
  }
  await api.database.begin(async (tx) => {
    // The database's clock stands still while a transaction lasts.
    const inOrder = (n: number) => `${1_000_000 + n} microseconds`;
    const runs = await tx<{ id: string }>`select id from runs order by id`;
    const calls = await tx<{ id: string }>`select id from calls order by id`;
    await tx`update runs set deadline_at = null, completed_at = null, status = 'running'`;
    await tx`update calls set hang_due_at = null, report_due_at = null, status = 'ongoing', end_at = null`;
    for (const [n, { id }] of runs.entries()) {
      await tx`update runs set deadline_at = now() + ${inOrder(n)}::interval where id = ${id}`;
    }
    const [hanging, reporting] = [calls.slice(0, 3), calls.slice(3)];
    for (const [n, { id }] of hanging.entries()) {
      await tx`update calls set hang_due_at = now() + ${inOrder(n)}::interval where id = ${id}`;
    }
    for (const [n, { id }] of reporting.entries()) {
      await tx`
        update calls set status = 'finished', end_at = now(),
          report_due_at = now() + ${inOrder(n)}::interval
        where id = ${id}`;
    }
    const listed = async (withinMs: number, limit: number) => {
      const kinds: Record<string, string[]> = { hang: [], call_report: [], run_deadline: [] };
      for (const { kind, id } of await listTimersOfAllTeams(tx, withinMs, limit)) {
        kinds[kind]?.push(id);
      }
      return [kinds.hang, kinds.call_report, kinds.run_deadline];
    };
    const first = (count: number) =>
      [hanging, reporting, runs].map((all) => all.slice(0, count).map(({ id }) => id));
    expect(await listed(1_000, 10)).toEqual(first(1));
    expect(await listed(1_001, 10)).toEqual(first(3));
    expect(await listed(1_001, 2)).toEqual(first(2));
    expect(await listed(999, 10)).toEqual(first(0));
    await tx`update runs set completed_at = now(), status = 'completed'`;
    expect((await listed(1_001, 10))[2]).toEqual([]);
  });
});
