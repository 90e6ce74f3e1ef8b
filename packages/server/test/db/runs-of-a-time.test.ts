import { expect, test } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import { listRuns, type RunFilter } from "../../src/db/runs.ts";
import { openHouse } from "../support/house.ts";
import { countRowsLookedAt } from "../support/rows-looked-at.ts";

const runs = 24_000;
const begin = Date.UTC(2026, 0, 1);
const at = (minute: number) => new Date(begin + minute * 60_000);

/** Runs of one team, one a minute; every tenth has an id that its caller made, and that tells no time. */
async function openPast() {
  const house = await openHouse({ started: false });
  const { database, teamId } = house;
  await house.startRun(await house.workflow());
  const seconds = begin / 1_000;
  await database.sql`
    insert into runs (team_id, id, workflow_id, status, trigger, version_number, created_by, updated_by,
                      started_at, created_at, updated_at, input)
    select team_id,
           case when n % 10 = 0 then left(md5(n::text), 24)
                else to_hex(${seconds}::int8 + n * 60) || lpad(to_hex(n), 16, '0') end,
           workflow_id, status, trigger, version_number, created_by, updated_by, made, made, made,
           convert_to(repeat('x', 1000), 'UTF8')
    from (select * from runs limit 1) first, generate_series(0, ${runs - 1}) n,
         to_timestamp(${seconds}::float8 + n * 60) made`;
  await database.sql`delete from runs where created_at > ${at(runs)}`;
  await database.sql`vacuum (analyze) runs`;
  const list = (
    walled: Database,
    period: Pick<RunFilter, "start" | "end">,
    { limit = 50, offset = 0 } = {},
  ) =>
    listRuns(
      walled,
      teamId,
      { workflowId: null, status: null, search: null, ...period },
      { limit, offset, withDocuments: false },
    );
  return { database, list };
}

test("the runs of a time long ago are listed, whatever their ids, without a look at all that came later", async () => {
  const { database, list } = await openPast();
  const period = { start: at(500), end: at(560) };
  const looked = await countRowsLookedAt(database, (walled) => list(walled, period));
  expect(looked).toBeLessThan(runs / 4);

  const { rows, total } = await list(database, period, { limit: 100 });
  expect([rows.length, total]).toEqual([60, 60]);
  const ids = rows.map(({ subject }) => subject.id);
  expect(ids).toEqual([...ids].sort().reverse());
  const pages = await Promise.all(
    [0, 25, 50].map((offset) => list(database, period, { limit: 25, offset })),
  );
  expect(pages.flatMap((one) => one.rows.map(({ subject }) => subject.id))).toEqual(ids);
  expect(pages.map(({ more }) => more)).toEqual([true, true, false]);
});

test("a time with more runs than are sorted at once is listed by the same order", async () => {
  const { database, list } = await openPast();
  const { rows } = await list(database, { start: at(500), end: null }, { limit: 20 });
  const newest = await list(database, { start: null, end: null }, { limit: 200 });
  const since = newest.rows.filter(({ subject }) => subject.createdAt >= at(500));
  expect(rows.map(({ subject }) => subject.id)).toEqual(
    since.slice(0, 20).map(({ subject }) => subject.id),
  );
});
