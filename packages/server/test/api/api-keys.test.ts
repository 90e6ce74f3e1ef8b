import { expect, onTestFinished, test } from "vitest";
import { openApp } from "../../src/api/app.ts";
import { parseApiKey } from "../../src/api-keys.ts";
import { readConfig } from "../../src/config.ts";
import { ensureBootstrapKey } from "../../src/db/api-keys.ts";
import { newId } from "../../src/ids.ts";
import { openTestApi, type TestApiOptions } from "../support/api.ts";

async function setup(options: TestApiOptions = {}) {
  const api = await openTestApi(options);
  onTestFinished(() => api.close());
  const make = (body: object = {}, more: { key?: string; headers?: Record<string, string> } = {}) =>
    api.call("POST", "/v1/api-keys", { body: { name: "new", scopes: ["read"], ...body }, ...more });
  const me = async (key: string) =>
    (await api.call("GET", "/accounts/v1/users/me", { key })).status;
  const revoke = (id: string, key = api.key) => api.call("DELETE", `/v1/api-keys/${id}`, { key });
  return { ...api, make, me, revoke };
}

test("a new key works for what it was given, and is shown once", async () => {
  const api = await setup();
  const made = await api.make({ name: "Reader", scopes: ["read", "publish"] });
  expect(made.status).toBe(201);
  const { key, id, prefix, last4 } = made.body;
  expect(made.body).toMatchObject({ name: "Reader", default_team_id: api.teamId });
  expect(key.startsWith(`${prefix}_`)).toBe(true);
  expect(key.endsWith(last4)).toBe(true);
  expect(await api.me(key)).toBe(200);
  expect((await api.call("GET", "/v1/api-keys", { key })).status).toBe(403);

  const list = await api.call("GET", "/v1/api-keys");
  const listed = list.body.api_keys.find((one: { id: string }) => one.id === id);
  expect(Object.keys(listed)).toEqual([
    ...["id", "name", "prefix", "last4", "scopes", "default_team_id", "teams"],
    ...["created_at", "last_used_at", "expires_at", "revoked_at", "person"],
  ]);
  expect(listed).toMatchObject({
    name: "Reader",
    prefix,
    last4,
    scopes: ["read", "publish"],
    teams: [{ id: api.teamId, name: "test" }],
    expires_at: null,
    revoked_at: null,
  });
  const secret = parseApiKey(key)?.secret ?? "";
  const rows = await api.database.sql<{ row: string }>`select api_keys::text as row from api_keys`;
  for (const shown of [list.text, JSON.stringify(rows), JSON.stringify(api.logged)]) {
    expect(shown).not.toContain(secret);
  }
  expect(list.text).not.toMatch(/sha|hash/i);
});

test("a key cannot give away a scope or a team that it does not have", async () => {
  const api = await setup();
  const foreign = await api.newTeam();
  const { key } = await api.newKey({ scopes: ["admin", "read"] });
  const more = await api.make({ scopes: ["read", "write", "payload"] }, { key });
  expect(more.body).toMatchObject({ status: 403, code: "scope_missing" });
  expect(more.body.detail).toContain("`write`, `payload`");

  const told = [foreign.teamId, newId()].map(async (id) => {
    const answer = await api.make({ team_ids: [api.teamId, id] }, { key });
    expect(answer.status).toBe(422);
    return { ...answer.body, request_id: "" };
  });
  const [ofAnother, unknown] = await Promise.all(told);
  expect(ofAnother).toEqual(unknown);
  expect((await api.call("GET", "/v1/api-keys")).body.api_keys).toHaveLength(2);
});

test("a key reaches the teams it was given and begins in its default one", async () => {
  const api = await setup();
  const second = (await api.call("POST", "/v1/teams", { body: { name: "second" } })).body.id;
  const both = { team_ids: [api.teamId, second] };
  const start = async (body: object, headers = {}) =>
    (await api.make(body, { headers })).body.default_team_id;
  expect(await start({})).toBe(api.teamId);
  expect(await start({}, { "x-org-id": second })).toBe(second);
  expect(await start(both)).toBe(api.teamId);
  expect(await start(both, { "x-org-id": second })).toBe(second);
  expect(await start({ team_ids: [second] })).toBe(second);

  const { body } = await api.make({ ...both, default_team_id: second });
  const own = await api.call("GET", "/accounts/v1/users/me", { key: body.key });
  expect(own.body).toMatchObject({ default_team_id: second, team_id: second });
  expect(own.body.teams).toHaveLength(2);
  expect((await api.make({ default_team_id: second })).status).toBe(422);
});

test("a request that asks for no sensible key is a 422", async () => {
  const api = await setup();
  for (const body of [
    { scopes: [] },
    { scopes: ["read", "read"] },
    { scopes: ["root"] },
    { name: "" },
    { team_ids: [] },
    { team_ids: ["x"] },
    { expires_in_seconds: 0 },
    { expires_in_seconds: 1.5 },
    { secret: "mine" },
  ]) {
    expect((await api.make(body)).status, JSON.stringify(body)).toBe(422);
  }
});

test("a key stops working when its time is over", async () => {
  const api = await setup();
  const { body } = await api.make({ expires_in_seconds: 60 });
  await api.database.sql`
    update api_keys set expires_at = expires_at - interval '1 minute' where id = ${body.id}`;
  expect(await api.me(body.key)).toBe(401);
  const { api_keys } = (await api.call("GET", "/v1/api-keys")).body;
  expect(api_keys.find(({ id }: { id: string }) => id === body.id).expires_at).not.toBeNull();
});

test("auth-024, auth-025: two keys overlap, and a revoked one is refused on every process within five seconds", async () => {
  const api = await setup();
  const second = await openApp(api.deps);
  onTestFinished(() => second.close());
  const onSecond = async (key: string) =>
    (
      await second.inject({
        url: "/accounts/v1/users/me",
        headers: { authorization: `Bearer ${key}` },
      })
    ).statusCode;
  const old = (await api.make()).body;
  const next = (await api.make()).body;
  for (const { key } of [old, next]) {
    expect([await api.me(key), await onSecond(key)]).toEqual([200, 200]);
  }

  expect((await api.revoke(old.id)).status).toBe(204);
  await expect
    .poll(async () => [await api.me(old.key), await onSecond(old.key)], {
      timeout: 5_000,
      interval: 100,
    })
    .toEqual([401, 401]);
  expect([await api.me(next.key), await onSecond(next.key)]).toEqual([200, 200]);

  expect((await api.revoke(old.id)).status).toBe(204);
  const { api_keys } = (await api.call("GET", "/v1/api-keys")).body;
  expect(api_keys.find(({ id }: { id: string }) => id === old.id).revoked_at).not.toBeNull();
});

test("a revoked key that is still remembered makes no other key", async () => {
  const api = await setup();
  const { id, key } = await api.newKey();
  expect(await api.me(key)).toBe(200);
  await api.revoke(id);
  expect((await api.make({}, { key })).status).toBe(401);
});

test("another team's key is not there; one that is shared is only taken away from the shared teams", async () => {
  const api = await setup();
  const other = await api.newTeam();
  const foreign = await api.newKey({ teamIds: [other.teamId] });
  const unknown = await api.revoke(newId());
  const theirs = await api.revoke(foreign.id);
  expect(theirs.status).toBe(404);
  expect({ ...theirs.body, request_id: "" }).toEqual({ ...unknown.body, request_id: "" });
  expect((await api.revoke("nonsense")).status).toBe(404);

  const bystander = await api.newKey({ teamIds: [api.teamId] });
  const shared = await api.newKey({ teamIds: [api.teamId, other.teamId] });
  const [seen] = (await api.call("GET", "/v1/api-keys")).body.api_keys;
  expect(seen).toMatchObject({ id: shared.id, default_team_id: api.teamId });
  expect(seen.teams).toEqual([{ id: api.teamId, name: "test" }]);
  const [seenThere] = (await api.call("GET", "/v1/api-keys", { key: other.key })).body.api_keys;
  expect(seenThere).toMatchObject({ id: shared.id, default_team_id: null });

  expect((await api.revoke(shared.id)).status).toBe(204);
  const own = await api.call("GET", "/accounts/v1/users/me", { key: shared.key });
  expect(own.body).toMatchObject({
    team_id: other.teamId,
    teams: [{ id: other.teamId, name: "another" }],
  });
  const { api_keys: left } = (await api.call("GET", "/v1/api-keys")).body;
  expect(left.map(({ id }: { id: string }) => id)).not.toContain(shared.id);
  expect((await api.revoke(shared.id)).status).toBe(404);
  // Another key begins where it began before.
  const beside = await api.call("GET", "/accounts/v1/users/me", { key: bystander.key });
  expect(beside.body).toMatchObject({ team_id: api.teamId });
});

test("a key cannot revoke itself, in one or several teams, and still works", async () => {
  const api = await setup();
  const other = await api.newTeam();
  const both = await api.newKey({ teamIds: [api.teamId, other.teamId] });
  for (const { id, key } of [both, await api.newKey()]) {
    const refused = await api.revoke(id, key);
    expect(refused.body).toMatchObject({ status: 409, code: "key_in_use" });
    expect(await api.me(key)).toBe(200);
  }
  expect((await api.revoke(both.id)).status).toBe(204);
  expect((await api.call("GET", "/v1/audit")).body.entries).toHaveLength(1);
});

test("one of two keys that revoke each other at once is left", async () => {
  const api = await setup();
  for (let round = 0; round < 5; round++) {
    const [one, two] = [await api.newKey(), await api.newKey()];
    const answers = await Promise.all([api.revoke(one.id, two.key), api.revoke(two.id, one.key)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401]);
    const [row] = await api.database.sql<{ left: number }>`
      select count(*)::int as left from api_keys
      where id in (${one.id}, ${two.id}) and revoked_at is null`;
    expect(row?.left).toBe(1);
  }
});

test("the operator's own key is not revoked through the API", async () => {
  let ready: Promise<void> = Promise.resolve();
  const api = await setup({
    deps: (_walled, database) => {
      ready = ensureBootstrapKey(database, { key: "the-operators-own-key" });
      return {
        config: { ...readConfig("development", {}), bootstrapApiKey: "the-operators-own-key" },
      };
    },
  });
  await ready;
  const key = "the-operators-own-key";
  const { id } = (await api.call("GET", "/accounts/v1/users/me", { key })).body;
  const refused = await api.revoke(id, key);
  expect(refused.body).toMatchObject({ status: 409, code: "operators_key" });
  expect(refused.body.detail).toMatch(/POSTRIDER_API_KEY/);
  expect((await api.revoke(id)).status).toBe(404);
  expect(await api.me(key)).toBe(200);
});

test("the use of a key is noted, at most once a minute", async () => {
  const api = await setup();
  const { id, key } = await api.newKey();
  const usedAt = async () => {
    const [row] = await api.database.sql<{ last_used_at: Date | null }>`
      select last_used_at from api_keys where id = ${id}`;
    return row?.last_used_at ?? null;
  };
  expect(await usedAt()).toBeNull();
  await api.me(key);
  await expect.poll(usedAt).not.toBeNull();
  const first = await usedAt();

  const second = await openApp(api.deps);
  onTestFinished(() => second.close());
  const ask = () =>
    second.inject({ url: "/accounts/v1/users/me", headers: { authorization: `Bearer ${key}` } });
  await ask();
  expect(await usedAt()).toEqual(first);

  await api.database.sql`
    update api_keys set last_used_at = now() - interval '61 seconds' where id = ${id}`;
  const third = await openApp(api.deps);
  onTestFinished(() => third.close());
  await third.inject({
    url: "/accounts/v1/users/me",
    headers: { authorization: `Bearer ${key}` },
  });
  await expect
    .poll(async () => ((await usedAt())?.getTime() ?? 0) >= (first?.getTime() ?? 0))
    .toBe(true);
});

test("the same request under one Idempotency-Key is answered with the same key", async () => {
  const api = await setup();
  const headers = { "idempotency-key": "k-1" };
  const first = await api.make({}, { headers });
  const second = await api.make({}, { headers });
  expect(second.text).toBe(first.text);
  expect(second.headers["idempotent-replayed"]).toBe("true");
  const [kept] = await api.database.sql<{ row: string }>`
    select encode(sealed_response, 'escape') as row from idempotency_keys`;
  expect(kept?.row).not.toContain(parseApiKey(first.body.key)?.secret);
});

test("a repeat whose first answer was lost gets the same key with a secret that works", async () => {
  const api = await setup();
  const headers = { "idempotency-key": "k-1" };
  const lost = await api.make({}, { headers });
  const loseAnswer = () => api.database.sql`
    update idempotency_keys set status_code = null, sealed_response = null, in_flight_until = now()`;
  await loseAnswer();
  const again = await api.make({}, { headers });
  expect([again.status, again.body.id]).toEqual([201, lost.body.id]);
  expect(await api.me(lost.body.key)).toBe(401);
  expect(await api.me(again.body.key)).toBe(200);

  // In use, it is not replaced under its owner's feet.
  await api.database.sql`update api_keys set last_used_at = now() where id = ${again.body.id}`;
  await loseAnswer();
  expect((await api.make({}, { headers })).body).toMatchObject({ status: 409, code: "id_taken" });
  expect(await api.me(again.body.key)).toBe(200);
});

test("auth-021, auth-022: a key of one scope does not do what needs another", async () => {
  const api = await setup();
  const reader = (await api.make({ scopes: ["read"] })).body.key;
  const publisher = (await api.make({ scopes: ["publish"] })).body.key;
  const body = { name: "n", url: "https://receiver.example/", actions: ["workflow_created"] };
  const path = "/workflows/v1/workflow-webhooks";
  expect((await api.call("POST", path, { key: reader, body })).status).toBe(403);
  expect((await api.call("GET", `${path}/events`, { key: publisher })).status).toBe(403);
  expect((await api.call("GET", "/webhooks/logs/all", { key: publisher })).status).toBe(403);
});
