import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { insertIdentities } from "../../src/db/fact-identities.ts";
import type { Database, Tx } from "../../src/db/sql.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { type Asked, askedAbout, teamFunctions } from "../support/team-functions.ts";
import { makeTwin, removeTeam, stateOf, timeless } from "../support/twins.ts";

/** Functions that are about no team in particular, or make what they are given; of all teams by their names: more. */
const aboutNoTeam = [
  // What makes rows makes them for the team that stands in each.
  "createTeamFor",
  "insertApiKey",
  "insertAssistant",
  "insertAuditEntry",
  "insertCalls",
  "insertDeliveries",
  "insertErasure",
  "insertEvents",
  "insertIdentities",
  "insertMessages",
  "insertRuns",
  "insertSubscription",
  "insertTeam",
  "insertVersions",
  "insertWorkflows",
  // API keys, which reach teams and belong to none.
  "ensureBootstrapKey",
  "findOwnApiKey",
  "listTeamsOfKey",
  "lockKeyForCounting",
  "markApiKeyUsed",
  "retireBootstrapKey",
  // What the installation shares, and what only locks, notifies or is part of other statements.
  "chooseWays",
  "deleteEncryptionChecks",
  "dropPartition",
  "dumpSchema",
  "ensureDefaultTeam",
  "ensurePartitions",
  "holdsWall",
  "insertEncryptionCheck",
  "listEncryptionChecks",
  "listOtherObjects",
  "listPendingMigrations",
  "listPendingMigrationsOf",
  "listSealingTeams",
  "lockTeamsForCounting",
  "migrate",
  "notifyDue",
  "notifySubscriptionChanged",
  "placesOfKinds",
  "readList",
  "takeJanitorsPlace",
];

test("every function of db/ is called below with another team's twins, or is about no team", () => {
  const folder = path.resolve(import.meta.dirname, "../../src/db");
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [
      ...readFileSync(path.join(folder, file), "utf8").matchAll(/^export async function (\w+)/gm),
    ])
    .map(([, name = ""]) => name)
    .filter((name) => !/Of(?:AllTeams|AnyTeam)$/.test(name));
  expect([...Object.keys(teamFunctions), ...aboutNoTeam].sort()).toEqual(names.sort());
});

/** A team, another one that has the same things under the same names, and a third that has nothing. */
async function openTwins() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "of-both" });
  const { sql } = api.database;
  await sql`insert into erasures (team_id, subject_id) values (${api.teamId}, 'a subject')`;
  await sql`
    insert into idempotency_keys (team_id, key, fingerprint, in_flight_until, subject_id)
    values (${api.teamId}, 'a key', '', now(), 'a subject')`;
  const identity = { teamId: api.teamId, identity: "an identity" };
  await api.database.begin((tx) => insertIdentities(tx, [identity]));
  const [twin, stranger] = [await api.newTeam(), await api.newTeam()];
  await makeTwin(api.database, api.teamId, twin.teamId);
  return { api, names, teamId: api.teamId, twinId: twin.teamId, strangerId: stranger.teamId };
}

const undone = new Error("undone");

/** Runs work in a transaction and takes back all that it did. */
async function undo<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await database
    .begin(async (tx) => {
      result = { value: await work(tx) };
      throw undone;
    })
    .catch((error) => {
      if (error !== undone) throw error;
    });
  if (!result) throw new Error("nothing was done");
  return result.value;
}

test("invariant 10: what a statement says and does for a team is the same as if a twin of it had never been, without row security", async () => {
  const { api, names, teamId, twinId, strangerId } = await openTwins();
  const [key] = await api.database.sql<{ id: string }>`
    select id from api_keys where default_team_id = ${teamId} order by id limit 1`;
  const play = (call: (asked: Asked) => Promise<unknown>, as: string, twinIsThere: boolean) =>
    undo(api.database, async (tx) => {
      if (!twinIsThere) await removeTeam(tx, twinId);
      const answer = timeless(await call(askedAbout(tx, as, names, key?.id)));
      return { answer, own: await stateOf(tx, teamId), twin: await stateOf(tx, twinId) };
    });
  for (const [what, call] of Object.entries(teamFunctions)) {
    const beside = await play(call, teamId, true);
    const alone = await play(call, teamId, false);
    const stranger = await play(call, strangerId, true);
    expect.soft(beside.answer, what).toBe(alone.answer);
    expect.soft(withoutIds(beside.own), what).toEqual(withoutIds(alone.own));
    expect.soft(beside.twin, what).toEqual(stranger.twin);
    // Asked by somebody who has nothing it says or does something else: it was about something.
    expect.soft([stranger.answer, stranger.own], what).not.toEqual([beside.answer, beside.own]);
  }
});

/** Without what has a new id each time. */
const withoutIds = ({ audit_log: _, ...state }: Record<string, string[]>) => state;
