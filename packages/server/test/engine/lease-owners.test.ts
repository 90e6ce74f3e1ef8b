import { expect, test } from "vitest";
import { type House, openHouse, until } from "../support/house.ts";

/** The owners of all leases there are, by the first halves of their tokens. */
async function ownersOf({ database: { sql } }: House): Promise<string[]> {
  const rows = await sql<{ owner: string }>`
    select distinct left(replace(lease_token::text, '-', ''), 16) as owner
    from (select lease_token from hot_leases
          union all select lease_token from deliveries where lease_token is not null) leases`;
  return rows.map(({ owner }) => owner);
}

async function onlyOwnerOf(house: House): Promise<string> {
  const [owner, ...others] = await ownersOf(house);
  if (owner === undefined || others.length > 0) throw new Error("there is not one owner");
  return owner;
}

const wasSeen = ({ database: { sql } }: House, owner: string, ago: string) =>
  sql`insert into lease_owners (owner, seen_at) values (${owner}, now() - ${ago}::interval)
      on conflict (owner) do update set seen_at = excluded.seen_at`;

const isKnown = async ({ database: { sql } }: House, owner: string) =>
  (await sql`select from lease_owners where owner = ${owner}`).length > 0;

/** A house in which a process took one delivery at once and one more by a claim, and sends neither. */
async function openDeadHouse(): Promise<{ house: House; owner: string }> {
  const house = await openHouse({ hot: "dies", started: false });
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  const owner = await onlyOwnerOf(house);
  // As a claim leaves it.
  const [claimed] = await house.deliveries();
  await house.database.sql`
    update deliveries set due_at = now() + interval '26 seconds' where id = ${claimed?.id}`;
  expect((await house.deliveries()).filter((row) => row.subscription_id === id)).toHaveLength(2);
  return { house, owner };
}

test("what a process that died held, at once or by a claim, is sent by another within seconds and counts as crashed", async () => {
  const { house, owner } = await openDeadHouse();
  await wasSeen(house, owner, "4 seconds");
  const startedAtMs = performance.now();
  house.openProcess({ started: true, hot: true });
  await house.receiver.received(2);
  // A PostgreSQL that has just started waits for 5 s; the leases themselves last for 26.
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  await until("both are delivered", async () =>
    (await house.deliveries()).every(({ status }) => status === "delivered"),
  );
  expect((await house.deliveries()).map((row) => [row.attempt_count, row.crash_count])).toEqual([
    [2, 1],
    [2, 1],
  ]);
  expect(await isKnown(house, owner)).toBe(false);
});

test("a process that was seen a moment ago keeps its leases, though its session is lost", async () => {
  const { house, owner } = await openDeadHouse();
  await wasSeen(house, owner, "0 seconds");
  const other = house.openProcess({ started: true, hot: true });
  const stillThere = setInterval(() => wasSeen(house, owner, "0 seconds").catch(() => {}), 200);
  try {
    // It looks around at least four times, and for dead processes at least twice.
    for (let looks = 0; looks < 4; looks++) {
      const before = other.dispatcher.sincePollMs();
      await until("the other has looked around", () => {
        const since = other.dispatcher.sincePollMs();
        return since !== undefined && (before === undefined || since < before);
      });
      await until("a second has passed", () => (other.dispatcher.sincePollMs() ?? 0) > 700);
    }
    expect(house.receiver.requests).toEqual([]);
    expect(await onlyOwnerOf(house)).toBe(owner);
  } finally {
    clearInterval(stillThere);
  }
});

test("a process that stands still keeps its leases for as long as its session lasts, and loses them with it", async () => {
  const { house, owner } = await openDeadHouse();
  await wasSeen(house, owner, "1 hour");
  const key = BigInt.asIntN(64, BigInt(`0x${owner}`)).toString();
  let free = () => {};
  const freed = new Promise<void>((resolve) => {
    free = resolve;
  });
  const session = house.database.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${key}::bigint)`;
    const other = house.openProcess({ started: true, hot: true });
    for (let looks = 0; looks < 3; looks++) {
      await until("the other has looked around", () => (other.dispatcher.sincePollMs() ?? 0) > 700);
      await until("it looks again", () => (other.dispatcher.sincePollMs() ?? 1_000) < 700);
    }
    expect(house.receiver.requests).toEqual([]);
    expect(await isKnown(house, owner)).toBe(true);
    await freed;
  });
  free();
  await session;
  await house.receiver.received(2);
});

test("a process is seen again and again and holds the lock of its name while it lives, and is nowhere once it has ended", async () => {
  const house = await openHouse();
  const { sql } = house.database;
  const owners = () =>
    sql<{ owner: string; seen_at: Date }>`select owner, seen_at from lease_owners`;
  await until("it was seen", async () => (await owners()).length === 1);
  const [first] = await owners();
  await until("it was seen again", async () => {
    const [again] = await owners();
    return again !== undefined && first !== undefined && again.seen_at > first.seen_at;
  });
  const isFree = async () =>
    (
      await sql<{ free: boolean }>`
        select pg_try_advisory_xact_lock(('x' || ${first?.owner})::bit(64)::bigint) as free`
    )[0]?.free;
  expect(await isFree()).toBe(false);
  // Its lock is taken again after its session was lost.
  await sql`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where application_name = 'postrider listen' and datname = current_database()`;
  await until("it has locked again", async () => (await isFree()) === false);
  await house.close();
  expect(await owners()).toEqual([]);
  expect(await isFree()).toBe(true);
});

test("a process that ends before its attempts do stays known, so that others find it dead", async () => {
  const house = await openHouse({ shutdownSeconds: 0.2 });
  await house.subscribe({ events: ["workflow_created"] });
  const answer = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);
  const owner = await onlyOwnerOf(house);
  await until("it was seen", () => isKnown(house, owner));
  await house.close();
  expect(house.errors).toMatchObject([{ message: "no answer within 200 ms" }]);
  expect(await isKnown(house, owner)).toBe(true);
  answer();
});
