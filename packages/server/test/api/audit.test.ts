import { expect, onTestFinished, test } from "vitest";
import { auditActions, deleteOldAuditEntriesOfAllTeams } from "../../src/db/audit.ts";
import { newId } from "../../src/ids.ts";
import type { CallAnswer, TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, unknownNames, wholeBody } from "../support/furnish.ts";
import { judge, type Operation, readOperations, send } from "../support/requests.ts";

type Entry = {
  id: string;
  created_at: string;
  actor: { id: string; name: string };
  action: string;
  subject: { type: string; id: string };
  request_id: string;
};

/** An entry as the table has it. */
type LoggedEntry = { action: string; actor: string; subject: string };

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const operations = await readOperations(api);
  const entries = async (query = "", key = api.key): Promise<Entry[]> => {
    const answer = await api.call("GET", `/v1/audit${query}`, { key });
    expect(answer.status, answer.text).toBe(200);
    return answer.body.entries;
  };
  return { ...api, operations, entries };
}

/**
 * What configures, shows a secret or signs out: the log tells of it. Facts, what a listener answers and looks at anything
 * else are not in it.
 */
const isAudited = ({ method, path, scope }: Operation): boolean =>
  (method === "DELETE" && path.startsWith("/v1/sessions")) ||
  (method !== "GET" && !path.endsWith("/answers") && (scope === "write" || scope === "admin")) ||
  (method === "GET" && path.endsWith("/signing-secret"));

/** Every text of eight characters or more in a value, but for ids. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") {
    return value.length >= 8 && !/^(event_)?[0-9a-f-]{24,36}$/.test(value) ? [value] : [];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** What a request sent and was answered that is nobody's business later: values, not words of actions and times. */
const privateTextsOf = (body: unknown, answer: CallAnswer): string[] =>
  [...textsOf(body), ...textsOf(answer.body)].filter(
    (text) =>
      !/^\d{4}-\d\d-\d\dT/.test(text) &&
      text !== answer.body.request_id &&
      !auditActions.some((action) => action === text || action.split(/[._]/).includes(text)),
  );

test("every operation that configures or shows a secret leaves exactly one entry, and every other one none", async () => {
  const api = await open();
  const seen = new Set<string>();
  const told: string[] = [];
  const make = async () => {
    const { teamId } = await api.newTeam();
    // With two teams: a key cannot delete its only one.
    const { key } = await api.newKey({ teamIds: [teamId, api.teamId] });
    const marks = { secret: "in-sight-of-all", payload: "a-payload-of-theirs" };
    const credential = "a-credential-of-theirs";
    return { key, names: await furnish(api, { teamId, key, ...marks, credential }) };
  };
  const untouched = await make();
  for (const operation of api.operations.filter(({ scope }) => scope !== "none")) {
    // A team for each that changes something: what one of them deletes is not in the way of the next one.
    const { key, names } = operation.method === "GET" ? untouched : await make();
    const body = operation.body && wholeBody(operation, names);
    const answer = await send(api, operation, names, { key, ...(body ? { body } : {}) });
    judge(operation, answer);
    expect(answer.status, `${operation.name} ${answer.text}`).toBeLessThan(300);
    // What is erased as a whole takes its log along.
    if (operation.name === "DELETE /v1/teams/{team_id}") continue;

    const requestId = String(answer.headers["x-request-id"]);
    const left = await api.database.sql<LoggedEntry>`
      select action, actor_name as actor, subject_id as subject from audit_log
      where request_id = ${requestId}`;
    expect([operation.name, left.length]).toEqual([operation.name, isAudited(operation) ? 1 : 0]);
    for (const entry of left) {
      seen.add(entry.action);
      const own = Object.values({ ...names, made: answer.body?.id ?? "" }).flat();
      expect(own, `${operation.name} ${JSON.stringify(entry)}`).toContain(entry.subject);
      expect(entry.actor).toBe("test");
      told.push(...privateTextsOf(body, answer));
    }
  }
  expect(auditActions.filter((action) => !seen.has(action))).toEqual([
    "api_key.withdrawn",
    "session.opened",
  ]);

  const [log] = await api.database.sql<{ text: string }>`
    select string_agg(a::text, ' ') as text from audit_log a`;
  const marks = ["in-sight-of-all", "a-payload-of-theirs", "a-credential-of-theirs", "example.com"];
  const values = new Set([...marks, "whsec_", "prk_", ...told]);
  expect(values.size).toBeGreaterThan(20);
  expect([...values].filter((value) => log?.text.includes(value))).toEqual([]);
}, 120_000);

test("a refused change leaves no entry", async () => {
  const api = await open();
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "in-sight" });
  const reader = await api.newKey({ scopes: ["read"] });
  const before = await api.entries("?limit=200");
  for (const operation of api.operations.filter(isAudited)) {
    const refused = [
      await send(api, operation, names, { key: null }),
      ...(operation.scope === "any"
        ? []
        : [await send(api, operation, names, { key: reader.key })]),
      ...(operation.path.includes("{") ? [await send(api, operation, unknownNames(names))] : []),
      ...(operation.body
        ? [await send(api, operation, names, { body: { nonsense: true, name: 7 } })]
        : []),
    ];
    for (const { status, text } of refused) {
      expect(status, `${operation.name} ${text}`).toBeGreaterThanOrEqual(400);
      expect(status, `${operation.name} ${text}`).toBeLessThan(500);
    }
  }
  expect(await api.entries("?limit=200")).toEqual(before);
}, 60_000);

test("a change and its entry exist together or not at all", async () => {
  const api = await open();
  const make = () =>
    api.call("POST", "/webhooks", {
      body: { name: "hook", url: "https://example.com/in", events: ["workflow.completed"] },
    });
  await api.database.sql`revoke insert on audit_log from postrider_team`;
  expect((await make()).status).toBe(500);
  expect((await api.call("GET", "/webhooks")).body.total).toBe(0);
  await api.database.sql`grant insert on audit_log to postrider_team`;
  expect((await make()).status).toBe(201);
  expect(await api.entries()).toHaveLength(1);
});

test("the same request under one Idempotency-Key leaves one entry", async () => {
  const api = await open();
  const make = () =>
    api.call("POST", "/webhooks", {
      body: { name: "hook", url: "https://example.com/in", events: ["workflow.completed"] },
      headers: { "idempotency-key": "once" },
    });
  const [first, second] = [await make(), await make()];
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(await api.entries()).toHaveLength(1);
});

test("the log is read newest first, by actor, action, subject and time, by administrators of the team", async () => {
  const api = await open();
  const second = await api.newKey();
  const make = async (key: string, name: string): Promise<string> =>
    (await api.call("POST", "/assistants/v1/assistants", { key, body: { name } })).body.id;
  const [ada, bob] = [await make(api.key, "Ada"), await make(second.key, "Bob")];
  await api.call("DELETE", `/assistants/v1/assistants/${ada}`);

  const what = async (query: string) =>
    (await api.entries(query)).map(({ action, subject }) => [action, subject.id]);
  expect((await what("")).sort()).toEqual(
    [
      ["assistant.created", ada],
      ["assistant.created", bob],
      ["assistant.deleted", ada],
    ].sort(),
  );
  const [newest] = await api.entries();
  expect(newest).toMatchObject({
    actor: { id: expect.stringMatching(/^[0-9a-f]{24}$/), name: "test" },
  });
  expect(newest?.action).toMatch(/^assistant\./);
  expect(newest?.subject.type).toBe("assistant");
  expect(newest?.request_id).toMatch(/^req_/);
  const ids = (await api.entries()).map(({ id }) => id);
  expect(ids).toEqual([...ids].sort().reverse());
  expect(await what(`?actor=${second.id}`)).toEqual([["assistant.created", bob]]);
  expect(await what("?action=assistant.deleted")).toEqual([["assistant.deleted", ada]]);
  expect((await what(`?subject=${ada}`)).length).toBe(2);
  await api.database.sql`
    update audit_log set created_at = created_at - interval '1 day' where subject_id = ${bob}`;
  const since = new Date(Date.now() - 3_600_000).toISOString();
  expect(await what(`?until=${since}`)).toEqual([["assistant.created", bob]]);
  expect(await what(`?since=${since}`)).toHaveLength(2);
  expect((await api.call("GET", "/v1/audit?actor=nobody")).status).toBe(422);
  expect((await api.call("GET", "/v1/audit?action=was.nothing")).status).toBe(422);

  const writer = await api.newKey({ scopes: ["read", "write", "publish", "payload"] });
  expect((await api.call("GET", "/v1/audit", { key: writer.key })).status).toBe(403);
  const other = await api.newTeam();
  expect(await api.entries("", other.key)).toEqual([]);
});

test("a key for several teams is in the log of each, whichever of them the request was made for", async () => {
  const api = await open();
  const other = await api.newTeam();
  const third = await api.newTeam();
  const both = await api.newKey({ teamIds: [api.teamId, other.teamId] });
  const made = await api.call("POST", "/v1/api-keys", {
    key: both.key,
    body: { name: "shared", scopes: ["read"], team_ids: [other.teamId] },
  });
  expect(made.status, made.text).toBe(201);
  const actions = async (key: string) => (await api.entries("", key)).map(({ action }) => action);
  expect(await actions(api.key)).toEqual([]);
  expect(await actions(other.key)).toEqual(["api_key.created"]);

  const wide = await api.newKey({ teamIds: [other.teamId, api.teamId, third.teamId] });
  const revoke = await api.call("DELETE", `/v1/api-keys/${wide.id}`, { key: both.key });
  expect(revoke.status).toBe(204);
  expect(await actions(api.key)).toEqual(["api_key.withdrawn"]);
  expect((await actions(other.key)).sort()).toEqual(["api_key.created", "api_key.withdrawn"]);
  expect(await actions(third.key)).toEqual([]);
  // Revoked again nothing changes, and nothing is said.
  await api.call("DELETE", `/v1/api-keys/${made.body.id}`, { key: other.key });
  await api.call("DELETE", `/v1/api-keys/${made.body.id}`, { key: other.key });
  expect((await actions(other.key)).filter((action) => action === "api_key.revoked")).toHaveLength(
    1,
  );
});

test("entries are forgotten after 400 days and not before", async () => {
  const { database, teamId, entries } = await open();
  const add = (api: Pick<TestApi, "database">, age: string) =>
    api.database.sql`
      insert into audit_log (team_id, id, created_at, actor_id, actor_name, action, subject_id, request_id)
      values (${teamId}, ${newId()}, now() - ${age}::interval, ${newId()}, 'old', 'team.created', ${teamId}, '')`;
  for (const age of ["399 days 23 hours", "400 days 1 hour", "500 days"])
    await add({ database }, age);
  expect(await deleteOldAuditEntriesOfAllTeams(database.sql, 1)).toBe(1);
  expect(await deleteOldAuditEntriesOfAllTeams(database.sql, 1_000)).toBe(1);
  expect(await entries()).toHaveLength(1);
});
