import { idFromSeed } from "../ids.ts";
import type { Sql } from "./sql.ts";

/** The team of an installation that has made no other: the same id in every installation. */
export const defaultTeamId = idFromSeed(0, "postrider default team");

/** Makes the default team unless it is there. */
export async function ensureDefaultTeam(sql: Sql): Promise<void> {
  await sql`
    insert into teams (id, name) values (${defaultTeamId}, 'default')
    on conflict (id) do nothing`;
}

/** Makes a team; false when the id is taken. */
export async function insertTeam(sql: Sql, team: { id: string; name: string }): Promise<boolean> {
  const rows = await sql`
    insert into teams (id, name) values (${team.id}, ${team.name})
    on conflict (id) do nothing
    returning id`;
  return rows.length === 1;
}
