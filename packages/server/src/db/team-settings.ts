import { part, type Sql, type SqlPart } from "./sql.ts";
import type { Team } from "./teams.ts";
import type { Tx } from "./transaction.ts";

/** A team with its settings; days that are null: the service's default. */
export type TeamSettings = Team & {
  encryptPayloads: boolean;
  payloadRetentionDays: number | null;
  attemptRetentionDays: number | null;
  /** Days after which an endpoint that only fails is disabled; 0: never. */
  disableFailingAfterDays: number | null;
  /** Days after which a delivery that waits for a failing endpoint ends. */
  expireWaitingAfterDays: number | null;
};

/** Changes of a team; undefined leaves a field as it is, null days restore the service's default. */
export type TeamChanges = {
  name?: string;
  encryptPayloads?: boolean;
  payloadRetentionDays?: number | null;
  attemptRetentionDays?: number | null;
  disableFailingAfterDays?: number | null;
  expireWaitingAfterDays?: number | null;
};

/** Finds a team that is not being erased. */
export async function findTeam(sql: Sql, id: string): Promise<TeamSettings | undefined> {
  const [team] = await sql<TeamSettings>`
    select id, name, created_at as "createdAt", encrypt_payloads as "encryptPayloads",
           payload_retention_days as "payloadRetentionDays",
           attempt_retention_days as "attemptRetentionDays",
           disable_failing_after_days as "disableFailingAfterDays",
           expire_waiting_after_days as "expireWaitingAfterDays"
    from teams t
    where id = ${id}
      and not exists (select from erasures where team_id = ${id} and subject_id = ${id})`;
  return team;
}

const changed = (given: number | null | undefined, column: SqlPart): SqlPart =>
  given === undefined ? column : part`${given}::int`;

/** Changes a team; undefined when there is none. */
export async function updateTeam(
  tx: Tx,
  id: string,
  changes: TeamChanges,
): Promise<TeamSettings | undefined> {
  const { name, encryptPayloads } = changes;
  await tx`
    update teams
    set name = coalesce(${name ?? null}, name),
        encrypt_payloads = coalesce(${encryptPayloads ?? null}, encrypt_payloads),
        payload_retention_days = ${changed(changes.payloadRetentionDays, part`payload_retention_days`)},
        attempt_retention_days = ${changed(changes.attemptRetentionDays, part`attempt_retention_days`)},
        disable_failing_after_days =
          ${changed(changes.disableFailingAfterDays, part`disable_failing_after_days`)},
        expire_waiting_after_days =
          ${changed(changes.expireWaitingAfterDays, part`expire_waiting_after_days`)}
    where id = ${id}`;
  return await findTeam(tx, id);
}

/** Lists the teams whose new payloads are sealed. */
export async function listSealingTeams(sql: Sql): Promise<string[]> {
  const rows = await sql("list_sealing_teams")<{ id: string }>`
    select id from teams where encrypt_payloads`;
  return rows.map(({ id }) => id);
}
