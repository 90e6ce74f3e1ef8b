import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/config.ts";
import { openTestApi, type TestApi } from "../support/api.ts";
import { until } from "../support/house.ts";

type Made = { id: string };

/** Everything that has a quota: how one is made and taken away again, and which setting bounds it. */
const kinds = {
  "workflow webhooks": {
    setting: "POSTRIDER_WEBHOOKS_MAX",
    path: "/workflows/v1/workflow-webhooks",
    body: { name: "a", url: "https://example.com/", actions: ["workflow_created"] },
    remove: (path: string, { id }: Made) => `${path}/${id}`,
  },
  "organisation webhooks": {
    setting: "POSTRIDER_WEBHOOKS_MAX",
    path: "/webhooks",
    body: { name: "a", url: "https://example.com/", events: ["workflow.started"] },
    remove: (path: string, { id }: Made) => `${path}/${id}`,
  },
  assistants: {
    setting: "POSTRIDER_ASSISTANTS_MAX",
    path: "/assistants/v1/assistants",
    body: { name: "a" },
    remove: (path: string, { id }: Made) => `${path}/${id}`,
  },
  "API keys": {
    setting: "POSTRIDER_API_KEYS_MAX",
    path: "/v1/api-keys",
    body: { name: "a", scopes: ["read"] },
    remove: (path: string, { id }: Made) => `${path}/${id}`,
  },
  teams: { setting: "POSTRIDER_TEAMS_MAX", path: "/v1/teams", body: { name: "a" } },
} as const;
type Kind = keyof typeof kinds;
const names = Object.keys(kinds) as Kind[];

async function open(env: Record<string, string>): Promise<TestApi> {
  const api = await openTestApi({ deps: { config: readConfig("development", env) } });
  onTestFinished(() => api.close());
  return api;
}

/** The key and the team of the test are there before, so they count where keys and teams do. */
const already = (kind: Kind): number => (kind === "API keys" || kind === "teams" ? 1 : 0);

test.each(names)(
  "the last of the %s that a quota allows is made, the next one is refused",
  async (kind) => {
    const { setting, path, body } = kinds[kind];
    const api = await open({ [setting]: "3" });
    const make = (headers = {}) => api.call("POST", path, { body, headers });
    const once = { "idempotency-key": "the last one" };
    for (let made = already(kind); made < 2; made++) expect((await make()).status).toBe(201);
    const last = await make(once);
    expect(last.status, last.text).toBe(201);

    const refused = await make();
    expect(refused).toMatchObject({ status: 409, body: { code: "quota_exceeded" } });
    expect(refused.body.detail).toContain(" 3 ");
    // A repeat of what was made is no more than what is there.
    expect(await make(once)).toMatchObject({ status: 201, body: { id: last.body.id } });

    const other = await api.newTeam();
    expect((await api.call("POST", path, { key: other.key, body })).status).toBe(201);
  },
);

test.each(names.filter((kind) => kind !== "teams"))(
  "what is taken away of the %s makes room again",
  async (kind) => {
    const { setting, path, body, remove } = kinds[kind as Exclude<Kind, "teams">];
    const api = await open({ [setting]: "2" });
    const make = () => api.call("POST", path, { body });
    let last = await make();
    if (already(kind) === 0) last = await make();
    expect((await make()).status).toBe(409);
    expect((await api.call("DELETE", remove(path, last.body))).status).toBe(204);
    expect((await make()).status).toBe(201);
    expect((await make()).status).toBe(409);
  },
);

test.each(names)(
  "many who make %s at once get no more than the quota between them",
  async (kind) => {
    const { setting, path, body } = kinds[kind];
    const api = await open({ [setting]: "5" });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call("POST", path, { body })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(5 - already(kind));
    expect(new Set(statuses)).toEqual(new Set([201, 409]));
  },
);

test("while one who adds has not committed, the next one waits and then counts what was added", async () => {
  const api = await open({ POSTRIDER_WEBHOOKS_MAX: "1" });
  const { path, body } = kinds["workflow webhooks"];
  let second: Promise<{ status: number }> | undefined;
  await api.database.begin(async (tx) => {
    await tx`
      insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds,
        max_retries, backoff_seconds, sealed_signing_secret, created_by, updated_by)
      values (${api.teamId}, 'other', 'workflow', 'a', 'https://example.com/', '{workflow_created}',
        10, 3, 10, '', 'system', 'system')`;
    await tx`select id from teams where id = ${api.teamId} for no key update`;
    second = api.call("POST", path, { body });
    await until("the second one waits", async () => {
      // Asked outside of this transaction, which would see one state of the server for ever.
      const waiting = await api.database.sql`
        select pid from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and not l.granted
        union all
        select pid from pg_locks where locktype = 'transactionid' and not granted`;
      return waiting.length > 0;
    });
  });
  expect((await second)?.status).toBe(409);
});

test("webhooks of both contracts share one quota, and what was deleted does not count", async () => {
  const api = await open({ POSTRIDER_WEBHOOKS_MAX: "2" });
  const [a, b] = [kinds["workflow webhooks"], kinds["organisation webhooks"]];
  const first = await api.call("POST", a.path, { body: a.body });
  expect((await api.call("POST", b.path, { body: b.body })).status).toBe(201);
  expect((await api.call("POST", b.path, { body: b.body })).status).toBe(409);
  // An assistant's server is a subscription as well, but none of these.
  expect((await api.call("POST", kinds.assistants.path, { body: { name: "a" } })).status).toBe(201);
  await api.call("DELETE", a.remove(a.path, first.body));
  expect((await api.call("POST", b.path, { body: b.body })).status).toBe(201);
});

test("a key for several teams is refused when one of them has no room, and then reaches none of them", async () => {
  const api = await open({ POSTRIDER_API_KEYS_MAX: "2" });
  const { body: team } = await api.call("POST", "/v1/teams", { body: { name: "another" } });
  const { path, body } = kinds["API keys"];
  expect((await api.call("POST", path, { body })).status).toBe(201);
  const both = { ...body, team_ids: [api.teamId, team.id] };
  expect((await api.call("POST", path, { body: both })).status).toBe(409);
  const reached = await api.database.sql`
    select api_key_id from api_key_teams where team_id = ${team.id}`;
  expect(reached).toHaveLength(1);
});
