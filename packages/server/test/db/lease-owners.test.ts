import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  endLeasesOfDeadOwnerOfAllTeams,
  relockMsMax,
  removeLeaseOwnerOfAllTeams,
  seeLeaseOwnerOfAllTeams,
} from "../../src/db/lease-owners.ts";
import { openHouse, until } from "../support/house.ts";

const me = "00000000000000aa";
const [dead, other] = ["00000000000000bb", "00000000000000cc"];
const tokenOf = (owner: string, rest = "0123456789abcdef") => `${owner}${rest}`;

/** A database in which processes were seen so many milliseconds ago, and the server runs for long enough. */
async function openWorld(seen: Record<string, number>) {
  const house = await openHouse({ started: false, hot: false });
  const { sql } = house.database;
  for (const [owner, msAgo] of Object.entries(seen)) {
    await sql`
      insert into lease_owners (owner, seen_at)
      values (${owner}, now() - ${msAgo}::float8 * interval '1 millisecond')`;
  }
  await until("PostgreSQL has run for longer than sessions need to lock again", async () => {
    const [row] = await sql<{ ms: number }>`
      select (extract(epoch from now() - pg_postmaster_start_time()) * 1000)::float8 as ms`;
    return (row?.ms ?? 0) > relockMsMax;
  });
  return house;
}

const ownersIn = async ({ database: { sql } }: Awaited<ReturnType<typeof openHouse>>) =>
  (await sql<{ owner: string }>`select owner from lease_owners order by owner`).map(
    ({ owner }) => owner,
  );

test("others are unseen after 3 seconds, and whoever looks is seen", async () => {
  const house = await openWorld({ [me]: 60_000, [dead]: 3_100, [other]: 1_500 });
  const { sql } = house.database;
  expect(await seeLeaseOwnerOfAllTeams(sql, me)).toEqual([dead]);
  expect(await seeLeaseOwnerOfAllTeams(sql, dead)).toEqual([]);
  await sql`update lease_owners set seen_at = now() - interval '4 seconds' where owner = ${me}`;
  expect(await seeLeaseOwnerOfAllTeams(sql, dead)).toEqual([me]);
});

test("a process that ended in order is removed, and no other", async () => {
  const house = await openWorld({ [me]: 0, [other]: 0 });
  await removeLeaseOwnerOfAllTeams(house.database.sql, me);
  expect(await ownersIn(house)).toEqual([other]);
});

test("of a dead process all leases end, hot ones and claimed ones, and nothing else changes", async () => {
  const house = await openWorld({ [dead]: 3_100, [other]: 3_100 });
  const { sql } = house.database;
  // More subscriptions than a walk could double for: its cost is theirs, however many deliveries each has.
  for (let n = 0; n < 30; n++) await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 3; n++) await house.workflow();
  const rows = (await house.deliveries()).map(({ id }) => id);
  const [first, last, others, overdue, retried, ready] = rows;
  const lease = async (id: string | undefined, token: string | null, due: string) => {
    await sql`
      update deliveries set lease_token = ${token}, due_at = now() + ${due}::interval
      where id = ${id}`;
  };
  await sql`update deliveries set due_at = now() + interval '50 seconds'`;
  await lease(first, tokenOf(dead, "0000000000000000"), "110 seconds");
  await lease(last, tokenOf(dead, "ffffffffffffffff"), "10 seconds");
  await lease(others, tokenOf(other), "20 seconds");
  await lease(overdue, tokenOf(dead), "-30 seconds");
  await lease(retried, null, "40 seconds");
  await lease(ready, null, "-40 seconds");
  await sql`
    insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
    select now() + interval '20 seconds', token::uuid, '{}', '{}'
    from unnest(${[tokenOf(dead), tokenOf(other)]}::text[]) as token`;
  expect(await endLeasesOfDeadOwnerOfAllTeams(house.database, dead)).toBe(true);
  const after = new Map((await house.deliveries()).map((row) => [row.id, row]));
  const dueOf = (id = "") => Math.round((after.get(id)?.due_in ?? Number.NaN) / 10) * 10 || 0;
  expect([first, last, others, overdue, retried, ready, rows.at(-1)].map(dueOf)).toEqual([
    0, 0, 20, -30, 40, -40, 50,
  ]);
  expect(after.get(first ?? "")?.lease_token).not.toBeNull();
  const hot = await sql<{ token: string; over: boolean }>`
    select replace(lease_token::text, '-', '') as token, expires_at <= now() as over
    from hot_leases order by token`;
  expect(hot).toEqual([
    { token: tokenOf(dead), over: true },
    { token: tokenOf(other), over: false },
  ]);
  expect(await ownersIn(house)).toEqual([other]);
});

test("the leases of a process that was seen less than 3 seconds ago do not end, and its row stays", async () => {
  const house = await openWorld({ [other]: 1_500, [dead]: 60_000 });
  expect(await endLeasesOfDeadOwnerOfAllTeams(house.database, other)).toBe(false);
  expect(await endLeasesOfDeadOwnerOfAllTeams(house.database, me)).toBe(false);
  expect(await ownersIn(house)).toEqual([dead, other]);
});

test("whoever finds a process dead in the moment in which it is seen again waits for that, and ends nothing", async () => {
  const house = await openWorld({ [other]: 3_100 });
  const ending = await house.database.begin(async (tx) => {
    await seeLeaseOwnerOfAllTeams(tx, other);
    const ended = endLeasesOfDeadOwnerOfAllTeams(house.database, other);
    expect(await Promise.race([ended, pause(300, "waits")])).toBe("waits");
    return { ended };
  });
  expect(await ending.ended).toBe(false);
  expect(await ownersIn(house)).toEqual([other]);
});

test("a result that is written in the moment in which its process is found dead counts", async () => {
  const house = await openWorld({ [dead]: 3_100 });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.database.sql`
    update deliveries set lease_token = ${tokenOf(dead)}, due_at = now() + interval '60 seconds'`;
  const ending = await house.database.begin(async (tx) => {
    await tx`
      update deliveries set status = 'delivered', finished_at = now(), lease_token = null, due_at = null`;
    const ended = endLeasesOfDeadOwnerOfAllTeams(house.database, dead);
    expect(await Promise.race([ended, pause(300, "waits")])).toBe("waits");
    return { ended };
  });
  expect(await ending.ended).toBe(true);
  expect(await house.delivery()).toMatchObject({ status: "delivered", due_in: null });
});
