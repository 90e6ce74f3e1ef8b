import { expect, onTestFinished, test } from "vitest";
import type { Routes } from "../../src/api/request.ts";
import { newApiKey, parseApiKey, type Scope, scopes } from "../../src/api-keys.ts";
import { readConfig } from "../../src/config.ts";
import { ensureBootstrapKey } from "../../src/db/api-keys.ts";
import { defaultTeamId } from "../../src/db/teams.ts";
import { newId } from "../../src/ids.ts";
import { rowsOf } from "../hostile/rows.ts";
import { openTestApi, type TestApiOptions } from "../support/api.ts";

const probeRoutes: Routes = (app) => {
  for (const scope of scopes) {
    app.get(`/probe/${scope}`, { config: { scope } }, async ({ caller }) => ({
      team: caller.teamId,
      key: caller.apiKeyId,
    }));
  }
};

async function setup(options: TestApiOptions = {}) {
  const api = await openTestApi({ ...options, routes: [probeRoutes] });
  onTestFinished(() => api.close());
  const ask = (authorization: string | undefined, headers: Record<string, string> = {}) =>
    api.call("GET", "/probe/read", {
      key: null,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
    });
  return { ...api, ask };
}

type AuthCase = {
  id: string;
  why: string;
  input: { authorization: string };
  expect: { status?: number; status_any?: number[] };
};

test.each(rowsOf<AuthCase>("auth: header"))(
  "$id: $why; a refusal looks like the one of no key at all",
  async ({ input, expect: expected }) => {
    const api = await setup();
    const last = api.key.charCodeAt(api.key.length - 1);
    const flipped = api.key.slice(0, -1) + String.fromCharCode(last ^ 1);
    const authorization = input.authorization
      .replace("{valid_with_one_bit_flipped}", flipped)
      .replace("{valid}", api.key);
    const answer = await api.ask(authorization);
    expect(expected.status_any ?? [expected.status]).toContain(answer.status);
    if (answer.status !== 401) return;
    const { body, headers } = await api.ask(undefined);
    expect(answer.headers["www-authenticate"]).toBe("Bearer");
    expect(answer.headers["www-authenticate"]).toBe(headers["www-authenticate"]);
    expect({ ...answer.body, request_id: "" }).toEqual({ ...body, request_id: "" });
  },
);

test("a missing, unknown, altered, expired or revoked key is the same 401", async () => {
  const api = await setup();
  const expired = await api.newKey({ expiresInSeconds: -1 });
  const revoked = await api.newKey();
  await api.database.sql`update api_keys set revoked_at = now() where id = ${revoked.id}`;
  const otherSecret = newApiKey("dev", parseApiKey(api.key)?.id ?? "").text;
  const given = [
    undefined,
    "Basic dXNlcjpwYXNz",
    `Bearer ${newApiKey("dev", newId()).text}`,
    `Bearer ${otherSecret}`,
    `Bearer ${expired.key}`,
    `Bearer ${revoked.key}`,
    `Bearer ${api.key} ${api.key}`,
    "Bearer x",
  ];
  const refusals = new Set<string>();
  for (const authorization of given) {
    const answer = await api.ask(authorization);
    expect(answer.status, authorization).toBe(401);
    refusals.add(JSON.stringify({ ...answer.body, request_id: "" }));
  }
  expect(refusals.size).toBe(1);
  expect((await api.ask(`Bearer ${api.key}`)).status).toBe(200);
});

test("a key that was just used stops working within five seconds of its revocation", async () => {
  const api = await setup();
  const { id, key } = await api.newKey();
  expect((await api.ask(`Bearer ${key}`)).status).toBe(200);
  await api.database.sql`update api_keys set revoked_at = now() where id = ${id}`;
  await expect
    .poll(async () => (await api.ask(`Bearer ${key}`)).status, { timeout: 5_000, interval: 100 })
    .toBe(401);
});

test("a scope opens its own routes only, and the refusal names the one that is missing", async () => {
  const api = await setup();
  for (const own of scopes) {
    const { key } = await api.newKey({ scopes: [own] });
    const opened: Scope[] = [];
    for (const scope of scopes) {
      const answer = await api.call("GET", `/probe/${scope}`, { key });
      if (answer.status === 200) opened.push(scope);
      else expect(answer.body).toMatchObject({ status: 403, code: "scope_missing" });
      if (answer.status === 403) expect(answer.body.detail).toContain(`\`${scope}\``);
    }
    expect(opened).toEqual([own]);
  }
});

test("the team header selects among the key's own teams; anything else is one 404 that names the header", async () => {
  const api = await setup();
  const own = await api.newTeam();
  const foreign = await api.newTeam();
  const { key } = await api.newKey({ teamIds: [api.teamId, own.teamId] });
  const bearer = `Bearer ${key}`;

  expect((await api.ask(bearer)).body.team).toBe(api.teamId);
  expect((await api.ask(bearer, { "x-org-id": own.teamId })).body.team).toBe(own.teamId);
  expect((await api.ask(bearer, { teamid: own.teamId })).body.team).toBe(own.teamId);

  expect((await api.ask(bearer, { "x-org-id": own.teamId, teamid: own.teamId })).body.team).toBe(
    own.teamId,
  );

  const unknown = await api.ask(bearer, { "x-org-id": newId() });
  expect(unknown.body).toMatchObject({ code: "team_not_found" });
  expect(unknown.body.detail).toContain("`X-Org-Id`");
  const alias = await api.ask(bearer, { teamid: foreign.teamId });
  expect(alias.body).toMatchObject({ status: 404, code: "team_not_found" });
  expect(alias.body.detail).toContain("`teamid`");
  for (const value of [
    foreign.teamId,
    `${api.teamId}, ${own.teamId}`,
    `${api.teamId},${foreign.teamId}`,
    own.teamId.toUpperCase(),
    "",
    "*",
    "' OR '1'='1",
  ]) {
    const answer = await api.ask(bearer, { "x-org-id": value });
    expect(answer.status, value).toBe(404);
    expect({ ...answer.body, request_id: "" }).toEqual({ ...unknown.body, request_id: "" });
  }
  const both = { "x-org-id": api.teamId, teamid: own.teamId };
  expect((await api.ask(bearer, both)).status).toBe(404);
});

test("the operator's key opens the default team with every scope, until the setting changes", async () => {
  const withKey = (key: string | undefined): TestApiOptions => ({
    deps: (_walled, database) => {
      ready = key === undefined ? Promise.resolve() : ensureBootstrapKey(database, { key });
      return { config: { ...readConfig("development", {}), bootstrapApiKey: key } };
    },
  });
  let ready = Promise.resolve();
  const api = await setup(withKey("a key of the operator".replaceAll(" ", "-")));
  await ready;
  for (const scope of scopes) {
    const answer = await api.call("GET", `/probe/${scope}`, { key: "a-key-of-the-operator" });
    expect(answer.status).toBe(200);
    expect(answer.body.team).toBe(defaultTeamId);
    expect(answer.body.key).toMatch(/^[0-9a-f]{24}$/);
  }
  expect((await api.ask("Bearer a-key-of-the-operatoR")).status).toBe(401);

  const later = await setup(withKey("another-key-of-the-operator"));
  await ready;
  expect((await later.ask("Bearer a-key-of-the-operator")).status).toBe(401);
  expect((await later.ask("Bearer another-key-of-the-operator")).status).toBe(200);
});

test("a key keeps its secret out of the database", async () => {
  const api = await setup();
  const secret = parseApiKey(api.key)?.secret ?? "";
  expect(secret.length).toBeGreaterThanOrEqual(32);
  const rows = await api.database.sql<{ row: string }>`select api_keys::text as row from api_keys`;
  expect(JSON.stringify(rows)).not.toContain(secret);
});

test("one wrong character anywhere in a key fails its checksum", () => {
  const { text } = newApiKey("live", newId());
  expect(parseApiKey(text)?.env).toBe("live");
  for (let i = 0; i < text.length; i++) {
    const other = text.charAt(i) === "a" ? "b" : "a";
    expect(parseApiKey(text.slice(0, i) + other + text.slice(i + 1)), String(i)).toBeUndefined();
  }
});

test("guessing keys is slowed down while a good key from the same address is not", async () => {
  const api = await setup();
  const started = performance.now();
  const guesses = Promise.all(Array.from({ length: 100 }, () => api.ask("Bearer guess")));
  const order: string[] = [];
  await Promise.all([
    guesses.then(() => order.push("guesses")),
    api.ask(`Bearer ${api.key}`).then(() => order.push("good key")),
  ]);
  expect(order).toEqual(["good key", "guesses"]);
  expect(new Set((await guesses).map(({ status }) => status))).toEqual(new Set([401]));
  expect(performance.now() - started).toBeGreaterThan(450);
  expect((await api.ask(`Bearer ${api.key}`)).status).toBe(200);
});

test("a key in the URL does not authenticate, and is in no answer and no log line", async () => {
  const api = await setup();
  const names = ["key", "api_key", "apikey", "access_token", "token", "authorization", "bearer"];
  const urls = [
    ...names.map((name) => `/probe/read?${name}=${api.key}`),
    ...names.map((name) => `/webhooks?${name}=${api.key}`),
    `/webhooks/${api.key}`,
    `/${api.key}`,
    `/probe/read#${api.key}`,
  ];
  for (const url of urls) {
    const bare = await api.call("GET", url, { key: null });
    expect([401, 404], url).toContain(bare.status);
    expect(bare.text + JSON.stringify(bare.headers), url).not.toContain(api.key);
    // Not even beside a good key: it would be the beginning of a habit.
    const beside = await api.call("GET", url);
    expect(beside.text + JSON.stringify(beside.headers), url).not.toContain(api.key);
    if (url.startsWith("/webhooks?")) expect(beside.status, url).toBe(422);
  }
  expect(JSON.stringify(api.logged)).not.toContain(api.key);
  expect(api.logged.length).toBeGreaterThanOrEqual(urls.length);
  const bearer = await api.call("POST", "/webhooks", {
    key: null,
    body: `access_token=${api.key}`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  expect(bearer.status).toBe(401);
});
