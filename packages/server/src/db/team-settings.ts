import type { Sql, Tx } from "./sql.ts";
import type { Team } from "./teams.ts";

/** A team with what it decides of its own data; days that are null are the service's. */
export type TeamSettings = Team & {
  encryptPayloads: boolean;
  payloadRetentionDays: number | null;
  attemptRetentionDays: number | null;
};

/** What changes; undefined leaves a field as it is, null days give it back to the service. */
export type TeamChanges = {
  name?: string;
  encryptPayloads?: boolean;
  payloadRetentionDays?: number | null;
  attemptRetentionDays?: number | null;
};

/** Finds a team that is not being erased. */
export async function findTeam(sql: Sql, id: string): Promise<TeamSettings | undefined> {
  const [team] = await sql<TeamSettings>`
    select id, name, created_at as "createdAt", encrypt_payloads as "encryptPayloads",
           payload_retention_days as "payloadRetentionDays",
           attempt_retention_days as "attemptRetentionDays"
    from teams t
    where id = ${id}
      and not exists (select from erasures where team_id = ${id} and subject_id = ${id})`;
  return team;
}

/** Changes a team; undefined when there is none. */
export async function updateTeam(
  tx: Tx,
  id: string,
  changes: TeamChanges,
): Promise<TeamSettings | undefined> {
  const { name, encryptPayloads, payloadRetentionDays, attemptRetentionDays } = changes;
  await tx`
    update teams
    set name = coalesce(${name ?? null}, name),
        encrypt_payloads = coalesce(${encryptPayloads ?? null}, encrypt_payloads),
        payload_retention_days = case when ${payloadRetentionDays === undefined}
          then payload_retention_days else ${payloadRetentionDays ?? null}::int end,
        attempt_retention_days = case when ${attemptRetentionDays === undefined}
          then attempt_retention_days else ${attemptRetentionDays ?? null}::int end
    where id = ${id}`;
  return await findTeam(tx, id);
}

/** Lists the teams whose new payloads are sealed. */
export async function listSealingTeams(sql: Sql): Promise<string[]> {
  const rows = await sql("list_sealing_teams")<{ id: string }>`
    select id from teams where encrypt_payloads`;
  return rows.map(({ id }) => id);
}
