import { expect, onTestFinished, test } from "vitest";
import { readList } from "../../src/db/lists.ts";
import { type Database, openDatabase, type Sql } from "../../src/db/sql.ts";
import { createDatabase } from "../support/postgres.ts";

async function open(): Promise<Database> {
  const home = await createDatabase();
  const database = openDatabase({
    url: home.url,
    name: "test",
    role: "owner",
    connectionsMax: 2,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
  onTestFinished(async () => {
    await database.close();
    await home.drop();
  });
  return database;
}

const noRows = async () => [];
const countSeries = (rows: number) => (sql: Sql, limit: number | null) =>
  sql`
  select count(*)::int as count from (
    select from generate_series(1, ${rows}::int) n limit ${limit}
  ) matching`;

test("a total is exact up to 10,000 and says so when it is an estimate", async () => {
  const database = await open();
  const totalOf = async (rows: number) => {
    const list = await readList(database, { page: noRows, count: countSeries(rows) });
    return [list.total, list.totalIsEstimate];
  };
  expect(await totalOf(0)).toEqual([0, false]);
  expect(await totalOf(10_000)).toEqual([10_000, false]);
  expect(await totalOf(10_001)).toEqual([10_001, true]);
  expect(await totalOf(50_000)).toEqual([50_000, true]);
});

test("a page that takes too long is query_too_slow before 2 seconds are over", async () => {
  const database = await open();
  const startedAtMs = performance.now();
  const list = readList(database, {
    page: (sql) => sql`select pg_sleep(5)`,
    count: countSeries(1),
  });
  await expect(list).rejects.toMatchObject({ code: "query_too_slow" });
  expect(performance.now() - startedAtMs).toBeLessThan(3_000);
});

test("a count that takes too long becomes an estimate, and the page is still answered", async () => {
  const database = await open();
  const list = await readList(database, {
    page: (sql) => sql<{ n: number }>`select 1 as n`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select pg_sleep(5) from generate_series(1, 7) n limit ${limit}
      ) matching`,
  });
  expect(list.rows).toEqual([{ n: 1 }]);
  expect(list.totalIsEstimate).toBe(true);
});

test("a page that begins beyond 10,000 is counted only when it is empty", async () => {
  const database = await open();
  const offset = 10_000;
  const count = countSeries(7);
  const full = await readList(database, {
    page: (sql) => sql<{ n: number }>`select generate_series(1, 3) as n`,
    count,
    offset,
  });
  expect([full.total, full.totalIsEstimate]).toEqual([10_003, true]);
  const empty = await readList(database, { page: noRows, count, offset });
  expect([empty.total, empty.totalIsEstimate]).toEqual([7, false]);
});
