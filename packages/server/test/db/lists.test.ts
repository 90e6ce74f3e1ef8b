import { expect, test } from "vitest";
import { readList } from "../../src/db/lists.ts";
import type { Sql } from "../../src/db/sql.ts";
import { openOwnDatabase } from "../support/postgres.ts";

const noRows = async () => [];
const page = { offset: 0, limit: 10 };
const countSeries = (rows: number) => (sql: Sql, limit: number | null) =>
  sql`
  select count(*)::int as count from (
    select from generate_series(1, ${rows}::int) n limit ${limit}
  ) matching`;

test("a total is exact up to 10,000 and says so when it is an estimate", async () => {
  const database = await openOwnDatabase({ connectionsMax: 2 });
  const totalOf = async (rows: number) => {
    const list = await readList(database, { ...page, page: noRows, count: countSeries(rows) });
    return [list.total, list.totalIsEstimate];
  };
  expect(await totalOf(0)).toEqual([0, false]);
  expect(await totalOf(10_000)).toEqual([10_000, false]);
  expect(await totalOf(10_001)).toEqual([10_001, true]);
  expect(await totalOf(50_000)).toEqual([50_000, true]);
});

test("a page that takes too long is query_too_slow before 2 seconds are over", async () => {
  const database = await openOwnDatabase({ connectionsMax: 2 });
  const startedAtMs = performance.now();
  const list = readList(database, {
    ...page,
    page: (sql) => sql`select pg_sleep(5)`,
    count: countSeries(1),
  });
  await expect(list).rejects.toMatchObject({ code: "query_too_slow" });
  expect(performance.now() - startedAtMs).toBeLessThan(3_000);
});

test("after a count that takes too long the total is the rows that are known, and no guess", async () => {
  const database = await openOwnDatabase({ connectionsMax: 2 });
  const list = async (rows: number, { offset, limit }: typeof page) => {
    const read = await readList(database, {
      offset,
      limit,
      page: (sql) => sql<{ n: number }>`
        select n from generate_series(1, ${rows}::int) n limit ${limit + 1} offset ${offset}`,
      count: (sql, most) => sql`
        select count(*)::int as count from (
          select pg_sleep(5) from generate_series(1, 70000) n limit ${most}
        ) matching`,
    });
    return [read.rows.length, read.more, read.total, read.totalIsEstimate];
  };
  expect(
    await Promise.all([
      list(60, { offset: 0, limit: 300 }),
      list(60, { offset: 0, limit: 60 }),
      // One more is known: whoever pages by the total goes on.
      list(60, { offset: 0, limit: 10 }),
      list(60, { offset: 50, limit: 10 }),
      list(60, { offset: 60, limit: 10 }),
    ]),
  ).toEqual([
    [60, false, 60, true],
    [60, false, 60, true],
    [10, true, 11, true],
    [10, false, 60, true],
    [0, false, 0, true],
  ]);
});

test("a page that begins beyond 10,000 is counted only when it is empty", async () => {
  const database = await openOwnDatabase({ connectionsMax: 2 });
  const offset = 10_000;
  const count = countSeries(7);
  const full = await readList(database, {
    ...page,
    page: (sql) => sql<{ n: number }>`select generate_series(1, 3) as n`,
    count,
    offset,
  });
  expect([full.total, full.totalIsEstimate]).toEqual([10_003, true]);
  const empty = await readList(database, { ...page, page: noRows, count, offset });
  expect([empty.total, empty.totalIsEstimate]).toEqual([7, false]);
});
