import { expect, test } from "vitest";
import {
  boolArray,
  byteaArray,
  int4Array,
  textArray,
  timestampArray,
  uuidArray,
} from "../../src/db/arrays.ts";
import { openHouse } from "../support/house.ts";

test("PostgreSQL reads the same values from every binary array", async () => {
  const { database } = await openHouse({ started: false });
  const { sql } = database;
  const readBack = async (array: Buffer, type: string) => {
    const text = [
      `select array_agg(v order by n) as values from unnest($1::${type}[]) with ordinality as u (v, n)`,
    ];
    const [before, after] = (text[0] ?? "").split("$1") as [string, string];
    const strings = Object.assign([before, after], { raw: [before, after] });
    const [row] = await sql<{ values: unknown }>(strings, array);
    return row?.values;
  };

  const texts = ["", "a", null, "Grüße", "🎉 \\ \" ' { } , NULL", "x".repeat(70_000), "\n\t"];
  expect(await readBack(textArray(texts), "text")).toEqual(texts);

  const numbers = [0, -1, null, 2_147_483_647, -2_147_483_648];
  expect(await readBack(int4Array(numbers), "int4")).toEqual(numbers);

  const booleans = [true, false, true];
  expect(await readBack(boolArray(booleans), "bool")).toEqual(booleans);

  const bytes = [Buffer.alloc(0), null, Buffer.from([0, 255, 10]), Buffer.alloc(100_000, 7)];
  expect(await readBack(byteaArray(bytes), "bytea")).toEqual(bytes);

  const uuids = ["00000000-0000-0000-0000-000000000000", "3f2a1b4c-5d6e-8f70-9182-a3b4c5d6e7f8"];
  expect(await readBack(uuidArray(uuids), "uuid")).toEqual(uuids);

  const times = [
    new Date(0),
    null,
    new Date("2026-11-21T10:30:00.812Z"),
    new Date("1969-07-20T20:17:40.001Z"),
    new Date("2000-01-01T00:00:00Z"),
  ];
  expect(await readBack(timestampArray(times), "timestamptz")).toEqual(times);
});

test("a column of nothing but nulls is nulls beside other columns, in rows and in a select list", async () => {
  const { database } = await openHouse({ started: false });
  const [numbers, nulls] = [
    [1, 2],
    [null, null],
  ];
  const rows = [
    { n: 1, t: null, b: null, i: null },
    { n: 2, t: null, b: null, i: null },
  ];
  expect(
    await database.sql`
      select * from unnest(${int4Array(numbers)}::int4[], ${textArray(nulls)}::text[],
        ${byteaArray(nulls)}::bytea[], ${int4Array(nulls)}::int4[]) as u (n, t, b, i)`,
  ).toEqual(rows);
  expect(
    await database.sql`
      select unnest(${int4Array(numbers)}::int4[]) as n, unnest(${textArray(nulls)}::text[]) as t,
        unnest(${byteaArray(nulls)}::bytea[]) as b, unnest(${int4Array(nulls)}::int4[]) as i`,
  ).toEqual(rows);
});

test("an empty array is no row", async () => {
  const { database } = await openHouse({ started: false });
  const rows = await database.sql`
    select * from unnest(${textArray([])}::text[], ${int4Array([])}::int4[], ${uuidArray([])}::uuid[])`;
  expect(rows).toEqual([]);
});

test("half an emoji does not spoil the texts around it", async () => {
  const { database } = await openHouse({ started: false });
  const [row] = await database.sql<{ texts: string[] }>`
    select ${textArray(["a", "\ud83d", "b"])}::text[] as texts`;
  expect(row?.texts).toEqual(["a", "\ufffd", "b"]);
});
