import { expect, onTestFinished, test } from "vitest";
import { deleteOldSessionsOfAllTeams, insertLoginLink } from "../../src/db/sessions.ts";
import { newId } from "../../src/ids.ts";
import { newToken } from "../../src/session-tokens.ts";
import { openTestApi, type TestApi } from "../support/api.ts";
import { type Browser, openBrowser } from "../support/browser.ts";

async function open() {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  return { ...api, browser: () => openBrowser(api) };
}

/** Signs a new browser in by a key. */
async function signedIn(api: TestApi, key = api.key): Promise<Browser & { id: string }> {
  const browser = openBrowser(api);
  const { status, text, body } = await browser.post("/v1/sessions", { api_key: key });
  expect(status, text).toBe(201);
  return { ...browser, id: body.id };
}

/** Makes a login link for a key; gives its token. */
async function loginToken(api: TestApi, apiKeyId: string): Promise<string> {
  const { text, sha256 } = newToken("login");
  expect(await insertLoginLink(api.database.sql, { apiKeyId, tokenSha256: sha256 })).toBe(true);
  return text;
}

const ageSessions = ({ database }: TestApi, by: string) => database.sql`
  update sessions set last_seen_at = last_seen_at - ${by}::interval`;

test("an API key signs a browser in, by a cookie that no script reads and no other site sends", async () => {
  const api = await open();
  const { id, key } = await api.newKey({ scopes: ["read", "admin"] });
  const browser = api.browser();
  const answer = await browser.post("/v1/sessions", { api_key: key });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  expect(answer.body).toMatchObject({ scopes: ["read", "admin"], team_id: api.teamId });
  expect(answer.body.current).toBe(true);
  expect(Date.parse(answer.body.expires_at) - Date.parse(answer.body.last_seen_at)).toBe(
    12 * 3_600_000,
  );
  const cookie = String(answer.headers["set-cookie"]);
  expect(cookie).toMatch(
    /^__Host-postrider_session=prs_[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  );
  const me = await browser.get("/accounts/v1/users/me");
  expect([me.status, me.body.id]).toEqual([200, id]);
  expect((await browser.get("/v1/audit")).status).toBe(200);
  // Its scopes are the key's and no more.
  expect((await browser.post("/v1/replays", {})).body.code).toBe("scope_missing");

  const token = /prs_[\w-]+/.exec(cookie)?.[0] ?? "";
  const [stored] = await api.database.sql<{ text: string }>`
    select string_agg(s::text, '') as text from sessions s`;
  expect(stored?.text).toContain(answer.body.id);
  for (const place of [stored?.text, JSON.stringify(api.logged), answer.text]) {
    expect(place).not.toContain(token);
  }
});

test("the audit log has each sign-in and sign-out, and a session's actions under its id with the key's name", async () => {
  const api = await open();
  const browser = await signedIn(api);
  const me = (await browser.get("/accounts/v1/users/me")).body;
  const made = await browser.post("/v1/api-keys", { name: "by hand", scopes: ["read"] });
  expect(made.status, made.text).toBe(201);
  expect((await browser.delete("/v1/sessions/current")).status).toBe(204);
  const { body } = await api.call("GET", "/v1/audit");
  const told = body.entries.map((one: { action: string; actor: object; subject: object }) => [
    one.action,
    one.actor,
    one.subject,
  ]);
  const session = { id: browser.id, name: "test" };
  expect(told.reverse()).toEqual([
    ["session.opened", { id: me.id, name: "test" }, { type: "session", id: browser.id }],
    ["api_key.created", session, { type: "api_key", id: made.body.id }],
    ["session.ended", session, { type: "session", id: browser.id }],
  ]);
});

test("sessions are listed and ended one by one, the own one by its name, and all at once", async () => {
  const api = await open();
  const [first, second, third] = [await signedIn(api), await signedIn(api), await signedIn(api)];
  const stranger = await signedIn(api, (await api.newKey()).key);
  const { body } = await first.get("/v1/sessions");
  expect(body.next_cursor).toBe(null);
  expect(
    body.sessions.map((one: { id: string; current: boolean }) => [one.id, one.current]),
  ).toEqual([third, second, first].map(({ id }) => [id, id === first.id]));
  expect((await first.get("/v1/sessions/current")).body).toMatchObject({ id: first.id });
  expect((await first.get(`/v1/sessions/${second.id}`)).body).toMatchObject({ current: false });
  expect((await api.call("GET", "/v1/sessions/current")).status).toBe(404);

  // Of another key nobody sees or ends one, though it is of the same team.
  for (const method of ["get", "delete"] as const) {
    expect((await first[method](`/v1/sessions/${stranger.id}`)).status).toBe(404);
  }
  const ended = await first.delete(`/v1/sessions/${second.id}`);
  expect([ended.status, ended.headers["set-cookie"]]).toEqual([204, undefined]);
  expect((await second.get("/v1/sessions")).status).toBe(401);
  expect((await first.delete(`/v1/sessions/${second.id}`)).status).toBe(404);

  const everywhere = await first.delete("/v1/sessions");
  expect(everywhere.status).toBe(204);
  expect(everywhere.headers["set-cookie"]).toContain("Max-Age=0");
  for (const browser of [first, third]) {
    expect((await browser.get("/v1/sessions")).status).toBe(401);
  }
  expect((await stranger.get("/v1/sessions")).body.sessions).toHaveLength(1);
});

test("a session acts for the team that was set last, among those that its key reaches", async () => {
  const api = await open();
  const [other, foreign] = [await api.newTeam(), await api.newTeam()];
  const { key } = await api.newKey({ teamIds: [api.teamId, other.teamId] });
  const browser = await signedIn(api, key);
  const teamOf = async () => (await browser.get("/accounts/v1/users/me")).body.team_id;
  expect(await teamOf()).toBe(api.teamId);
  const moved = await browser.patch("/v1/sessions/current", { team_id: other.teamId });
  expect([moved.status, moved.body.team_id]).toEqual([200, other.teamId]);
  expect(await teamOf()).toBe(other.teamId);
  for (const team_id of [foreign.teamId, newId()]) {
    const refused = await browser.patch("/v1/sessions/current", { team_id });
    expect([refused.status, refused.body.code]).toEqual([404, "team_not_found"]);
  }
  const headers = { "x-org-id": foreign.teamId };
  expect((await browser.get("/accounts/v1/users/me", headers)).body.code).toBe("team_not_found");
  expect(await teamOf()).toBe(other.teamId);
  // The key loses the team: the session is over, and does not go on for another team behind the reader's back.
  await api.database.sql`delete from api_key_teams where team_id = ${other.teamId}`;
  expect((await browser.get("/accounts/v1/users/me")).status).toBe(401);
});

test("a session ends at once with its key: revoked, expired, or reaching nothing any more", async () => {
  const api = await open();
  const endings = [
    (id: string) => api.call("DELETE", `/v1/api-keys/${id}`),
    (id: string) => api.database.sql`update api_keys set expires_at = now() where id = ${id}`,
    (id: string) => api.database.sql`delete from api_key_teams where api_key_id = ${id}`,
  ];
  for (const end of endings) {
    const { id, key } = await api.newKey();
    const browser = await signedIn(api, key);
    expect((await browser.get("/v1/sessions")).status).toBe(200);
    await end(id);
    expect((await browser.get("/v1/sessions")).status).toBe(401);
    expect((await browser.post("/v1/sessions", { api_key: key })).status).toBe(401);
  }
});

test("a session that was not used for twelve hours has ended, and a used one continues", async () => {
  const api = await open();
  const browser = await signedIn(api);
  await ageSessions(api, "11 hours 59 minutes");
  expect((await browser.get("/v1/sessions")).status).toBe(200);
  await expect
    .poll(async () => {
      const [row] = await api.database.sql<{ fresh: boolean }>`
        select last_seen_at > now() - interval '1 minute' as fresh from sessions`;
      return row?.fresh;
    })
    .toBe(true);
  await ageSessions(api, "12 hours 1 second");
  expect((await browser.get("/v1/sessions")).status).toBe(401);
  expect((await api.call("GET", "/v1/sessions")).body.sessions).toEqual([]);
  expect(await deleteOldSessionsOfAllTeams(api.database.sql, 10)).toBe(1);
  expect(await api.database.sql`select from sessions`).toEqual([]);
});

test("a key has at most 100 sessions: one more ends the one that was seen longest ago", async () => {
  const api = await open();
  const [first, second] = [await signedIn(api), await signedIn(api)];
  await api.database.sql`
    update sessions set last_seen_at = last_seen_at - interval '1 minute' where id = ${second.id}`;
  for (let count = 2; count < 101; count++) await signedIn(api);
  expect((await api.call("GET", "/v1/sessions?limit=200")).body.sessions).toHaveLength(100);
  expect((await first.get("/v1/sessions")).status).toBe(200);
  expect((await second.get("/v1/sessions")).status).toBe(401);
});

test("a login link signs in once, within ten minutes, as its key", async () => {
  const api = await open();
  const { id, key } = await api.newKey({ scopes: ["read"] });
  const token = await loginToken(api, id);
  const browser = api.browser();
  const answer = await browser.post("/v1/sessions", { login_token: token });
  expect([answer.status, answer.body.scopes]).toEqual([201, ["read"]]);
  expect((await browser.get("/accounts/v1/users/me")).body.id).toBe(id);
  const again = await api.browser().post("/v1/sessions", { login_token: token });
  expect([again.status, again.headers["set-cookie"]]).toEqual([401, undefined]);

  const late = await loginToken(api, id);
  await api.database.sql`update login_links set expires_at = expires_at - interval '10 minutes'`;
  const refused = [
    { login_token: late },
    { login_token: newToken("login").text },
    { login_token: newToken("dashboard").text },
    { login_token: "" },
    { api_key: `${key}x` },
    { api_key: "" },
  ];
  const texts = new Set<string>();
  for (const body of refused) {
    const { status, text, body: problem } = await api.browser().post("/v1/sessions", body);
    expect(status, text).toBe(401);
    texts.add(JSON.stringify({ ...problem, request_id: "" }));
  }
  expect(texts.size).toBe(1);
  for (const body of [{}, { api_key: key, login_token: late }]) {
    expect((await api.browser().post("/v1/sessions", body)).status).toBe(422);
  }
  // Kept for nobody: it is gone with the next round of the janitor.
  expect(await deleteOldSessionsOfAllTeams(api.database.sql, 10)).toBe(1);

  const ofRevoked = await loginToken(api, id);
  await api.call("DELETE", `/v1/api-keys/${id}`);
  const gone = await api.browser().post("/v1/sessions", { login_token: ofRevoked });
  expect(gone.status).toBe(401);
});

test("of two browsers that use a login link at the same time, one is signed in", async () => {
  const api = await open();
  const { id } = await api.newKey();
  const token = await loginToken(api, id);
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => api.browser().post("/v1/sessions", { login_token: token })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401, 401]);
  expect(await api.database.sql`select from sessions`).toHaveLength(1);
});

test("a sign-in is never answered from an Idempotency-Key", async () => {
  const api = await open();
  const body = { api_key: api.key };
  const headers = { "idempotency-key": "once" };
  const browsers = [api.browser(), api.browser()];
  const ids = new Set<string>();
  for (const browser of browsers) {
    const answer = await browser.post("/v1/sessions", body, headers);
    expect([answer.status, answer.headers["idempotent-replayed"]]).toEqual([201, undefined]);
    ids.add(answer.body.id);
  }
  expect(ids.size).toBe(2);
  expect(await api.database.sql`select from idempotency_keys`).toEqual([]);
});

test("a team that is erased takes its sessions and login links along", async () => {
  const api = await open();
  const { teamId, key } = await api.newTeam();
  const browser = await signedIn(api, key);
  const me = (await browser.get("/accounts/v1/users/me")).body;
  await loginToken(api, me.id);
  const both = await api.newKey({ teamIds: [teamId, api.teamId] });
  const erased = await api.call("DELETE", `/v1/teams/${teamId}`, { key: both.key });
  expect(erased.status).toBe(202);
  expect((await browser.get("/v1/sessions")).status).toBe(401);
  expect(await api.database.sql`select from sessions where team_id = ${teamId}`).toEqual([]);
  expect(await api.database.sql`select from login_links where team_id = ${teamId}`).toEqual([]);
});
