import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { insertKnownFacts } from "../../src/db/fact-identities.ts";
import type { Database } from "../../src/db/pool.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names } from "../support/furnish.ts";
import { type Asked, askedAbout, teamFunctions } from "../support/team-functions.ts";
import { makeTwin, removeTeam, stateOf, timeless } from "../support/twins.ts";

/** Files with no statement about rows of a team: connections, roles, the schema, and parts of other statements. */
const aboutNoRows = [
  "connect.ts",
  "delivery-ranges.ts",
  "delivery-search-ranges.ts",
  "delivery-sought.ts",
  "delivery-ways.ts",
  "encryption-checks.ts",
  "janitor-lock.ts",
  "lists.ts",
  "migrate.ts",
  "notify.ts",
  "partitions.ts",
  "pooler.ts",
  "reach-schema.ts",
  "roles.ts",
  "schema-dump.ts",
  "server-readings.ts",
  "session.ts",
  "standby-readings.ts",
  "team-wall.ts",
  "walks.ts",
];

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
  "insertKnownFacts",
  "insertListener",
  "insertListenerRequest",
  "insertMessages",
  "insertPortalLink",
  "insertPortalSession",
  "insertReplay",
  "insertReplayed",
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
  // Sessions, which are their key's, whatever team they act for.
  "endSessionsOfKey",
  "findSessionOfKey",
  "insertLoginLink",
  "insertSession",
  "listSessionsOfKey",
  "markSessionSeen",
  "moveSessionOfKey",
  // What the installation shares, or only locks.
  "readAutovacuum",
  "readPartitions",
  "ensureDefaultTeam",
  "listSealingTeams",
  "lockAsOwner",
  "lockTeamsForCounting",
  "readChangesStart",
  "readWalkStart",
  "transact",
];

test("every function of db/ is called below with another team's twins, or is about no team", () => {
  const folder = path.resolve(import.meta.dirname, "../../src/db");
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && !aboutNoRows.includes(file))
    .flatMap((file) => [
      ...readFileSync(path.join(folder, file), "utf8").matchAll(/^export async function (\w+)/gm),
    ])
    .map(([, name = ""]) => name)
    .filter((name) => !/Of(?:AllTeams|AnyTeam)$/.test(name));
  expect([...Object.keys(teamFunctions), ...aboutNoTeam].sort()).toEqual(names.sort());
});

/** A team, another one that has the same things under the same names and further ones, and a third that has nothing. */
async function openTwins() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const [twin, stranger] = [await api.newTeam(), await api.newTeam()];
  const foreign = await furnish(api, { ...twin, secret: "of-both" });
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "of-both" });
  const { sql } = api.database;
  await sql`insert into erasures (team_id, subject_id) values (${api.teamId}, 'a subject')`;
  await sql`
    insert into idempotency_keys (team_id, key, fingerprint, in_flight_until, subject_id)
    values (${api.teamId}, 'a key', '', 'infinity', 'a subject')`;
  await sql`
    insert into login_links (team_id, token_sha256, api_key_id, expires_at)
    select ${api.teamId}, sha256('a link'::bytea), id, now() + interval '1 day' from api_keys
    where default_team_id = ${api.teamId} limit 1`;
  const fact = { teamId: api.teamId, name: "an identity", digests: null, subjectId: "a subject" };
  await api.database.begin((tx) => insertKnownFacts(tx, [fact]));
  await makeTwin(api.database, api.teamId, twin.teamId);
  return {
    api,
    names,
    foreign,
    teamId: api.teamId,
    twinId: twin.teamId,
    strangerId: stranger.teamId,
  };
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

type Question = { as: string; names: Names; keyId: string };
type Other = { id: string; isThere: boolean };

/** What the database holds for the team that asks and for the other one. */
type States = [own: string[], others: string[]];

/**
 * Calls a function about a team in a database that has another one, or never had it; all is taken back. So what the
 * database holds before a call is read once, into `known`.
 */
const play = (
  database: Database,
  known: Map<string, States>,
  call: (asked: Asked) => Promise<unknown>,
  { as, names, keyId }: Question,
  other: Other,
) =>
  undo(database, async (tx) => {
    if (!other.isThere) await removeTeam(tx, other.id);
    const states = async (): Promise<States> => [
      await stateOf(tx, as),
      await stateOf(tx, other.id),
    ];
    const place = `${as} ${other.id} ${other.isThere}`;
    let before = known.get(place) ?? (await states());
    known.set(place, before);
    const prepared = async () => {
      before = await states();
    };
    const answer = timeless(await call({ ...askedAbout(tx, as, names, keyId), prepared }));
    const [own, others] = await states();
    return {
      answer,
      // What is audited gets a new id each time.
      own: own.filter((row) => !row.includes('"of":"audit_log"')),
      touched: !isDeepStrictEqual(own, before[0]),
      spared: isDeepStrictEqual(others, before[1]),
    };
  });

test("invariant 10: what a statement says and does for a team is the same as if other teams had never been, without row security", {
  timeout: 120_000,
}, async () => {
  const { api, names, foreign, teamId, twinId, strangerId } = await openTwins();
  const [key] = await api.database.sql<{ id: string }>`
    select id from api_keys where default_team_id = ${teamId} order by id limit 1`;
  const own: Question = { as: teamId, names, keyId: key?.id ?? "" };
  const known = new Map<string, States>();
  for (const [what, call] of Object.entries(teamFunctions)) {
    const ask = (question: Question, other: string, isThere = true) =>
      play(api.database, known, call, question, { id: other, isThere });
    for (const question of [own, { ...own, names: foreign }]) {
      const beside = await ask(question, twinId);
      const alone = await ask(question, twinId, false);
      expect.soft({ what, ...beside }).toEqual({ what, ...alone, spared: true });
    }
    // Asked by somebody who has nothing it says or does something else: it is about something.
    const asked = await ask(own, twinId);
    const stranger = await ask({ ...own, as: strangerId }, teamId);
    const isAboutSomething = asked.touched || asked.answer !== stranger.answer;
    expect.soft({ what, isAboutSomething }).toEqual({ what, isAboutSomething: true });
    expect.soft({ what, spared: stranger.spared }).toEqual({ what, spared: true });
  }
  const left: States = await undo(api.database, async (tx) => [
    await stateOf(tx, teamId),
    await stateOf(tx, twinId),
  ]);
  expect(left).toEqual(known.get(`${teamId} ${twinId} true`));
});
