import type pg from "pg";
import { clientOf } from "./connect.ts";
import { sqlState } from "./errors.ts";

/** The roles of connections; see 0006_row_level_security.sql. */
const roles = ["postrider_team", "postrider_keys", "postrider_all_teams"] as const;

/** Thrown when only an administrator can create what is missing; the message has the statements to run. */
export class RolesError extends Error {}

/** Databases of one cluster share their roles and may be migrated at once: the second migration checks again. */
const looksMax = 10;
const conflicts = new Set(["42710", "23505", "XX000"]);

/**
 * Creates the roles, grants them to this user, and grants them the schema; returns the statements that it ran.
 *
 * Roles belong to the cluster: a dump does not have them, and the migrating user may not be allowed to create them.
 */
export async function ensureRoles(client: pg.Client): Promise<string[]> {
  const ran: string[] = [];
  for (let look = 0; look < looksMax; look++) {
    const { statements, notOurs } = await needs(client);
    if (notOurs) break;
    if (statements.length === 0) return ran;
    try {
      for (const statement of statements) {
        await client.query(statement);
        ran.push(statement);
      }
    } catch (error) {
      const state = sqlState(error) ?? "";
      if (state === "42501") break;
      if (!conflicts.has(state)) throw error;
    }
  }
  const { user, statements } = await needs(client);
  throw new RolesError(
    `${user} may not set up the roles ${roles.join(", ")}, which isolate teams. Ask an administrator to run this in the database: ${statements.join("; ")};`,
  );
}

/** Lists the statements that would set the roles up for the user of a URL; runs none of them. */
export async function listMissingRoles(
  databaseUrl: string,
  limitMs: number,
): Promise<{ user: string; statements: string[] }> {
  const client = clientOf(databaseUrl, {
    application_name: "postrider roles",
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
  });
  client.on("error", () => {}); // The statement's promise reports the error.
  try {
    await client.connect();
    return await needs(client);
  } finally {
    client.end().catch(() => {});
  }
}

type Standing = {
  name: string;
  found: boolean;
  /** The role could bypass row security. */
  climbs: boolean;
  taken: boolean;
  entered: boolean;
};

type User = { name: string; mayAll: boolean; mayCreate: boolean };

type Needs = {
  user: string;
  statements: string[];
  /**
   * Some statements must be run by an administrator: for the schema's owner, and for roles with powers that the service
   * did not give.
   */
  notOurs: boolean;
};

async function needs(client: pg.Client): Promise<Needs> {
  // Since PostgreSQL 16, the creator of a role may grant it to others, but cannot use it without a grant.
  const { rows } = await client.query<Standing>(
    `select wanted as name, r.oid is not null as found,
       coalesce(r.rolsuper or r.rolbypassrls, false) as climbs,
       coalesce(pg_has_role(current_user, r.oid,
         case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end), false) as taken,
       has_schema_privilege(coalesce(r.rolname, 'public'), 'public', 'usage') as entered
     from unnest($1::text[]) as wanted left join pg_roles r on r.rolname = wanted`,
    [roles],
  );
  const { rows: users } = await client.query<User>(
    `select quote_ident(rolname) as name, rolsuper as "mayAll",
       has_schema_privilege('public', 'create') as "mayCreate"
     from pg_roles where rolname = current_user`,
  );
  const user = users[0] ?? { name: "this user", mayAll: false, mayCreate: false };
  const those = (are: (role: Standing) => boolean) => rows.filter(are).map(({ name }) => name);
  const strange = those(({ climbs }) => climbs);
  const toTake = those(({ taken }) => !taken && !user.mayAll);
  const toEnter = those(({ entered }) => !entered);
  return {
    user: user.name,
    notOurs: !user.mayCreate || strange.length > 0,
    statements: [
      ...(user.mayCreate ? [] : [`grant create, usage on schema public to ${user.name}`]),
      ...those(({ found }) => !found).map((name) => `create role ${name} nologin`),
      ...strange.map((name) => `alter role ${name} nosuperuser nobypassrls`),
      ...(toTake.length === 0 ? [] : [`grant ${toTake.join(", ")} to ${user.name}`]),
      ...(toEnter.length === 0 ? [] : [`grant usage on schema public to ${toEnter.join(", ")}`]),
    ],
  };
}
