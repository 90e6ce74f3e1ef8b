import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { lookupSettings } from "../../src/engine.ts";
import { createDatabase } from "../support/postgres.ts";

async function openClient(): Promise<pg.Client> {
  const home = await createDatabase();
  const client = new pg.Client({ connectionString: home.url });
  onTestFinished(async () => {
    await client.end();
    await home.drop();
  });
  await client.connect();
  return client;
}

type PlanNode = { "Index Name"?: string; Plans?: PlanNode[] };
const indexesOf = ({ "Index Name": name, Plans = [] }: PlanNode): string[] => [
  ...(name === undefined ? [] : [name]),
  ...Plans.flatMap(indexesOf),
];

// An index for lists that begins with the team costs as little, by the estimate, while a table is not analyzed. The look-up
// would then read every entry of the team, or skip through all its values in between.
test("a row is looked up by the primary key, also in a table that was never analyzed", async () => {
  const client = await openClient();
  const { rows } = await client.query<{ table: string; key: string; type: string }>(`
    select c.conrelid::regclass::text as table, c.conindid::regclass::text as key,
           (select format_type(atttypid, null) from pg_attribute
            where attrelid = c.conrelid and attname = 'id') as type
    from pg_constraint c
    join pg_class t on t.oid = c.conrelid and not t.relispartition
    where c.contype = 'p' and c.connamespace = 'public'::regnamespace
      and (select array_agg(a.attname::text order by k.n)
           from unnest(c.conkey) with ordinality as k (attnum, n)
           join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum) = '{team_id,id}'
    order by 1`);
  expect(rows.length).toBeGreaterThan(5);
  for (const [name, value] of Object.entries(lookupSettings)) {
    await client.query(`set ${name} = ${value}`);
  }
  const used: Record<string, string[]> = {};
  const keys: Record<string, string[]> = {};
  for (const { table, key, type } of rows) {
    await client.query(`
      prepare look_up (text[], ${type}[]) as
      select t.* from unnest($1, $2) as k (team_id, id)
      join ${table} t on t.team_id = k.team_id and t.id = k.id`);
    const { rows: plans } = await client.query<{ "QUERY PLAN": { Plan: PlanNode }[] }>(
      "explain (format json) execute look_up ('{}', '{}')",
    );
    await client.query("deallocate look_up");
    used[table] = indexesOf(plans[0]?.["QUERY PLAN"][0]?.Plan ?? {});
    keys[table] = [key];
  }
  // An index of the id alone leads to one row as well.
  keys.listener_requests = ["listener_requests_by_id"];
  keys.subscriptions = ["subscriptions_id"];
  expect(used).toEqual(keys);
});
