import { expect, onTestFinished, test } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import { newId } from "../../src/ids.ts";
import type { CallAnswer, TestApi, TestApiOptions } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names, unknownNames, wholeBody } from "../support/furnish.ts";
import {
  isId,
  judge,
  type Operation,
  readingFirst,
  readOperations,
  send,
  servedOperations,
  withoutNames,
} from "../support/requests.ts";
import { type Unfiltered, withoutTeamFilters, withoutWall } from "../support/unfiltered.ts";

const secret = "of-the-other-team";

/** The API as it is, and with one of its two walls gone: the SQL names no team any more, row security holds alone. */
const walls = [{ wall: "as it is" }, { wall: "with every team filter forgotten", forgetful: true }];

/** Two teams that have the same things: ours, and another whose things are marked with a word of their own. */
async function openTwoTeams({ forgetful = false, walled = true } = {}) {
  const forgotten: Unfiltered[] = [];
  const forget: TestApiOptions["database"] = (database, owner: Database) => {
    const unfiltered = withoutTeamFilters(walled ? database : withoutWall(owner));
    forgotten.push(unfiltered);
    return unfiltered.database;
  };
  const api = await openFactsApi(forgetful ? { database: forget } : {});
  onTestFinished(() => api.close());
  const other = await api.newTeam();
  const own = await furnish(api, { teamId: api.teamId, key: api.key, secret: "of-our-team" });
  const foreign = await furnish(api, { ...other, secret });
  const operations = (await readOperations(api)).filter(({ scope }) => scope !== "none");
  return { api, other, own, foreign, operations, filtersTaken: () => forgotten[0]?.filtersTaken() };
}

/** Everything the database holds for a team, itself and its keys too, from every table that knows teams. */
async function stateOf({ database }: TestApi, teamId: string): Promise<unknown> {
  return await database.sql`
    select c.table_name,
           query_to_xml(format('select t.* from %I t where t.%I = %L order by t::text', c.table_name, c.column_name, ${teamId}::text),
             true, false, '')::text as rows
    from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where (c.column_name in ('team_id', 'default_team_id') or (c.table_name, c.column_name) = ('teams', 'id')) and c.table_schema = 'public' and t.table_type = 'BASE TABLE'
    order by c.table_name`;
}

const allOf = (...names: Names[]): string[] =>
  names.flatMap((one) => Object.values(one).flat()).filter((name) => name.length > 1);

/** Holds that an answer shows nothing of the other team, what was sent put aside. */
function expectNothingOf(
  foreign: Names,
  answer: CallAnswer,
  sent: readonly string[],
  about: string,
) {
  const text = withoutNames(answer, sent);
  for (const mark of [secret, ...allOf(foreign)]) expect(text, about).not.toContain(mark);
}

/** Each way to put the foreign names into the path, one name of a resource after the other. */
function waysInto({ path }: Operation, foreign: Names, own: Names): Names[] {
  return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, parameter = ""]) =>
    (foreign[parameter] ?? [])
      .filter((name) => name.length > 1)
      .map((name): Names => ({ ...own, [parameter]: [name] })),
  );
}

/** Puts names that stand for nothing where names are not our own. */
const makeUnknown = (names: Names, own: Names): Names => ({
  ...names,
  ...unknownNames(
    Object.fromEntries(Object.entries(names).filter(([parameter, one]) => one !== own[parameter])),
  ),
});

test.each(walls)(
  "another team's id in a path is answered like one that names nothing, by every operation, $wall",
  async ({ forgetful }) => {
    const { api, own, foreign, operations, filtersTaken } = await openTwoTeams({ forgetful });
    // What writes comes last: a PUT makes what was not there.
    const withIds = operations.filter(({ path }) => path.includes("{")).sort(readingFirst);
    expect(withIds.length).toBeGreaterThan(30);
    for (const operation of withIds) {
      for (const names of waysInto(operation, foreign, own)) {
        const unknown = makeUnknown(names, own);
        const sent = allOf(names, unknown);
        const answer = await send(api, operation, names);
        const expected = await send(api, operation, unknown);
        judge(operation, answer);
        // What a PUT does not find under its own name it makes, among our own things.
        const makes = operation.method === "PUT" && names.step_id !== own.step_id;
        expect([operation.name, answer.status]).toEqual([operation.name, makes ? 201 : 404]);
        expect(withoutNames(answer, sent), operation.name).toBe(withoutNames(expected, sent));
        if (!makes) expect(headersOf(answer), operation.name).toEqual(headersOf(expected));
        expectNothingOf(foreign, answer, sent, operation.name);
      }
    }
    if (forgetful) expect(filtersTaken()).toBeGreaterThan(100);
  },
);

test("forgotten team filters would show: without row security most operations answer another team's ids", async () => {
  const { api, own, foreign, operations } = await openTwoTeams({ forgetful: true, walled: false });
  const open = new Set<string>();
  for (const operation of operations.filter(({ path }) => path.includes("{")).sort(readingFirst)) {
    for (const names of waysInto(operation, foreign, own)) {
      if ((await send(api, operation, names)).status < 300) open.add(operation.name);
    }
  }
  expect(open.size).toBeGreaterThan(15);
});

test("no route stays away from these tests: each that is served is described, but for the description itself and the pages", async () => {
  const { api, operations } = await openTwoTeams();
  const described = new Set((await readOperations(api)).map(({ name }) => name));
  const served = servedOperations(api);
  expect(served.length).toBeGreaterThan(50);
  expect(served.filter((name) => !described.has(name)).sort()).toEqual([
    "GET /dashboard",
    "GET /dashboard*",
    "GET /docs",
    "GET /docs*",
    "GET /docs/api",
    "GET /docs/api/plain",
    "GET /llms.txt",
    "GET /openapi.json",
    "GET /portal",
    "GET /portal*",
    // It asks the operations above, under the same key.
    "POST /mcp",
  ]);
  expect(operations.length).toBeGreaterThan(50);
});

/** The head of an answer but for the request's own id. */
const headersOf = ({ headers }: CallAnswer) => ({ ...headers, date: "", "x-request-id": "" });

test("another team's id in a body is answered like one that names nothing, by every operation", async () => {
  const { api, operations } = await openTwoTeams();
  const idFields = (operation: Operation) =>
    Object.entries(operation.body?.properties ?? {}).filter(([, field]) => isId(field));
  const withIds = operations.filter((one) => idFields(one).length > 0);
  expect(withIds.length).toBeGreaterThan(15);
  for (const operation of withIds) {
    // An id that one operation took up must not be in the way of the next one.
    const { teamId, key } = await api.newTeam();
    const own = await furnish(api, { teamId, key, secret: "of-our-team" });
    const foreign = await furnish(api, { ...(await api.newTeam()), secret });
    for (const [field, schema] of idFields(operation)) {
      for (const id of new Set(allOf(foreign))) {
        const unknown = unknownNames({ id: [id] }).id?.[0] ?? "";
        const ask = (value: string) => {
          const given = schema.items ? [value] : value;
          // What is not needed could be refused in the id's place.
          const needed = Object.entries(wholeBody(operation, own)).filter(([name]) =>
            operation.body?.required?.includes(name),
          );
          const body = { ...Object.fromEntries(needed), [field]: given };
          return send(api, operation, own, { key, body });
        };
        const answer = await ask(id);
        const expected = await ask(unknown);
        judge(operation, answer);
        expect([operation.name, field, answer.status]).toEqual([
          operation.name,
          field,
          expected.status,
        ]);
        if (answer.status >= 400) {
          const sent = [id, unknown];
          expect(withoutNames(answer, sent), operation.name).toBe(withoutNames(expected, sent));
        }
        expectNothingOf(foreign, answer, [id], operation.name);
      }
    }
  }
});

test.each(walls)(
  "another team's ids and names find nothing in any list, $wall",
  async ({ forgetful }) => {
    const { api, own, foreign, operations } = await openTwoTeams({ forgetful });
    for (const operation of operations.filter(({ answers }) => isList(answers.get(200)))) {
      const plain = await send(api, operation, own);
      judge(operation, plain);
      expect(plain.status, operation.name).toBe(200);
      expect(rowsOf(plain).length, operation.name).toBeGreaterThan(0);
      expectNothingOf(foreign, plain, [], operation.name);
      // The other team's things are newer: read and then left out, they would leave this page empty.
      const size = "limit" in operation.query ? "limit" : "size";
      const newest = await send(api, operation, own, { query: `?${size}=1` });
      expect(rowsOf(newest), operation.name).toHaveLength(1);
      const parameters = Object.entries(operation.query).filter(
        ([name, schema]) => isId(schema) || name === "search",
      );
      for (const [parameter] of parameters) {
        for (const value of [...allOf(foreign), ...(parameter === "search" ? [secret] : [])]) {
          const ask = (one: string) => send(api, operation, own, { query: `?${parameter}=${one}` });
          const answer = await ask(value);
          const about = `${operation.name}?${parameter}`;
          if (answer.status === 422) continue; // An event's name where an id belongs.
          judge(operation, answer);
          expect([about, rowsOf(answer), answer.body.total ?? 0]).toEqual([about, [], 0]);
          expectNothingOf(foreign, answer, [], about);
        }
      }
    }
  },
);

const isList = (answer: { properties?: object } | undefined): boolean =>
  ["total", "next_cursor"].some((name) => name in (answer?.properties ?? {}));

const rowsOf = ({ body }: CallAnswer): unknown[] => Object.values(body).find(Array.isArray) ?? [];

test("a key selects no team that is not its own, for no operation", async () => {
  const { api, other, foreign, operations } = await openTwoTeams();
  for (const operation of operations) {
    for (const header of ["x-org-id", "teamid"]) {
      const choose = (id: string) => send(api, operation, foreign, { headers: { [header]: id } });
      const answer = await choose(other.teamId);
      judge(operation, answer);
      expect([operation.name, answer.body.code]).toEqual([operation.name, "team_not_found"]);
      const { request_id: _, ...unknown } = (await choose(newId())).body;
      expect(answer.body).toMatchObject(unknown);
      expectNothingOf(foreign, answer, [], operation.name);
    }
  }
});

test.each(walls)(
  "whatever one team asks for, nothing of another team changes, $wall",
  async ({ forgetful }) => {
    const { api, other, own, foreign, operations } = await openTwoTeams({ forgetful });
    const before = await stateOf(api, other.teamId);
    expect(JSON.stringify(before)).toContain(secret);
    const mixtures = (operation: Operation): Names[] => [
      foreign,
      ...waysInto(operation, foreign, own),
      { ...foreign, ...Object.fromEntries(Object.entries(own).slice(0, 2)) },
    ];
    for (const operation of operations) {
      for (const names of mixtures(operation)) {
        const fields = operation.body?.properties ?? {};
        const body = {
          ...wholeBody(operation, names),
          ...("_id" in fields ? { _id: foreign.workflow_id?.[0] } : {}),
          ...(fields.id && isId(fields.id) ? { id: foreign.conversation_id?.[0] } : {}),
        };
        judge(operation, await send(api, operation, names, operation.body ? { body } : {}));
      }
    }
    expect(await stateOf(api, other.teamId)).toEqual(before);
  },
);

test("two teams can use the same Idempotency-Key and each gets its own answer", async () => {
  const { api, operations } = await openTwoTeams();
  for (const operation of operations.filter(({ method }) => method === "POST")) {
    const headers = { "idempotency-key": operation.name };
    // What earlier operations made would be told of what this one does.
    const [us, other] = [await api.newTeam(), await api.newTeam()];
    const foreign = await furnish(api, { ...other, secret });
    const theirs = await send(api, operation, foreign, { key: other.key, headers });
    expect(theirs.status, `${operation.name} ${theirs.text}`).toBeLessThan(300);
    const own = await furnish(api, { ...us, secret: "of-our-team" });
    const ours = await send(api, operation, own, { key: us.key, headers });
    judge(operation, ours);
    expect(ours.status, `${operation.name} ${ours.text}`).toBeLessThan(300);
    expect(ours.headers["idempotent-replayed"], operation.name).toBeUndefined();
    expectNothingOf(foreign, ours, [], operation.name);
  }
});
