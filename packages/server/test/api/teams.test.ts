import { expect, onTestFinished, test } from "vitest";
import { openApp } from "../../src/api/app.ts";
import { newId } from "../../src/ids.ts";
import { openTestApi } from "../support/api.ts";

async function setup() {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  return api;
}

test("a new team is reached by the key that made it, on every process at once, and by no other key", async () => {
  const api = await setup();
  // A second process that has just looked the key up and remembers its teams.
  const other = await openApp(api.deps);
  onTestFinished(() => other.close());
  const askOther = (teamId?: string) =>
    other.inject({
      url: "/accounts/v1/users/me",
      headers: { authorization: `Bearer ${api.key}`, ...(teamId ? { "x-org-id": teamId } : {}) },
    });
  expect((await askOther()).statusCode).toBe(200);

  const made = await api.call("POST", "/v1/teams", { body: { name: "Night shift" } });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ name: "Night shift" });
  const headers = { "x-org-id": made.body.id };
  expect((await api.call("GET", "/v1/api-keys", { headers })).status).toBe(200);
  expect((await askOther(made.body.id)).json().team_id).toBe(made.body.id);

  const { key } = await api.newKey();
  expect((await api.call("GET", "/accounts/v1/users/me", { key, headers })).status).toBe(404);
  expect((await api.call("GET", "/v1/teams", { key })).body.teams).toHaveLength(1);
});

test("a key lists the teams it reaches, newest first, and not another one", async () => {
  const api = await setup();
  await api.newTeam();
  const made = await api.call("POST", "/v1/teams", { body: { name: "b" } });
  const { body } = await api.call("GET", "/v1/teams");
  expect(body.teams.map(({ id }: { id: string }) => id)).toEqual([made.body.id, api.teamId]);
});

test("the same request under one Idempotency-Key makes one team, also when its answer was lost", async () => {
  const api = await setup();
  const create = () =>
    api.call("POST", "/v1/teams", { body: { name: "c" }, headers: { "idempotency-key": "k" } });
  const first = await create();
  await api.database.sql`
    update idempotency_keys set status_code = null, sealed_response = null, in_flight_until = now()`;
  const second = await create();
  expect([second.status, second.body]).toEqual([201, first.body]);
  expect((await api.call("GET", "/v1/teams")).body.teams).toHaveLength(2);
});

test("teams need the scope admin, and a name", async () => {
  const api = await setup();
  const { key } = await api.newKey({ scopes: ["read", "write", "publish", "payload"] });
  for (const method of ["GET", "POST"]) {
    const body = method === "POST" ? { name: "d" } : undefined;
    expect((await api.call(method, "/v1/teams", { key, body })).status).toBe(403);
  }
  for (const body of [{}, { name: "" }, { name: " " }, { name: "e", id: newId() }, { name: 1 }]) {
    expect((await api.call("POST", "/v1/teams", { body })).status).toBe(422);
  }
});

test("a key of any scope can read its name, its scopes, its default team and its teams", async () => {
  const api = await setup();
  const own = await api.newTeam();
  const { id, key } = await api.newKey({
    scopes: ["publish"],
    teamIds: [own.teamId, api.teamId],
  });
  const me = await api.call("GET", "/accounts/v1/users/me", { key });
  expect(me.status).toBe(200);
  expect(me.body).toEqual({
    id,
    name: "test",
    scopes: ["publish"],
    default_team_id: own.teamId,
    team_id: own.teamId,
    teams: [
      { id: api.teamId, name: "test" },
      { id: own.teamId, name: "another" },
    ],
    portal: null,
  });
  const elsewhere = { key, headers: { teamid: api.teamId } };
  const there = await api.call("GET", "/accounts/v1/users/me", elsewhere);
  expect(there.body).toMatchObject({ default_team_id: own.teamId, team_id: api.teamId });
  expect((await api.call("GET", "/accounts/v1/users/me", { key: null })).status).toBe(401);
});
