import { beforeAll, expect, test } from "vitest";
import { type DeliveryFilter, listDeliveries } from "../../src/db/history.ts";
import { listLogs } from "../../src/db/logs.ts";
import {
  type Database,
  type DatabasePool,
  openDatabase,
  openTeamDatabase,
} from "../../src/db/pool.ts";
import { part, type Sql, type SqlPart } from "../../src/db/sql.ts";
import { newId } from "../../src/ids.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { countRowsLookedAt, vacuumDeliveries, type Where } from "../support/rows-looked-at.ts";

const teamId = newId();
const workflowIds = [newId(), newId(), newId()];
const subscriptions = [
  { id: newId(), contract: "workflow" },
  { id: newId(), contract: "workflow" },
  { id: newId(), contract: "organisation" },
] as const;
const deliveriesMade = 18_000;

const everything: DeliveryFilter = {
  subscriptionId: null,
  workflowId: null,
  eventType: null,
  status: null,
  search: null,
  start: null,
  end: null,
};
const [ours, second, theirs] = subscriptions.map(({ id }) => id) as [string, string, string];
const [busy, quiet, unused] = workflowIds as [string, string, string];

/** A team of more subscriptions and workflows than can be merged. */
const manyOwner = { teamId: newId(), contract: "workflow" };
const manySubscriptions = Array.from({ length: 25 }, () => newId());
const manyWorkflows = Array.from({ length: 120 }, () => newId());

let database: DatabasePool;
/** As the API reads: the database itself hides all other teams. */
let walled: Database;

// All tests read the same history and none of them writes: it is made once.
beforeAll(async () => {
  const home: TestDatabase = await createDatabase();
  const connections = {
    url: home.url,
    name: "test",
    connectionsMax: 4,
    statementTimeoutMs: 30_000,
    onError: () => {},
  };
  database = openDatabase({ ...connections, role: "owner" });
  const team = openTeamDatabase({ ...connections, role: "postrider_team" });
  walled = team.forTeams([teamId, manyOwner.teamId]);
  await furnish(database.sql);
  await furnishMany(database.sql);
  await vacuumDeliveries(database.sql);
  await database.sql`analyze events`;
  return async () => {
    await team.close();
    await database.close();
    await home.drop();
  };
}, 60_000);

/** One delivery a minute, one event each; every 9,000th is of a rare type, every 50th failed, the last ones are pending. */
async function furnish(sql: Sql): Promise<void> {
  await sql`insert into teams (id, name) values (${teamId}, 'test')`;
  for (const { id, contract } of subscriptions) {
    await sql`
      insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds,
        max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
      values (${teamId}, ${id}, ${contract}, 'a subscription', 'https://example.com/', '{any}', 10,
        3, 10, '', 'system', 'system')`;
  }
  await sql`
    insert into workflows (team_id, id, name, version_number, created_by, updated_by, created_at, updated_at)
    select ${teamId}, id, name, 1, 'system', 'system', now(), now()
    from unnest(${workflowIds}::text[], array['Busy one', 'Quiet one', 'Never run']) w (id, name)`;
  await sql`
    with made as materialized (
      select n, now() - (${deliveriesMade} - n) * interval '1 minute' as created_at,
             md5('event ' || n)::uuid as event_id,
             case when n % 3 = 2 then 'organisation' else 'workflow' end as contract,
             case when n % 3 = 2 then 'workflow.' else 'workflow_run_' end
               || case when n % 9000 < 3 then case when n % 3 = 2 then 'failed' else 'started' end else 'completed' end as event_type,
             case when n > ${deliveriesMade} - 30 then 'pending' when n % 50 = 0 then 'failed' else 'delivered' end as status,
             n <= ${deliveriesMade} - 30 or n % 4 = 0 as attempted
      from generate_series(1, ${deliveriesMade}::int) n
    ), events as (
      insert into events (id, created_at, team_id, contract, event_type, dedupe_key, workflow_id, created_by, payload)
      select event_id, created_at, ${teamId}, contract, event_type, 'test:' || n,
             case when n % 100 = 1 then ${quiet} else ${busy} end, 'system', '{}'
      from made
    ), attempts as (
      insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
        status_code, error_code, will_retry)
      select lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0') || lpad(to_hex(n), 16, '0'), 1,
             created_at, lpad(to_hex(n), 24, '0'), ${teamId}, 'https://example.com/',
             status = 'delivered', 200, case when status <> 'delivered' then 'bad_status' end, status = 'pending'
      from made where attempted
    )
    insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type, workflow_id,
      status, due_at, finished_at, attempt_count, last_attempt_at)
    select ${teamId}, lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0') || lpad(to_hex(n), 16, '0'),
           event_id, created_at,
           (array[${ours}, ${second}, ${theirs}]::text[])[1 + n % 3], event_type,
           case when contract = 'workflow' then case when n % 100 = 1 then ${quiet} else ${busy} end end,
           status,
           case when status = 'pending' then now() end,
           case when status <> 'pending' then created_at end,
           attempted::int, case when attempted then created_at end
    from made`;
}

/** 24 deliveries of each subscription, five of each workflow, a minute between them. */
async function furnishMany(sql: Sql): Promise<void> {
  const { teamId } = manyOwner;
  await sql`insert into teams (id, name) values (${teamId}, 'many')`;
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds,
      max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select ${teamId}, id, 'workflow', 'one of many', 'https://example.com/', '{any}', 10, 3, 10, '',
      'system', 'system'
    from unnest(${manySubscriptions}::text[]) as s (id)`;
  await sql`
    insert into workflows (team_id, id, name, version_number, created_by, updated_by, created_at, updated_at)
    select ${teamId}, id, 'One of many', 1, 'system', 'system', now(), now()
    from unnest(${manyWorkflows}::text[]) as w (id)`;
  await sql`
    with made as materialized (
      select n, now() - n * interval '1 minute' as created_at, md5('one of many ' || n)::uuid as event_id,
             (${manyWorkflows}::text[])[1 + n % 120] as workflow_id
      from generate_series(1, 600) n
    ), events as (
      insert into events (id, created_at, team_id, contract, event_type, dedupe_key, workflow_id, created_by, payload)
      select event_id, created_at, ${teamId}, 'workflow', 'workflow_run_completed', 'many:' || n, workflow_id,
             'system', '{}'
      from made
    )
    insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type, workflow_id,
      status, due_at, finished_at, attempt_count, last_attempt_at)
    select ${teamId}, lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0') || lpad(to_hex(n), 16, '0'),
           event_id, created_at, (${manySubscriptions}::text[])[1 + n % 25], 'workflow_run_completed', workflow_id,
           case when n % 9 = 0 then 'failed' else 'delivered' end, null, created_at, 1, created_at
    from made`;
}

const owner = { teamId, contract: "workflow" };

/** The ids that a filter stands for, newest first, by the plainest query there is. */
async function expected(filter: Partial<DeliveryFilter>, { teamId } = owner): Promise<string[]> {
  const { subscriptionId, workflowId, eventType, status, start, end } = {
    ...everything,
    ...filter,
  };
  const rows = await database.sql<{ id: string }>`
    select d.id from deliveries d
    join subscriptions s on s.id = d.subscription_id
    join events e on e.id = d.event_id
    where d.team_id = ${teamId} and s.contract = 'workflow'
      and coalesce(d.subscription_id = ${subscriptionId}, true)
      and coalesce(e.workflow_id = ${workflowId}, true)
      and coalesce(d.event_type = ${eventType}, true)
      and coalesce(case when d.status = 'pending' and d.last_attempt_at is not null then 'retrying'
                        else d.status end = ${status}, true)
      and coalesce(d.created_at >= ${start}::timestamptz, true)
      and coalesce(d.created_at < ${end}::timestamptz, true)
    order by d.id desc`;
  return rows.map(({ id }) => id);
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
const filters: Partial<DeliveryFilter>[] = [
  {},
  { status: "delivered" },
  { status: "failed" },
  { status: "pending" },
  { status: "retrying" },
  { eventType: "workflow_run_completed" },
  { eventType: "workflow_run_started" },
  { eventType: "workflow_deleted" },
  { eventType: "workflow_run_started", status: "failed" },
  { subscriptionId: ours },
  { subscriptionId: theirs },
  { subscriptionId: ours, status: "failed" },
  { subscriptionId: second, eventType: "workflow_run_started" },
  { workflowId: busy },
  { workflowId: busy, status: "failed" },
  { workflowId: busy, status: "pending" },
  { workflowId: busy, status: "retrying" },
  { workflowId: busy, eventType: "workflow_run_started" },
  { workflowId: busy, subscriptionId: second },
  { workflowId: quiet },
  { workflowId: unused },
  { start: hoursAgo(30), end: hoursAgo(20) },
  { start: hoursAgo(30), status: "failed" },
  { end: hoursAgo(290), eventType: "workflow_run_started" },
  { workflowId: busy, start: hoursAgo(30), end: hoursAgo(20) },
];

test.each(filters)("every page and the total of %j are those of a plain query", async (filter) => {
  const all = await expected(filter);
  const listed = async (offset: number, limit: number) => {
    const page = { offset, limit, withPayload: false };
    const list = await listDeliveries(walled, owner, { ...everything, ...filter }, page);
    if (!list.totalIsEstimate) expect(list.total).toBe(all.length);
    return list.rows.map(({ id }) => id);
  };
  expect(await listed(0, 7)).toEqual(all.slice(0, 7));
  expect(await listed(3, 300)).toEqual(all.slice(3, 303));
  expect(await listed(5_000, 50)).toEqual(all.slice(5_000, 5_050));
  const end = Math.max(0, all.length - 5);
  expect(await listed(end, 10)).toEqual(all.slice(end));
});

test.each([
  ["Busy", 300],
  ["one", 300],
  ["never", 0],
  ["nobody", 0],
])("a search for %s finds the deliveries of the workflows so named", async (search, count) => {
  const page = { offset: 0, limit: 300, withPayload: false };
  const list = await listDeliveries(walled, owner, { ...everything, search }, page);
  expect(list.rows).toHaveLength(count);
});

test.each([
  {},
  { status: "failed" },
  { status: "pending" },
  { eventType: "workflow_run_completed" },
  { eventType: "workflow_run_completed", status: "delivered" },
  { search: "one of" },
  { search: "one of", status: "failed" },
] satisfies Partial<DeliveryFilter>[])(
  "more subscriptions and workflows than can be merged are listed alike: %j",
  async (filter) => {
    const all = await expected(filter, manyOwner);
    for (const [offset, limit] of [
      [0, 7],
      [100, 300],
      [Math.max(0, all.length - 3), 5],
      [all.length, 5],
    ] as const) {
      const page = { offset, limit, withPayload: false };
      const list = await listDeliveries(walled, manyOwner, { ...everything, ...filter }, page);
      expect(list.rows.map(({ id }) => id)).toEqual(all.slice(offset, offset + limit));
      expect(list.total).toBe(all.length);
    }
  },
);

test("pages of logs follow one another without a gap, attempts in flight left out", async () => {
  const rows = await database.sql<{ id: string }>`
    select a.id from attempts a join deliveries d on d.id = a.delivery_id
    where d.subscription_id = ${theirs} order by d.id desc, a.number desc`;
  const all = rows.map(({ id }) => id);
  const logs = { teamId, contract: "organisation" };
  for (const offset of [0, 40, 5_900, all.length]) {
    const filter = { subscriptionId: null, eventType: null, start: null, end: null };
    const list = await listLogs(walled, logs, filter, { offset, limit: 100 });
    expect(list.rows.map(({ id }) => id)).toEqual(all.slice(offset, offset + 100));
    expect(list.total).toBe(all.length);
  }
});

const rowsLookedAt = (list: (database: Database) => Promise<unknown>, where?: Where) =>
  countRowsLookedAt(walled, list, where);

test.each([
  {},
  { subscriptionId: ours },
  { eventType: "workflow_run_completed" },
  { status: "failed" },
  { subscriptionId: ours, status: "failed" },
  { workflowId: busy },
  { workflowId: busy, status: "failed" },
] satisfies Partial<DeliveryFilter>[])(
  "a list is found and counted in its index alone, behind the wall between teams as well: %j",
  async (filter) => {
    const page = { offset: 3_000, limit: 5, withPayload: false };
    const looked = await rowsLookedAt(
      (db) => listDeliveries(db, owner, { ...everything, ...filter }, page),
      "in tables",
    );
    expect(looked).toBeLessThan(30);
  },
);

test("the planner takes a subscription and a workflow for one team's: a small team's totals are not estimated too low", async () => {
  const estimateOf = async (condition: SqlPart) => {
    const [row] = await database.sql<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>`
      explain (format json)
      select from deliveries d where d.team_id = ${manyOwner.teamId} and ${condition}`;
    return row?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
  };
  const [subscriptionId, workflowId] = [manySubscriptions[0], manyWorkflows[0]];
  expect(await estimateOf(part`d.subscription_id = ${subscriptionId}`)).toBeGreaterThan(12);
  expect(await estimateOf(part`d.workflow_id = ${workflowId}`)).toBeGreaterThanOrEqual(3);
});

test("a page reads no further than it reaches, and one beyond 10,000 is not counted", async () => {
  const page = { offset: 11_000, limit: 5, withPayload: false };
  const looked = await rowsLookedAt((db) => listDeliveries(db, owner, everything, page));
  expect(looked).toBeLessThan(11_005 + 30);
  const list = await listDeliveries(walled, owner, everything, page);
  expect(list).toMatchObject({ totalIsEstimate: true });
  expect(list.total).toBeGreaterThanOrEqual(11_005);
});

test.each([
  { status: "failed", eventType: "workflow_run_started" },
  { subscriptionId: ours, eventType: "workflow_deleted" },
  { subscriptionId: ours, eventType: "workflow_run_started" },
  { workflowId: busy, eventType: "workflow_run_started" },
  { workflowId: unused },
] satisfies Partial<DeliveryFilter>[])(
  "a list of what is rare does not read through the history: %j",
  async (filter) => {
    const page = { offset: 0, limit: 300, withPayload: true };
    const looked = await rowsLookedAt((db) =>
      listDeliveries(db, owner, { ...everything, ...filter }, page),
    );
    expect(looked).toBeLessThan(500);
  },
);

test("a first page of failures looks at failures only", async () => {
  const page = { offset: 0, limit: 20, withPayload: false };
  const looked = await rowsLookedAt((db) =>
    listDeliveries(db, owner, { ...everything, status: "failed" }, page),
  );
  expect(looked).toBeLessThan(deliveriesMade / 50 + 200);
});

test.each(["workflow.failed", "workflow.step.failed"])(
  "logs of the rare event type %s do not read through the history",
  async (eventType) => {
    const logs = { teamId, contract: "organisation" };
    const looked = await rowsLookedAt((db) =>
      listLogs(
        db,
        logs,
        { subscriptionId: null, eventType, start: null, end: null },
        { offset: 0, limit: 100 },
      ),
    );
    expect(looked).toBeLessThan(100);
  },
);
