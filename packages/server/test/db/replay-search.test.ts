import { beforeAll, expect, test } from "vitest";
import { readWalkStart } from "../../src/db/delivery-search.ts";
import { everyDelivery } from "../../src/db/delivery-sought.ts";
import { type Database, type DatabasePool, openDatabase } from "../../src/db/pool.ts";
import {
  countToReplay,
  findToReplay,
  type ReplayScope,
  type ReplaySearch,
} from "../../src/db/replay-search.ts";
import type { ReplayedKind } from "../../src/domain/replay.ts";
import { newId } from "../../src/ids.ts";
import { createDatabase } from "../support/postgres.ts";

const teamId = newId();
const [busy, rare] = [newId(), newId()];
const deliveriesMade = 50_000;
/** Every so many is of the rare subscription. */
const rareEvery = 7_000;

let database: DatabasePool;

// All tests read the same history and none of them writes: it is made once.
beforeAll(async () => {
  const home = await createDatabase();
  database = openDatabase({
    url: home.url,
    name: "test",
    role: "owner",
    connectionsMax: 2,
    statementTimeoutMs: 30_000,
    onError: () => {},
  });
  const { sql } = database;
  await sql`insert into teams (id, name) values (${teamId}, 'test')`;
  for (const id of [busy, rare]) {
    await sql`
      insert into subscriptions (team_id, id, contract, name, url, event_types, enabled, timeout_seconds,
        max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
      values (${teamId}, ${id}, 'workflow', 'a', 'https://example.com', '{workflow_run_started}', true, 10,
        3, 10, '', 'system', 'system')`;
  }
  // A second apart; every other one has failed.
  await sql`
    insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type, status,
      finished_at, due_at)
    select ${teamId}, lpad(to_hex(extract(epoch from at)::bigint), 8, '0') || lpad(to_hex(n), 16, '0'),
           gen_random_uuid(), at, case when n % ${rareEvery} = 0 then ${rare} else ${busy} end,
           'workflow_run_started', case when n % 2 = 0 then 'failed' else 'delivered' end, now(), null
    from generate_series(1, ${deliveriesMade}) n
    cross join lateral (select date_trunc('second', now()) - interval '2 days' + n * interval '1 second') made (at)`;
  return async () => {
    await database.close();
    await home.drop();
  };
}, 60_000);

const scopeOf = async (search: ReplaySearch, which: ReplayedKind): Promise<ReplayScope> => ({
  search,
  which,
  start: await readWalkStart(database.sql),
  createdAt: new Date(),
});

/** Goes through all that is found, so many at once; says how many steps it took. */
async function findAll(scope: ReplayScope, limit: number) {
  const ids: string[] = [];
  let steps = 0;
  for (let position: string | null = ""; position !== null; steps++) {
    const { found, next } = await findToReplay(database.sql, teamId, scope, { position, limit });
    expect(found.length).toBeLessThanOrEqual(limit);
    ids.push(...found.map(({ id }) => id));
    position = next;
  }
  return { ids, steps };
}

const expected = async (sql: Database["sql"], subscriptionIds: string[], statuses: string[]) =>
  (
    await sql<{ id: string }>`
      select id from deliveries
      where team_id = ${teamId} and subscription_id = any(${subscriptionIds}) and status = any(${statuses})
      order by id`
  ).map(({ id }) => id);

test("what is found over many steps is each delivery that matches, once, in the order of ids", async () => {
  const { sql } = database;
  const all = { deliveries: everyDelivery };
  const failed = await findAll(await scopeOf(all, "failed"), 7_000);
  expect(failed.ids).toEqual(await expected(sql, [busy, rare], ["failed"]));
  const both = await findAll(await scopeOf(all, "all"), 15_000);
  expect(both.ids).toEqual(await expected(sql, [busy, rare], ["failed", "delivered"]));
});

test("a step looks at 20,000 deliveries and not at all of them, and one in between is not left out", async () => {
  const { sql } = database;
  const ofRare = { deliveries: { ...everyDelivery, subscriptionIds: [rare] } };
  const { ids, steps } = await findAll(await scopeOf(ofRare, "failed"), 50);
  expect(ids).toEqual(await expected(sql, [rare], ["failed"]));
  // 25,000 have failed.
  expect(steps).toBe(2);
});

test("what is counted is what is found, and when the first and the last were made", async () => {
  for (const search of [
    { deliveries: everyDelivery },
    { deliveries: { ...everyDelivery, subscriptionIds: [rare] } },
    { deliveries: { ...everyDelivery, contracts: ["organisation"] } },
    {
      events: {
        subscriptionId: rare,
        workflowId: null,
        eventType: null,
        status: null,
        search: null,
        start: null,
        end: null,
      },
    },
  ]) {
    for (const which of ["failed", "all"] as const) {
      const scope = await scopeOf(search, which);
      const { ids } = await findAll(scope, 30_000);
      let matching = 0;
      const times: (Date | null)[] = [];
      for (let position: string | null = ""; position !== null; ) {
        const { next, ...read } = await countToReplay(database.sql, teamId, scope, position);
        matching += read.matching;
        times.push(read.oldest, read.newest);
        position = next;
      }
      expect(matching).toBe(ids.length);
      const seconds = times.flatMap((time) => (time ? [time.getTime() / 1_000] : []));
      if (ids.length === 0) expect(seconds).toEqual([]);
      else {
        const ofId = (id: string | undefined) => Number.parseInt(id?.slice(0, 8) ?? "", 16);
        expect([Math.min(...seconds), Math.max(...seconds)]).toEqual([
          ofId(ids[0]),
          ofId(ids.at(-1)),
        ]);
      }
    }
  }
});
