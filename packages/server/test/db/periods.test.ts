import { expect, test } from "vitest";
import { listAuditEntries } from "../../src/db/audit.ts";
import { type DeliveryFilter, listDeliveries } from "../../src/db/history.ts";
import { listRuns, listUnfinishedRuns } from "../../src/db/runs.ts";
import { type House, openHouse } from "../support/house.ts";
import { runText } from "../support/twins.ts";

const page = { offset: 0, limit: 50 };
const hour = 3_600_000;
const second = 1_000;
/** A whole second of today's: ids tell the day of their making. */
const since = new Date(Math.floor(Date.now() / second) * second - hour);
const until = new Date(since.getTime() + 60 * second);
const nobody = { actorId: null, action: null, subjectId: null };
const any = { workflowId: null, status: null, search: null };

const moment = (at: Date, earlier = "0 seconds") =>
  `'${at.toISOString()}'::timestamptz - interval '${earlier}'`;

/** When things were made, and whether that is at `since` or after, and before `until`. */
const made: readonly [at: string, isSince: boolean, isBefore: boolean][] = [
  [moment(since, "1 microsecond"), false, true],
  [moment(since), true, true],
  [moment(until, "1 microsecond"), true, true],
  [moment(until), true, false],
];

type Period = { start: Date | null; end: Date | null };

type List = {
  table: string;
  make: (house: House) => Promise<unknown>;
  /** The ids in this period, and how many the list says they are. */
  read: (house: House, period: Period) => Promise<[ids: string[], total: number]>;
};

const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).sort();

const lists: readonly List[] = [
  {
    table: "audit_log",
    make: ({ database, teamId }) => database.sql`
      insert into audit_log (team_id, id, actor_id, actor_name, action, subject_id, request_id)
      select ${teamId}, lpad(n::text, 24, '0'), '', '', '', '', '' from generate_series(1, 4) n`,
    read: async ({ database, teamId }, { start, end }) => {
      const filter = { ...nobody, since: start, until: end };
      const { rows } = await listAuditEntries(database, teamId, filter, page);
      return [idsOf(rows), rows.length];
    },
  },
  {
    table: "runs",
    make: async (house) => {
      const workflowId = await house.workflow();
      for (let n = 0; n < 4; n++) await house.startRun(workflowId);
    },
    read: async ({ database, teamId }, period) => {
      const filter = { ...any, ...period };
      const listed = await listRuns(database, teamId, filter, { ...page, withDocuments: false });
      return [idsOf(listed.rows.map(({ subject }) => subject)), listed.total];
    },
  },
  {
    table: "deliveries",
    make: async (house) => {
      await house.subscribe({ events: ["workflow_created"] });
      for (let n = 0; n < 4; n++) await house.workflow();
    },
    read: async ({ database, teamId }, period) => {
      const filter: DeliveryFilter = { ...any, subscriptionId: null, eventType: null, ...period };
      const owner = { teamId, contract: "workflow" };
      const listed = await listDeliveries(database, owner, filter, { ...page, withPayload: false });
      return [idsOf(listed.rows), listed.total];
    },
  },
];

test.each(lists)(
  "a period of $table begins with its first moment and ends before its last",
  async ({ table, make, read }) => {
    const house = await openHouse({ started: false, hot: false });
    const { sql } = house.database;
    await make(house);
    const ids = (await runText(sql, `select id from ${table} order by id`)).map(({ id }) =>
      String(id),
    );
    for (const [n, [at]] of made.entries()) {
      await runText(sql, `update ${table} set created_at = ${at} where id = $1`, ids[n]);
    }
    const expected = (holds: (one: (typeof made)[number]) => boolean) => {
      const within = ids.filter((_, n) => made[n] && holds(made[n]));
      return [within, within.length];
    };
    expect(await read(house, { start: null, end: null })).toEqual(expected(() => true));
    expect(await read(house, { start: since, end: null })).toEqual(expected(([, is]) => is));
    expect(await read(house, { start: null, end: until })).toEqual(expected(([, , is]) => is));
    expect(await read(house, { start: since, end: until })).toEqual(
      expected(([, isSince, isBefore]) => isSince && isBefore),
    );
  },
);

test("unfinished runs of workflows are named few at a time, of each and of all, and no others", async () => {
  const house = await openHouse({ started: false });
  const { teamId } = house;
  const workflows = [await house.workflow(), await house.workflow(), await house.workflow()];
  const other = await house.workflow();
  const runs: string[] = [];
  for (const workflow of [...workflows, other]) {
    for (let n = 0; n < 3; n++) runs.push(await house.startRun(workflow));
  }
  const [finished = ""] = runs;
  await house.endRun(finished);
  const named = (ids: string[], limit: number) =>
    house.database.begin(async (tx) =>
      (
        await listUnfinishedRuns(
          tx,
          ids.map((id) => ({ teamId, id })),
          limit,
        )
      ).map(({ id }) => id),
    );
  expect((await named(workflows, 10)).sort()).toEqual(runs.slice(1, 9).sort());
  expect(await named(workflows.slice(1, 2), 2)).toHaveLength(2);
  expect(await named(workflows.slice(1, 2), 1)).toHaveLength(1);
  expect(await named(workflows, 1)).toHaveLength(2);
});
