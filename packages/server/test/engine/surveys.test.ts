import { expect, onTestFinished, test } from "vitest";
import { listEndpoints } from "../../src/db/endpoints.ts";
import { readSurveyOfAllTeams, takeSurveyTurnOfAllTeams } from "../../src/db/surveys.ts";
import { breakerOf } from "../../src/domain/breaker.ts";
import { healthOf } from "../../src/domain/endpoint-health.ts";
import type { ReceiverStanding } from "../../src/domain/survey.ts";
import { openSurveys, takeSurvey } from "../../src/watch/survey.ts";
import { type House, openHouse, until } from "../support/house.ts";
import { receive } from "../support/received.ts";

const still = { hot: false, started: false };
const standingOf = (): ReceiverStanding => "new";
const events = ["workflow_created"];

const survey = ({ database }: House) => takeSurvey({ database, standingOf, retentionDays: 30 });

/** A process that surveys; it ends with the test. */
function openSurveyor({ database }: House, given: { nowMs?: () => number } = {}) {
  const errors: unknown[] = [];
  const surveys = openSurveys({
    database,
    standingOf,
    retentionDays: 30,
    nowMs: given.nowMs ?? Date.now,
    onError: (_message, error) => errors.push(error),
  });
  onTestFinished(() => surveys.close());
  return { surveys, errors };
}

test("due deliveries without a lease are counted; leased ones, late ones and those of a disabled receiver are not", async () => {
  const house = await openHouse(still);
  const { sql } = house.database;
  await house.subscribe({ events });
  const off = await house.subscribe({ events });
  const gone = await house.subscribe({ events });
  for (let made = 0; made < 4; made++) await house.workflow();
  await sql`update subscriptions set enabled = false where id = ${off.id}`;
  await sql`update subscriptions set deleted_at = now() where id = ${gone.id}`;
  const [first, second] = await house.deliveries();
  await sql`update deliveries set due_at = now() - interval '90 seconds' where subscription_id = ${off.id}`;
  await sql`
    update deliveries set due_at = now() + interval '1 minute', lease_token = gen_random_uuid()
    where id = ${first?.id}`;
  await sql`update deliveries set due_at = now() + interval '1 minute' where id = ${second?.id}`;
  const [due] = await sql<{ id: string }>`
    select d.id from deliveries d join subscriptions s on s.id = d.subscription_id
    where s.enabled and s.deleted_at is null and d.due_at <= now() limit 1`;
  await sql`update deliveries set due_at = now() - interval '40 seconds' where id = ${due?.id}`;

  const [counted] = await sql<{ count: number }>`
    select count(*)::int4 as count from deliveries d join subscriptions s on s.id = d.subscription_id
    where s.enabled and s.deleted_at is null and d.due_at <= now()`;
  expect(counted?.count).toBeGreaterThan(0);
  const { backlog, oldestDueMs } = await survey(house);
  expect(backlog).toEqual({
    quick: 0,
    new: counted?.count,
    full: 0,
    slow: 0,
    quiet: 0,
    failing: 0,
  });
  expect(oldestDueMs).toBeGreaterThanOrEqual(40_000);
  expect(oldestDueMs).toBeLessThan(60_000);
});

test("endpoints are counted by their health, and the failing ones are named", async () => {
  const house = await openHouse(still);
  const { database, teamId } = house;
  for (let made = 0; made < 5; made++) await house.subscribe({ events });
  for (let made = 0; made < 4; made++) await house.workflow();
  const rows = await house.deliveries();
  const ids = [...new Set(rows.map(({ subscription_id }) => subscription_id))];
  const of = (at: number) => rows.filter(({ subscription_id }) => subscription_id === ids[at]);
  const end = (at: number, outcomes: readonly ("failed" | "delivered")[]) =>
    receive(database, ...outcomes.map((outcome, one) => ({ id: of(at)[one]?.id ?? "", outcome })));
  await end(0, ["failed", "failed", "failed"]);
  await end(1, ["failed", "failed", "failed"]);
  await receive(database, { id: of(1)[3]?.id ?? "", outcome: "delivered" });
  await end(2, ["delivered"]);
  await end(3, ["failed", "failed", "failed"]);
  await database.sql`update subscriptions set enabled = false where id = ${ids[3]}`;

  const { rows: endpoints } = await listEndpoints(
    database,
    teamId,
    { contracts: null, states: null, ids: null, search: null },
    { offset: 0, limit: 100 },
  );
  const states = { healthy: 0, failing: 0, disabled: 0, idle: 0 };
  for (const { history } of endpoints) states[healthOf(history).state]++;
  expect(states).toEqual({ healthy: 2, failing: 1, disabled: 1, idle: 1 });

  const found = await survey(house);
  expect(found.endpoints).toEqual(states);
  const breakers = { closed: 0, open: 0, probing: 0 };
  for (const { contract, history, probeAt, probing } of endpoints) {
    breakers[breakerOf({ contract, enabled: history.enabled, probeAt, probing }).state]++;
  }
  expect(breakers).toMatchObject({ closed: 3, open: 2 });
  expect(found.breakers).toEqual(breakers);
  await database.sql`
    update failure_streaks set probe_token = gen_random_uuid(), probe_at = now() + interval '1 minute'
    where subscription_id = ${ids[0]}`;
  expect((await survey(house)).breakers).toEqual({ closed: 3, open: 1, probing: 1 });
  expect(found.failing).toEqual([
    { id: ids[0], contract: "workflow", failingMs: expect.any(Number) },
  ]);
  expect(found.backlog.failing).toBe(of(0).filter(({ id }) => id === of(0)[3]?.id).length);
});

test("an endpoint with a counted success is not failing, even if the process died before it recorded that", async () => {
  const house = await openHouse(still);
  const { sql } = house.database;
  await house.subscribe({ events });
  for (let made = 0; made < 3; made++) await house.workflow();
  const failed = (await house.deliveries()).map(({ id }) => ({ id, outcome: "failed" as const }));
  await receive(house.database, ...failed);
  expect((await survey(house)).endpoints).toMatchObject({ failing: 1, healthy: 0 });
  await sql`update rollups set last_success_at = now() + interval '1 millisecond'`;
  const found = await survey(house);
  expect(found.endpoints).toMatchObject({ failing: 0, healthy: 1 });
  expect(found.failing).toEqual([]);
});

test("one process takes the turn to survey, however many try at once, and none until it is over", async () => {
  const { database } = await openHouse(still);
  const ask = () =>
    Promise.all(Array.from({ length: 5 }, () => takeSurveyTurnOfAllTeams(database.sql, 60_000)));
  expect((await ask()).filter((taken) => taken)).toHaveLength(1);
  expect(await ask()).not.toContain(true);
  await database.sql`update surveys set next_at = now() - interval '1 second'`;
  expect((await ask()).filter((taken) => taken)).toHaveLength(1);
});

test("one of several processes makes the survey, and all of them read its result", async () => {
  const house = await openHouse(still);
  await house.subscribe({ events });
  await house.workflow();
  const processes = Array.from({ length: 4 }, () => openSurveyor(house));
  await until("all of them know", () =>
    processes.every(({ surveys }) => surveys.latest()?.backlog?.new === 1),
  );
  const [row] = await house.database.sql<{ updates: number }>`
    select n_tup_upd::int4 as updates from pg_stat_user_tables where relname = 'surveys'`;
  // The turn and what was found; statistics may lag behind, and never run ahead.
  expect(row?.updates).toBeLessThanOrEqual(2);
  expect((await readSurveyOfAllTeams(house.database.sql)).isDue).toBe(false);
  expect(processes.flatMap(({ errors }) => errors)).toEqual([]);
});

test("a survey is used for a minute, and is not shown when it is older", async () => {
  const house = await openHouse(still);
  await survey(house);
  await house.database.sql`
    update surveys set taken_at = now() - interval '59 seconds', next_at = 'infinity'`;
  const believing = openSurveyor(house);
  await until("it is read", () => believing.surveys.ageMs() !== undefined);
  expect(believing.surveys.latest()?.endpoints).toBeDefined();
  await house.database.sql`update surveys set taken_at = now() - interval '61 seconds'`;
  const doubting = openSurveyor(house);
  await until("it is read", () => doubting.surveys.ageMs() !== undefined);
  expect(doubting.surveys.latest()).toBeUndefined();
  expect(doubting.surveys.ageMs()).toBeGreaterThan(60_000);
});

test("the database's clock is compared with this machine's", async () => {
  const house = await openHouse(still);
  const { surveys } = openSurveyor(house, { nowMs: () => Date.now() - 90_000 });
  await until("it is read", () => surveys.clockOffsetMs() !== undefined);
  expect(surveys.clockOffsetMs()).toBeGreaterThan(85_000);
  expect(surveys.clockOffsetMs()).toBeLessThan(95_000);
});

test("partitions that are missing and days that are kept too long are found", async () => {
  const house = await openHouse(still);
  const { sql } = house.database;
  expect(await survey(house)).toMatchObject({ partitionsAhead: 0, retentionLagDays: 0 });
  await sql`
    create table events_20250101 partition of events
    for values from ('2025-01-01') to ('2025-01-02')`;
  const [{ days = 0 } = {}] = await sql<{ days: number }>`
    select ((now() at time zone 'UTC')::date - date '2025-01-01')::int4 - 30 as days`;
  expect((await survey(house)).retentionLagDays).toBe(days);
  await sql`drop table events_20250101`;
});
