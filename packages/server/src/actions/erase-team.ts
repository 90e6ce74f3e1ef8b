import {
  closeTeam,
  deleteAnswersAbout,
  deleteErasure,
  deleteSomeEventsOf,
  deleteSomeStateOf,
  deleteSomeTracesOf,
  deleteSubscriptionsOf,
  deleteTeam,
  isOnlyTeamOfKey,
  listErasuresOfAllTeams,
} from "../db/erasures.ts";
import type { Database } from "../db/pool.ts";
import { defaultTeamId } from "../db/teams.ts";
import { AppError } from "../errors.ts";

const rowsMax = 500;
const erasuresMax = 1_000;
/** How long a request waits; the janitor erases the rest of a large team. */
const firstStepsMs = 2_000;

const onlyTeam =
  "The calling key reaches only this team and would be deleted with it. Delete the team with a key that reaches another team too.";

/**
 * Closes a team at once and begins to erase all its data; true when nothing is left.
 *
 * The default team is refused with `default_team`: every installation has it. The only team of the calling key is refused
 * with `key_in_use`: the key would be deleted with it, and lock its owner out.
 */
export async function eraseTeam(
  { database }: { database: Database },
  teamId: string,
  apiKeyId: string,
): Promise<boolean> {
  if (teamId === defaultTeamId) throw new AppError("default_team");
  await database.begin(async (tx) => {
    if (await isOnlyTeamOfKey(tx, teamId, apiKeyId)) throw new AppError("key_in_use", onlyTeam);
    await closeTeam(tx, teamId);
  });
  return await eraseTeamRows(database, teamId, performance.now() + firstStepsMs);
}

/**
 * Continues recent erasures until nothing is left or the time is up.
 *
 * Every table is checked once more after requests that were in progress have ended. Only then is the team's row deleted:
 * without it, late facts would fail.
 */
export async function finishErasures(database: Database, untilMs: number): Promise<void> {
  for (const erasure of await listErasuresOfAllTeams(database.sql, erasuresMax)) {
    const { teamId, subjectId, settled } = erasure;
    if (performance.now() >= untilMs) return;
    if (subjectId === teamId) {
      const empty = await eraseTeamRows(database, teamId, untilMs);
      if (empty && settled) await deleteTeam(database.sql, teamId);
      if (!empty) continue;
    } else {
      await deleteAnswersAbout(database.sql, teamId, subjectId);
    }
    if (settled) await deleteErasure(database.sql, teamId, subjectId);
  }
}

async function eraseTeamRows(
  database: Database,
  teamId: string,
  untilMs: number,
): Promise<boolean> {
  for (const deleteSome of [deleteSomeStateOf, deleteSomeEventsOf, deleteSomeTracesOf]) {
    for (let deleted = 1; deleted > 0; ) {
      if (performance.now() >= untilMs) return false;
      deleted = await database.begin((tx) => deleteSome(tx, teamId, rowsMax));
    }
  }
  await deleteSubscriptionsOf(database.sql, teamId);
  return true;
}
