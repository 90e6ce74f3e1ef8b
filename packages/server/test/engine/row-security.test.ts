import { expect, onTestFinished, test } from "vitest";
import { sqlState } from "../../src/db/errors.ts";
import { ensurePartitions } from "../../src/db/partitions.ts";
import { type Database, openDatabase, openTeamDatabase } from "../../src/db/pool.ts";
import type { Sql } from "../../src/db/sql.ts";
import { holdsWall } from "../../src/db/team-wall.ts";
import { listWorkflows } from "../../src/db/workflows.ts";
import { newId } from "../../src/ids.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand } from "../support/process.ts";

/** Tables that belong to no team: what the whole installation shares. */
const teamless = ["encryption_checks", "lease_owners", "schema_migrations", "surveys"];
/** Tables that know teams by another column than `team_id`. */
const otherwiseTeams = ["api_keys", "hot_leases", "teams"];

const connections = (url: string) => ({
  url,
  name: "test",
  connectionsMax: 1,
  statementTimeoutMs: 10_000,
  onError: () => {},
});

type Roles = {
  url: string;
  owner: Database;
  allTeams: Database;
  /** The API's connections, for these teams. */
  team(...teamIds: string[]): Database;
  keys(...teamIds: string[]): Database;
};

/** The connections that the service has to a database, one for each role, so that each comes back to the next one. */
function openRoles(url: string): Roles {
  const owner = openDatabase({ ...connections(url), role: "owner" });
  const allTeams = openDatabase({ ...connections(url), role: "postrider_all_teams" });
  const team = openTeamDatabase({ ...connections(url), role: "postrider_team" });
  const keys = openTeamDatabase({ ...connections(url), role: "postrider_keys" });
  onTestFinished(async () => {
    for (const pool of [owner, allTeams, team, keys]) await pool.close();
  });
  return {
    url,
    owner,
    allTeams,
    team: (...teamIds) => team.forTeams(teamIds),
    keys: (...teamIds) => keys.forTeams(teamIds),
  };
}

async function openEmpty(): Promise<Roles> {
  const home = await createDatabase();
  onTestFinished(() => home.drop());
  return openRoles(home.url);
}

/** Two teams that have one of everything. */
async function openTwoTeams() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const other = await api.newTeam();
  await furnish(api, { teamId: api.teamId, key: api.key, secret: "of-our-team" });
  await furnish(api, { ...other, secret: "of-the-other-team" });
  return { ...openRoles(api.databaseUrl), teamId: api.teamId, otherId: other.teamId };
}

/** Runs a statement that a test puts together, as nothing in the service does. */
const run = (sql: Sql, statement: string) =>
  sql(Object.assign([statement], { raw: [statement] })) as Promise<Record<string, unknown>[]>;

/** insufficient_privilege, which is also what a violated policy is. */
const denied = "42501";

const stateOf = (work: Promise<unknown>) => work.then(() => "done", sqlState);

const tables = async ({ sql }: Database, more = ""): Promise<string[]> =>
  (
    await run(
      sql,
      `select c.relname as name from pg_class c
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition ${more}
       order by c.relname`,
    )
  ).map(({ name }) => String(name));

const knowsTeams =
  "and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'team_id' and not a.attisdropped)";

test("invariant 10: every table knows teams and has row security for every role that may touch it, or is named here", async () => {
  const { owner } = await openEmpty();
  const known = [...(await tables(owner, knowsTeams)), ...otherwiseTeams, ...teamless];
  expect(known.sort()).toEqual(await tables(owner));
  expect(known.length).toBeGreaterThan(18);

  const unguarded = await owner.sql`
    select c.relname as name, r.rolname as role
    from pg_class c cross join pg_roles r
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and r.rolname like 'postrider%'
      and (has_any_column_privilege(r.oid, c.oid, 'select, insert, update, references')
           or has_table_privilege(r.oid, c.oid, 'delete, truncate, trigger'))
      and not (c.relrowsecurity
        and exists (select from pg_policy p where p.polrelid = c.oid and r.oid = any(p.polroles)))`;
  expect(unguarded).toEqual([]);
  const named = await owner.sql<{ name: string }>`
    select polrelid::regclass::text as name from pg_policy
    where 'postrider_team'::regrole = any(polroles)
      and pg_get_expr(polqual, polrelid) like '%postrider.teams%'
    order by 1`;
  const guarded = known.filter((name) => !teamless.includes(name));
  expect(named.map(({ name }) => name)).toEqual(guarded);
});

test("invariant 10: a statement that forgets the team finds the rows of its request's team, and no others", async () => {
  const { owner, team, teamId, otherId } = await openTwoTeams();
  const rowsOf = async ({ sql }: Database, table: string, where = "") =>
    (await run(sql, `select t::text as row from ${table} t ${where} order by 1`)).map(
      ({ row }) => row,
    );
  const filled: string[] = [];
  for (const table of await tables(owner)) {
    if (teamless.includes(table)) continue;
    const own = await rowsOf(owner, table, `where ${belongs(table, teamId)}`);
    const theirs = await rowsOf(owner, table, `where ${belongs(table, otherId)}`);
    const both = [...own, ...theirs].sort();
    const seen = {
      own: await rowsOf(team(teamId), table),
      both: (await rowsOf(team(teamId, otherId), table)).sort(),
      none: await rowsOf(team(), table),
    };
    expect([table, seen]).toEqual([table, { own, both, none: [] }]);
    if (own.length > 0 && theirs.length > 0) filled.push(table);
  }
  // With nothing in them tables would prove nothing.
  expect(filled.length).toBeGreaterThan(14);
});

/** Which rows of a table are a team's, in SQL. */
const belongs = (table: string, teamId: string): string => {
  if (table === "teams") return `id = '${teamId}'`;
  if (table === "hot_leases") return `'${teamId}' = any(team_ids)`;
  if (table !== "api_keys") return `team_id = '${teamId}'`;
  return `default_team_id = '${teamId}'
    or id in (select api_key_id from api_key_teams where team_id = '${teamId}')`;
};

test("invariant 10: a statement that forgets the team changes and deletes nothing of another team, and plants nothing there", async () => {
  const { owner, team, teamId, otherId } = await openTwoTeams();
  const { sql } = team(teamId);
  const theirs = () => owner.sql`
    select (select array_agg(s::text order by s.id) from subscriptions s where team_id = ${otherId}),
           (select array_agg(d::text order by d.id) from deliveries d where team_id = ${otherId}),
           (select array_agg(a::text order by a.id) from attempts a where team_id = ${otherId}) as attempts`;
  const before = await theirs();
  await sql`update subscriptions set name = 'taken over'`;
  await sql`delete from attempts`;
  await sql`delete from deliveries`;
  expect(await theirs()).toEqual(before);
  expect(await owner.sql`select from deliveries where team_id = ${teamId}`).toEqual([]);

  const planted = [
    sql`update subscriptions set team_id = ${otherId}`,
    sql`update workflows set team_id = ${otherId}`,
    sql`insert into idempotency_keys (team_id, key, fingerprint, in_flight_until)
        values (${otherId}, 'planted', '', now())`,
    sql`insert into api_key_teams (api_key_id, team_id) select id, ${otherId} from api_keys limit 1`,
    sql`insert into teams (id, name) values (${newId()}, 'planted')`,
    sql`insert into audit_log (team_id, id, actor_id, actor_name, action, subject_id, request_id)
        values (${otherId}, ${newId()}, '', '', '', '', '')`,
    // A lease may be many teams': each has to be named.
    ...[[otherId], [teamId, otherId]].map(
      (teamIds) => sql`
        insert into hot_leases (expires_at, lease_token, team_ids, delivery_ids)
        values (now(), gen_random_uuid(), ${teamIds}, ${teamIds})`,
    ),
    sql`delete from hot_leases`,
  ];
  expect(await Promise.all(planted.map(stateOf))).toEqual(planted.map(() => denied));
  expect(await theirs()).toEqual(before);
});

test("the teams of one transaction are not those of the next one on the same connection", async () => {
  const { team, teamId } = await openTwoTeams();
  const count = async (...teamIds: string[]) =>
    (await team(...teamIds).sql`select from deliveries`).length;
  expect(await count(teamId)).toBeGreaterThan(0);
  expect(await count()).toBe(0);
  await team(teamId).begin(async (tx) => await tx`select 1`);
  expect(await count()).toBe(0);
  const failed = team(teamId).begin(async (tx) => await tx`select 1 / 0`);
  await expect(failed).rejects.toThrow("division by zero");
  expect(await count()).toBe(0);
  expect(await count(newId())).toBe(0);
});

test("only ids name teams", async () => {
  const { team } = await openEmpty();
  for (const name of ["", "*", "','", `${newId()},${newId()}`, `${newId()}'`, "null"]) {
    expect(() => team(name), name).toThrow("a team has no such id");
  }
});

test("no role of the service owns a table, bypasses row security, logs in by itself or is more than itself", async () => {
  const { owner } = await openEmpty();
  const roles = await owner.sql`
    select rolname as name, rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as can,
      exists (select from pg_class where relowner = r.oid) as owns,
      exists (select from pg_auth_members where member = r.oid) as belongs
    from pg_roles r where rolname like 'postrider%' order by 1`;
  const nothing = { can: false, owns: false, belongs: false };
  expect(roles).toEqual(
    ["postrider_all_teams", "postrider_keys", "postrider_team"].map((name) => ({
      name,
      ...nothing,
    })),
  );
});

test("a role may do only its own work, and row security that is switched off is an error", async () => {
  const { owner, team, keys, allTeams, teamId } = await openTwoTeams();
  await owner.begin((tx) => ensurePartitions(tx, 1));
  const partitions = (
    await owner.sql<{ name: string }>`
      select c.relname as name from pg_class c where c.relispartition and c.relkind = 'r'`
  ).map(({ name }) => name);
  expect(partitions.length).toBeGreaterThan(5);

  const { sql } = team(teamId);
  const refused: Promise<unknown>[] = [
    ...partitions.flatMap((name) =>
      [sql, allTeams.sql].map((by) => run(by, `select from ${name} limit 1`)),
    ),
    ...teamless.map((name) => run(sql, `select from ${name}`)),
    ...teamless
      .filter((name) => name !== "lease_owners")
      .map((name) => run(allTeams.sql, `select from ${name}`)),
    // Nobody tidies up behind himself, or makes keys into more than they are.
    sql`delete from audit_log`,
    sql`update audit_log set actor_name = 'somebody else'`,
    sql`update api_keys set scopes = '{admin}'`,
    sql`delete from teams`,
    sql`truncate deliveries`,
    sql`alter table deliveries disable row level security`,
    sql`create policy mine on deliveries to postrider_team using (true)`,
    keys(teamId).sql`select from deliveries`,
    keys(teamId).sql`select from subscriptions`,
    keys(teamId).sql`select from audit_log`,
    keys(teamId).sql`update api_keys set secret_sha256 = ''`,
    keys(teamId).sql`update api_keys set scopes = '{admin}'`,
    keys(teamId)
      .sql`insert into api_key_teams (api_key_id, team_id) select id, ${teamId} from api_keys`,
    allTeams.sql`select from api_keys`,
    allTeams.sql`select from audit_log`,
    team(teamId).begin(async (tx) => {
      await tx`set local row_security = off`;
      await tx`select from deliveries`;
    }),
  ];
  expect(await Promise.all(refused.map(stateOf))).toEqual(refused.map(() => denied));
});

test.each([
  "alter table runs disable row level security",
  "alter table events disable row level security",
])("serve refuses a database whose wall has a hole: %s", async (hole) => {
  const { url, owner, team } = await openEmpty();
  const holds = () => holdsWall({ forTeams: (ids) => team(...ids), close: async () => {} });
  expect(await holds()).toBe(true);
  await run(owner.sql, hole);
  expect(await holds()).toBe(false);
  const { code, stderr, stdout } = await runCommand(["serve"], productionEnvironment(url));
  expect([code, stderr + stdout]).toEqual([1, expect.stringContaining("does not isolate teams")]);
});

test("behind the wall a long list is planned and estimated as it is without it", async () => {
  const { owner, team, allTeams } = await openEmpty();
  const [large, ...small] = Array.from({ length: 30 }, () => newId()) as [string, ...string[]];
  for (const id of [large, ...small]) {
    await owner.sql`insert into teams (id, name) values (${id}, 'a team')`;
    await owner.sql`
      insert into workflows (team_id, id, name, version_number, created_by, updated_by, created_at, updated_at)
      select ${id}, lpad(to_hex(n), 24, '0'), 'a workflow', 1, 's', 's', now(), now()
      from generate_series(1, ${id === large ? 15_000 : 100}::int) n`;
  }
  await owner.sql`vacuum analyze workflows`;
  const list = (database: Database) =>
    listWorkflows(database, large, { search: null }, { offset: 0, limit: 10 });
  const [plain, walled] = [await list(owner), await list(team(large))];
  expect(walled.rows).toEqual(plain.rows);
  expect([plain.totalIsEstimate, walled.totalIsEstimate]).toEqual([true, true]);
  expect(Math.abs(walled.total / plain.total - 1)).toBeLessThan(0.05);
  expect(plain.total).toBeGreaterThan(12_000);

  const planned = (by: Database) => by.sql`
    explain (costs off)
    select id from deliveries
    where subscription_id = ${large} and finished_at is null and due_at <= now()
    order by due_at limit 5 for update skip locked`;
  expect(await planned(allTeams)).toEqual(await planned(owner));
});
