import { expect, test } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import { openOwnDatabase } from "../support/postgres.ts";

// A table with `team_id` can be spread over several servers by it only if every key begins with it (docs/adr/0043). The
// exceptions are named here with their reasons; one that is no longer true has to go.

const askedBeforeTheTeam = "authentication asks for it before the team is known";
const costs =
  "measured: a longer key costs more than 3 % of PostgreSQL's time, until ids are shorter";
const ofAKey = "an API key reaches several teams, so its table belongs to none";

/** Keys, unique indexes and foreign keys of teams' tables that do not begin with `team_id`. */
const otherKeys: Readonly<Record<string, string>> = {
  api_key_teams_pkey: ofAKey,
  api_key_teams_api_key_id_fkey: ofAKey,
  attempts_pkey: costs,
  login_links_api_key_id_fkey: ofAKey,
  one_delivery_per_event_and_subscription: costs,
  sessions_api_key_id_fkey: ofAKey,
  portal_links_by_token: askedBeforeTheTeam,
  sessions_by_token: askedBeforeTheTeam,
  subscriptions_id: "claims and targets name a subscription by its id alone",
};

/** Tables without `team_id`, and why they need none. */
const withoutTeam: Readonly<Record<string, string>> = {
  api_keys: ofAKey,
  encryption_checks: "the keys of the whole installation",
  hot_leases: "a lease stands for the deliveries of one transaction, of several teams",
  lease_owners: "the processes of the whole installation",
  schema_migrations: "the schema itself",
  surveys: "one row for the whole installation",
  teams: "its id is the team",
};

/** What a policy may say; `$` stands for the column with the team's id. */
const reads =
  "( SELECT (NULLIF(current_setting('postrider.teams'::text, true), ''::text))::jsonb AS \"nullif\")";
const ownTeams = (column: string) => `(NULLIF((${reads} ? ${column}), false) IS NOT NULL)`;

/** Policies of other forms. */
const otherPolicies: Readonly<Record<string, string>> = {
  "own_teams on api_keys": ofAKey,
  "own_teams on hot_leases": "its teams are an array",
  "own_teams on teams": "its id is the team",
};

/** The tables of the schema, without the partitions. */
const ofSchema = (alias: string) =>
  `${alias}.relnamespace = 'public'::regnamespace and ${alias}.relkind in ('r', 'p') and not ${alias}.relispartition`;

const run = <T>({ sql }: Database, statement: string) =>
  sql(Object.assign([statement], { raw: [statement] })) as Promise<T[]>;

/** The names of the keys that do not begin with the team. */
async function listOtherKeys(database: Database): Promise<string[]> {
  const rows = await run<{ name: string }>(
    database,
    `select k.name
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'team_id' and not a.attisdropped
     cross join lateral (
       select x.indexrelid::regclass::text as name, x.indkey[0] = a.attnum as begins
       from pg_index x where x.indrelid = c.oid and x.indisunique
       union all
       -- It has to lead to the same team: to its row, or to a key that begins with the team as well.
       select f.conname, f.conkey[1] = a.attnum and (
         f.confrelid = 'teams'::regclass
         or exists (select from pg_attribute b
                    where b.attrelid = f.confrelid and b.attnum = f.confkey[1] and b.attname = 'team_id'))
       from pg_constraint f where f.conrelid = c.oid and f.contype = 'f'
     ) k
     where ${ofSchema("c")} and not k.begins`,
  );
  return rows.map(({ name }) => name).sort();
}

test("every primary key, unique index and foreign key of a team's table begins with team_id, or is named here", async () => {
  const database = await openOwnDatabase();
  expect(await listOtherKeys(database)).toEqual(Object.keys(otherKeys).sort());
});

test("every table has a team_id, or is named here", async () => {
  const database = await openOwnDatabase();
  const rows = await run<{ name: string }>(
    database,
    `select c.relname as name from pg_class c
     where ${ofSchema("c")} and not exists (
       select from pg_attribute a where a.attrelid = c.oid and a.attname = 'team_id' and not a.attisdropped)`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(withoutTeam).sort());
});

test("a policy compares the row's team with the transaction's teams and reads no table, or is named here", async () => {
  const database = await openOwnDatabase();
  const policies = await run<{ name: string; using: string | null; check: string | null }>(
    database,
    `select p.polname || ' on ' || c.relname as name,
            regexp_replace(pg_get_expr(p.polqual, c.oid), '\\s+', ' ', 'g') as using,
            regexp_replace(pg_get_expr(p.polwithcheck, c.oid), '\\s+', ' ', 'g') as check
     from pg_policy p join pg_class c on c.oid = p.polrelid
     where p.polname = 'own_teams'`,
  );
  const others = policies.filter(
    ({ using, check }) => using !== ownTeams("team_id") || check !== null,
  );
  expect(others.map(({ name }) => name).sort()).toEqual(Object.keys(otherPolicies).sort());
  expect(policies.length).toBeGreaterThan(20);
  // The other policies say "all rows", for the roles that serve all teams.
  const rest = await run<{ condition: string }>(
    database,
    `select distinct coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) as condition
     from pg_policy where polname <> 'own_teams'`,
  );
  expect(rest).toEqual([{ condition: "true" }]);
  const reading = await run<{ name: string }>(
    database,
    `select distinct p.polname || ' on ' || p.polrelid::regclass as name
     from pg_policy p
     join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
       and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.polrelid`,
  );
  expect(reading).toEqual([{ name: "own_teams on api_keys" }]);
});

test.each([
  "create unique index by_name on runs (id)",
  "alter table runs add constraint by_name unique (id, team_id)",
  "alter table steps add constraint by_name foreign key (run_id, team_id) references by_team (run_id, team_id)",
])("a key that does not begin with the team is found: %s", async (statement) => {
  const database = await openOwnDatabase();
  await database.sql`create table by_team (run_id text, team_id text, primary key (team_id, run_id), unique (run_id, team_id))`;
  const before = await listOtherKeys(database);
  await run(database, statement);
  const found = (await listOtherKeys(database)).filter((name) => !before.includes(name));
  expect(found).toEqual(["by_name"]);
});
