import { beforeAll, expect, test } from "vitest";
import { searchDeliveries } from "../../src/db/delivery-search.ts";
import { type DeliverySearch, everyDelivery } from "../../src/db/delivery-sought.ts";
import {
  type Database,
  type DatabasePool,
  openDatabase,
  openTeamDatabase,
} from "../../src/db/pool.ts";
import type { WalkPosition } from "../../src/db/walks.ts";
import { newId } from "../../src/ids.ts";
import { createDatabase } from "../support/postgres.ts";
import { countRowsLookedAt, vacuumDeliveries } from "../support/rows-looked-at.ts";

const teamId = newId();
const manyTeamId = newId();
const [busy, quiet, old] = [newId(), newId(), newId()];
const contracts = ["workflow", "organisation", "assistant"] as const;
/** Two subscriptions of each contract. */
const subscriptions = [...contracts, ...contracts].map((contract) => ({ id: newId(), contract }));
const types = {
  workflow: ["workflow_run_completed", "workflow_run_started"],
  organisation: ["workflow.completed", "workflow.failed"],
  assistant: ["status-update", "hang"],
};
const deliveriesMade = 30_000;

let database: DatabasePool;
/** As the API reads: the database itself hides all other teams. */
let walled: Database;

// All tests read the same history and none of them writes: it is made once.
beforeAll(async () => {
  const home = await createDatabase();
  const connections = {
    url: home.url,
    name: "test",
    connectionsMax: 4,
    statementTimeoutMs: 30_000,
    onError: () => {},
  };
  database = openDatabase({ ...connections, role: "owner" });
  const team = openTeamDatabase({ ...connections, role: "postrider_team" });
  walled = team.forTeams([teamId, manyTeamId]);
  await furnish(teamId, subscriptions, deliveriesMade);
  const many = Array.from({ length: 130 }, () => ({ id: newId(), contract: "workflow" as const }));
  await furnish(manyTeamId, many, 600);
  await vacuumDeliveries(database.sql);
  await database.sql`analyze events`;
  await database.sql`analyze attempts`;
  return async () => {
    await team.close();
    await database.close();
    await home.drop();
  };
}, 60_000);

/**
 * One delivery a minute, its event, and its attempt: the types of a contract in turn, a rare one every 9,000 rows. Every
 * 50th failed, by a code in turn; the last ones are pending, half of them retrying.
 */
async function furnish(
  team: string,
  takers: readonly { id: string; contract: (typeof contracts)[number] }[],
  count: number,
): Promise<void> {
  const { sql } = database;
  await sql`insert into teams (id, name) values (${team}, 'test')`;
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds,
      max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select ${team}, id, contract, 'a subscription', 'https://example.com/', '{any}', 10, 3, 10, '',
      'system', 'system'
    from unnest(${takers.map(({ id }) => id)}::text[], ${takers.map(({ contract }) => contract)}::text[])
      as s (id, contract)`;
  await sql`
    insert into workflows (team_id, id, name, version_number, created_by, updated_by, created_at, updated_at)
    select ${team}, id, 'one', 1, 'system', 'system', now(), now()
    from unnest(${[busy, quiet, old]}::text[]) w (id)`;
  // Too many for their events to be named one by one.
  await sql`
    insert into runs (team_id, id, workflow_id, status, trigger, version_number, started_at, created_by, updated_by,
      created_at, updated_at)
    select ${team}, left(md5(w.id || n), 24), w.id, 'started', 'manual', 1, now(), 'system', 'system', now(), now()
    from unnest(${[busy, quiet, old]}::text[]) w (id), generate_series(1, 201) n`;
  const common = takers.map(({ contract }) => types[contract][0]);
  const rare = takers.map(({ contract }) => types[contract][1]);
  await sql`
    create temporary table made as
    select n, now() - (${count} - n) * interval '1 minute' as created_at,
           md5(${team} || n)::uuid as event_id, lpad(to_hex(n), 24, '0') as id,
           (${takers.map(({ id }) => id)}::text[])[1 + n % ${takers.length}] as subscription_id,
           (${takers.map(({ contract }) => contract)}::text[])[1 + n % ${takers.length}] as contract,
           case when n % 9000 < 6 then (${rare}::text[])[1 + n % ${takers.length}]
                else (${common}::text[])[1 + n % ${takers.length}] end as event_type,
           case when n > ${count} - 60 then 'pending' when n % 50 = 0 then 'failed' else 'delivered' end as status,
           n % 2 = 0 or n <= ${count} - 60 as attempted,
           case when n <= 90 then ${old} when n % 100 < 2 then ${quiet} else ${busy} end as workflow_id,
           case when n % 50 <> 0 and n <= ${count} - 60 then null
                when n % 150 = 0 then 'timeout' else 'http_status' end as error_code
    from generate_series(1, ${count}::int) n`;
  // Ids carry the time: the newest row has the present one.
  await sql`
    update made set id = lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0') || right(id, 16)`;
  await sql`
    insert into events (id, created_at, team_id, contract, event_type, dedupe_key, workflow_id, created_by, payload)
    select event_id, created_at, ${team}, contract, event_type, 'test:' || n,
           case when contract <> 'assistant' then workflow_id end, 'system', '{}' from made`;
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
      status_code, error_code, will_retry)
    select id, 1, created_at, lpad(to_hex(n), 24, '0'), ${team}, 'https://example.com/',
           status = 'delivered', 200, error_code, false
    from made where attempted`;
  await sql`
    insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type, workflow_id,
      status, due_at, finished_at, attempt_count, last_attempt_at)
    select ${team}, id, event_id, created_at, subscription_id, event_type,
           case when contract = 'workflow' then workflow_id end, status,
           case when status = 'pending' then now() end,
           case when status <> 'pending' then created_at end,
           attempted::int, case when attempted then created_at end
    from made`;
  await sql`drop table made`;
}

/** The ids that a search stands for, newest first, by the plainest query there is. */
async function expected(search: Partial<DeliverySearch>, team = teamId): Promise<string[]> {
  const asked = { ...everyDelivery, ...search };
  const subject = asked.subject as { id: string } | null;
  const rows = await database.sql<{ id: string }>`
    select d.id from deliveries d
    join subscriptions s on s.id = d.subscription_id
    join events e on e.id = d.event_id
    left join attempts a on a.delivery_id = d.id
    where d.team_id = ${team}
      and coalesce(d.subscription_id = any(${asked.subscriptionIds}::text[]), true)
      and coalesce(s.contract = any(${asked.contracts}::text[]), true)
      and coalesce(d.event_type = any(${asked.eventTypes}::text[]), true)
      and coalesce(case when d.status = 'pending' and d.last_attempt_at is not null then 'retrying'
                        else d.status end = any(${asked.statuses}::text[]), true)
      and (${subject === null} or e.workflow_id = ${subject?.id ?? ""})
      and coalesce(d.event_id = any(${asked.eventIds}::uuid[]), true)
      and (${asked.errorCodes === null} or a.error_code = any(${asked.errorCodes}::text[]))
      and coalesce(d.created_at >= ${asked.from}::timestamptz, true)
      and coalesce(d.created_at < ${asked.to}::timestamptz, true)
    order by d.id desc`;
  return rows.map(({ id }) => id);
}

/** Follows a list to its end, and says how many pages it took. */
async function follow(search: Partial<DeliverySearch>, limit: number, team = teamId) {
  const ids: string[] = [];
  let [after, pages] = [undefined as WalkPosition | undefined, 0];
  do {
    const page = { offset: 0, limit, after };
    const read = await searchDeliveries(walled, team, { ...everyDelivery, ...search }, page);
    expect(read.rows.length).toBeLessThanOrEqual(limit);
    ids.push(...read.rows.map(({ id }) => id));
    after = read.next ?? undefined;
    pages++;
  } while (after !== undefined);
  return { ids, pages };
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
const [a, b, c, otherA] = subscriptions.map(({ id }) => id) as [string, string, string, string];
const rare = types.workflow[1] ?? "";
const searches: Partial<DeliverySearch>[] = [
  {},
  { statuses: ["failed"] },
  { statuses: ["pending"] },
  { statuses: ["retrying"] },
  { statuses: ["pending", "retrying"] },
  { statuses: ["failed", "retrying"] },
  { statuses: ["delivered"] },
  { statuses: ["delivered", "pending"] },
  { contracts: ["assistant"] },
  { contracts: ["assistant", "organisation"], statuses: ["failed"] },
  { subscriptionIds: [a] },
  { subscriptionIds: [a, c], statuses: ["failed"] },
  { subscriptionIds: [b], contracts: ["workflow"] },
  { subscriptionIds: [otherA], statuses: ["pending"] },
  { subscriptionIds: [newId()] },
  { eventTypes: [rare] },
  { eventTypes: [rare, "hang"] },
  { eventTypes: ["workflow_deleted"] },
  { eventTypes: [rare], statuses: ["failed"] },
  { errorCodes: ["timeout"] },
  { errorCodes: ["timeout", "http_status"], contracts: ["workflow"] },
  { errorCodes: ["http_status"], statuses: ["failed"] },
  { errorCodes: ["http_status"], statuses: ["retrying", "delivered"] },
  { errorCodes: ["http_status"], statuses: ["delivered"] },
  { errorCodes: ["no_such_code"] },
  { subject: { id: quiet } },
  { subject: { id: quiet }, statuses: ["failed"] },
  { subject: { id: busy }, contracts: ["organisation"] },
  { subject: { id: busy }, contracts: ["workflow"], eventTypes: [rare] },
  { from: hoursAgo(30), to: hoursAgo(20) },
  { from: hoursAgo(30), statuses: ["failed"] },
  { to: hoursAgo(490), contracts: ["workflow"] },
];

test.each(searches)("the pages of %j are those of a plain query", async (search) => {
  const all = await expected(search);
  const { ids } = await follow(search, 200);
  expect(ids).toEqual(all);
  const few = { offset: 0, limit: 7, after: undefined };
  const { rows } = await searchDeliveries(walled, teamId, { ...everyDelivery, ...search }, few);
  expect(rows.map(({ id }) => id)).toEqual(all.slice(0, rows.length));
});

test("the filters of the searches above find something, but where nothing can match", async () => {
  const counts = await Promise.all(searches.map(async (one) => (await expected(one)).length));
  expect(counts.filter((count) => count === 0)).toHaveLength(5);
});

test.each<Partial<DeliverySearch>>([
  {},
  { contracts: ["workflow"] },
  { contracts: ["assistant"] },
  { statuses: ["failed"] },
  { statuses: ["pending"] },
  { eventTypes: [rare], statuses: ["failed", "pending"] },
])("more subscriptions than can be merged are listed alike: %j", async (search) => {
  const { ids } = await follow(search, 50, manyTeamId);
  expect(ids).toEqual(await expected(search, manyTeamId));
});

test.each<Partial<DeliverySearch>>([
  {},
  { statuses: ["failed"] },
  { statuses: ["pending", "retrying"] },
  { subscriptionIds: [a] },
  { contracts: ["assistant"] },
  { eventTypes: [rare] },
  { eventTypes: [rare], statuses: ["failed"] },
  { eventTypes: ["workflow_deleted"] },
  { errorCodes: ["http_status"], statuses: ["retrying"] },
  { subject: { id: quiet }, contracts: ["workflow"] },
  { subject: { id: newId() } },
])("a page does not read through the history: %j", async (search) => {
  const page = { offset: 0, limit: 20, after: undefined };
  const looked = await countRowsLookedAt(walled, (db) =>
    searchDeliveries(db, teamId, { ...everyDelivery, ...search }, page),
  );
  expect(looked).toBeLessThan(1_000);
});

test("a page can be empty although others follow: it looks at a bounded part of what no index knows", async () => {
  const search: Partial<DeliverySearch> = { subject: { id: old }, contracts: ["organisation"] };
  const page = { offset: 0, limit: 20, after: undefined };
  const first = await searchDeliveries(walled, teamId, { ...everyDelivery, ...search }, page);
  expect([first.rows.length, first.next === null]).toEqual([0, false]);
  const { ids, pages } = await follow(search, 20);
  expect(ids).toEqual(await expected(search));
  expect([ids.length > 20, pages < 6]).toEqual([true, true]);
});
