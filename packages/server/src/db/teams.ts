import { idFromSeed } from "../ids.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** The default team: it has the same id in every installation. */
export const defaultTeamId = idFromSeed(0, "postrider default team");

/** Creates the default team unless it exists. */
export async function ensureDefaultTeam(sql: Sql): Promise<void> {
  await sql`
    insert into teams (id, name) values (${defaultTeamId}, 'default')
    on conflict (id) do nothing`;
}

/** Creates a team; false when the id is taken. */
export async function insertTeam(sql: Sql, team: { id: string; name: string }): Promise<boolean> {
  const rows = await sql`
    insert into teams (id, name) values (${team.id}, ${team.name})
    on conflict (id) do nothing
    returning id`;
  return rows.length === 1;
}

export type Team = { id: string; name: string; createdAt: Date };

/**
 * Creates a team that a key reaches; undefined when another team has the id.
 *
 * `afterwards` runs before the commit if the team is new; an error that it throws rolls the team back.
 */
export async function createTeamFor(
  database: Database,
  apiKeyId: string,
  team: { id: string; name: string },
  afterwards: (tx: Tx) => Promise<void>,
): Promise<Team | undefined> {
  return await database.begin(async (tx) => {
    if (await insertTeam(tx, team)) {
      await tx`
        insert into api_key_teams (api_key_id, team_id) values (${apiKeyId}, ${team.id})`;
      await afterwards(tx);
    }
    // For a repeated request: the team that the first request made.
    const [made] = await tx<Team>`
      select t.id, t.name, t.created_at as "createdAt"
      from api_key_teams k join teams t on t.id = k.team_id
      where k.api_key_id = ${apiKeyId} and t.id = ${team.id}`;
    return made;
  });
}

/** Lists the teams that a key reaches, newest first. */
export async function listTeamsOfKey(
  database: Database,
  apiKeyId: string,
  walk: WalkPage,
): Promise<Walked<PageOfRows<Team>>> {
  return await readWalk(
    database,
    walk,
    (sql) => sql<Team>`
      select t.id, t.name, t.created_at as "createdAt", ${markedBy(byId)}
      from api_key_teams k join teams t on t.id = k.team_id
      where k.api_key_id = ${apiKeyId} and ${stillToTell(byId, walk.after)}
      order by t.id desc
      limit ${walk.limit + 1}`,
  );
}
