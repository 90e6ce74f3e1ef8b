import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { newApiKey } from "../../src/api-keys.ts";
import { readConfig } from "../../src/config.ts";
import { ensureDefaultTeam } from "../../src/db/teams.ts";
import { openTestApi, type TestApi } from "../support/api.ts";
import { type Browser, openBrowser, ownOrigin } from "../support/browser.ts";
import { openTestProvider, type TestProvider } from "../support/oidc-provider.ts";

const start = "/dashboard/sign-in";
const callback = `${ownOrigin}${start}/callback`;
const signOut = "/dashboard/sign-out";

type World = TestApi & {
  provider: TestProvider;
  clock: { aheadMs: number };
  browser(): Browser;
  /** Begins in a browser; gives where it is sent. */
  begin(browser: Browser): Promise<string>;
  /** Follows what the provider sent a browser back to; gives where that leads. */
  comeBack(browser: Browser, url: string): Promise<string>;
  signIn(browser: Browser, as: string | null): Promise<string>;
};

async function open({ inToken = false, signsOut = true, env = {} } = {}): Promise<World> {
  const provider = await openTestProvider(callback, { inToken, signsOut });
  onTestFinished(() => provider.close());
  const clock = { aheadMs: 0 };
  const config = readConfig("development", { ...provider.env, ...env });
  const api = await openTestApi({ deps: { config, nowMs: () => Date.now() + clock.aheadMs } });
  onTestFinished(() => api.close());
  provider.accounts.ada = {
    name: "Ada Lovelace",
    postrider_teams: [api.teamId],
    postrider_scopes: ["read", "write", "admin"],
  };
  const begin = async (browser: Browser) => {
    const answer = await browser.get(start);
    expect(answer.status, answer.text).toBe(303);
    return String(answer.headers.location);
  };
  const comeBack = async (browser: Browser, url: string) => {
    expect(url.startsWith(`${callback}?`), url).toBe(true);
    const answer = await browser.get(url.slice(ownOrigin.length));
    expect(answer.status, answer.text).toBe(303);
    return String(answer.headers.location);
  };
  return {
    ...api,
    provider,
    clock,
    begin,
    comeBack,
    browser: () => openBrowser(api),
    signIn: async (browser, as) =>
      comeBack(browser, await provider.visit(await begin(browser), as)),
  };
}

const home = `${ownOrigin}/dashboard/`;
const refused = (why: string) => `${home}#refused=${why}`;
const who = async (browser: Browser) => (await browser.get("/accounts/v1/users/me")).body;

test("a person signs in with the provider, has the teams and scopes of the claims, and the audit has the person's name", async () => {
  const world = await open();
  const other = await world.newTeam();
  Object.assign(world.provider.accounts.ada ?? {}, {
    postrider_teams: ["cleaners", other.teamId, world.teamId, "000000000000000000000000"],
    postrider_scopes: "read write admin fly",
  });
  const browser = world.browser();
  expect((await browser.get("/v1/sign-in")).body).toEqual({
    provider: {
      name: new URL(world.provider.issuer).host,
      url: `${ownOrigin}${start}`,
      sign_out_url: `${ownOrigin}${signOut}`,
    },
  });
  expect(await world.signIn(browser, "ada")).toBe(home);
  const me = await who(browser);
  expect(me).toMatchObject({
    name: "Ada Lovelace",
    scopes: ["read", "write", "admin"],
    team_id: other.teamId,
    default_team_id: other.teamId,
  });
  expect(me.teams.map(({ id }: { id: string }) => id).sort()).toEqual(
    [world.teamId, other.teamId].sort(),
  );
  const key = await browser.post("/v1/api-keys", { name: "by Ada", scopes: ["read"] });
  expect(key.status, key.text).toBe(201);
  expect((await browser.post("/v1/api-keys", { name: "x", scopes: ["payload"] })).status).toBe(403);
  const session = (await browser.get("/v1/sessions/current")).body;
  expect(Date.parse(session.expires_at) - Date.parse(session.created_at)).toBeLessThanOrEqual(
    12 * 3_600_000,
  );
  const { body } = await world.call("GET", "/v1/audit", { key: other.key });
  expect(
    body.entries.map((one: { action: string; actor: object }) => [one.action, one.actor]),
  ).toEqual([
    ["api_key.created", { id: session.id, name: "Ada Lovelace" }],
    ["session.opened", { id: me.id, name: "Ada Lovelace" }],
  ]);
  // Which teams there are for a person is the provider's to say.
  const made = await browser.post("/v1/teams", { name: "mine" });
  expect([made.status, made.body.code]).toEqual([403, "scope_missing"]);
});

test("the session's cookie is the strict one of every session, and that of the sign-in goes with the request that brings it back", async () => {
  const world = await open({ inToken: true });
  const browser = world.browser();
  const begun = await browser.get(start, { host: "evil.test" });
  expect(String(begun.headers["set-cookie"])).toMatch(
    /^__Host-postrider_sign_in=[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
  );
  const there = new URL(String(begun.headers.location));
  expect(there.origin).toBe(world.provider.issuer);
  expect(Object.fromEntries(there.searchParams)).toMatchObject({
    redirect_uri: callback,
    response_type: "code",
    code_challenge_method: "S256",
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
  });
  const back = await world.provider.visit(there.href, "ada");
  const answer = await browser.get(back.slice(ownOrigin.length), { host: "evil.test" });
  expect(answer.headers.location).toBe(home);
  expect([answer.headers["set-cookie"]].flat()).toEqual([
    "__Host-postrider_sign_in=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    expect.stringMatching(
      /^__Host-postrider_session=prs_[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    ),
    expect.stringMatching(
      /^__Secure-postrider_id_token=eyJ[\w-]+\.[\w-]+\.[\w-]+; Path=\/dashboard\/sign-out; Secure; HttpOnly; SameSite=Strict$/,
    ),
  ]);
  // Nothing that opens anything stands in a log.
  const code = new URL(back).searchParams.get("code") ?? "";
  const secret = world.provider.env.POSTRIDER_OIDC_CLIENT_SECRET ?? "";
  for (const one of [code, secret, "prs_", "eyJ"]) {
    expect(one).not.toBe("");
    expect(JSON.stringify(world.logged)).not.toContain(one);
  }
});

test("a browser that is sent back with another state, to another browser, or twice, is not signed in", async () => {
  const world = await open();
  const [browser, stranger] = [world.browser(), world.browser()];
  const back = await world.provider.visit(await world.begin(browser), "ada");
  const code = new URL(back).searchParams.get("code") ?? "";
  // Whoever lures somebody to the end of a sign-in of his own gets nowhere.
  expect(await world.comeBack(stranger, back)).toBe(refused("expired"));
  await world.begin(stranger);
  expect(await world.comeBack(stranger, back)).toBe(refused("failed"));
  expect(await who(stranger)).toMatchObject({ code: "unauthorized" });

  const kept = browser.cookie();
  expect(await world.comeBack(browser, back)).toBe(home);
  // Without its cookie, and with a copy of it.
  expect(await world.comeBack(world.browser(), back)).toBe(refused("expired"));
  const copy = openBrowser(world, { cookie: kept });
  expect(await world.comeBack(copy, back)).toBe(refused("expired"));
  const own = `${callback}?code=${code}&state=${new URL(back).searchParams.get("state")}`;
  expect(await world.comeBack(openBrowser(world, { cookie: kept }), own)).toMatch(/#refused=/);
  expect(await world.database.sql`select from sessions`).toHaveLength(1);
});

test("a sign-in is over after ten minutes, and a cookie that this service did not make is none", async () => {
  const world = await open();
  const browser = world.browser();
  const back = await world.provider.visit(await world.begin(browser), "ada");
  const [name, value = ""] = browser.cookie().split("=");
  const [pending, tag] = [Buffer.from(value, "base64url").subarray(16), Buffer.alloc(16)];
  const forged = Buffer.concat([tag, pending]).toString("base64url");
  for (const text of [forged, "", "AA", value.slice(0, -2)]) {
    const other = openBrowser(world, { cookie: `${name}=${text}` });
    expect(await world.comeBack(other, back)).toBe(refused("expired"));
  }
  world.clock.aheadMs = 600_001;
  expect(await world.comeBack(browser, back)).toBe(refused("expired"));
  expect(await world.database.sql`select from sessions`).toEqual([]);
});

test("somebody of whom the provider names no team or nothing to do is not let in, and what was open before ends", async () => {
  const world = await open();
  const before = world.browser();
  expect(await world.signIn(before, "ada")).toBe(home);
  expect((await who(before)).name).toBe("Ada Lovelace");
  const { teamId: gone } = await world.newTeam();
  const { key } = await world.newKey({ teamIds: [world.teamId, gone] });
  await world.call("DELETE", `/v1/teams/${gone}`, { key });
  const nothing = [
    {},
    { postrider_teams: [] },
    { postrider_teams: ["cleaners", 7, null, { id: world.teamId }] },
    { postrider_teams: gone },
    { postrider_teams: [world.teamId], postrider_scopes: [] },
    { postrider_teams: [world.teamId], postrider_scopes: ["root"] },
  ];
  for (const claims of nothing) {
    world.provider.accounts.ada = { name: "Ada Lovelace", ...claims };
    const browser = world.browser();
    expect(await world.signIn(browser, "ada")).toBe(refused("no_access"));
    expect((await who(browser)).code).toBe("unauthorized");
  }
  expect((await who(before)).code).toBe("unauthorized");
});

test("without a claim of scopes people may only read, and `default` means the default team", async () => {
  const world = await open();
  await ensureDefaultTeam(world.database.sql);
  world.provider.accounts.eve = { postrider_teams: "default" };
  const browser = world.browser();
  expect(await world.signIn(browser, "eve")).toBe(home);
  // Nor of a name: then it is the provider's own for the person.
  expect(await who(browser)).toMatchObject({ name: "eve", scopes: ["read"] });
  expect((await browser.post("/v1/replays", {})).body.code).toBe("scope_missing");
});

test("what the provider says at the next sign-in holds for the sessions from before, and twelve hours after it all end", async () => {
  const world = await open();
  const { teamId } = await world.newTeam();
  const account = world.provider.accounts.ada ?? {};
  account.postrider_teams = [world.teamId, teamId];
  const first = world.browser();
  await world.signIn(first, "ada");
  await first.patch("/v1/sessions/current", { team_id: teamId });
  Object.assign(account, { postrider_scopes: ["read"], name: "Ada King" });
  const second = world.browser();
  await world.signIn(second, "ada");
  expect(await who(first)).toMatchObject({ name: "Ada King", scopes: ["read"], team_id: teamId });
  const { body } = await second.get("/v1/sessions");
  expect(body.sessions).toHaveLength(2);

  account.postrider_teams = [world.teamId];
  const third = world.browser();
  await world.signIn(third, "ada");
  // It acted for a team that is the person's no more.
  expect((await who(first)).code).toBe("unauthorized");
  expect((await who(second)).name).toBe("Ada King");
  await world.database.sql`update api_keys set expires_at = now() where person_sha256 is not null`;
  for (const browser of [second, third]) expect((await who(browser)).code).toBe("unauthorized");
});

test("a person signs out of one browser, and everywhere; whoever may see API keys sees people among them and ends what they opened", async () => {
  const world = await open();
  const [first, second] = [world.browser(), world.browser()];
  await world.signIn(first, "ada");
  await world.signIn(second, "ada");
  expect((await first.delete("/v1/sessions/current")).status).toBe(204);
  expect((await who(first)).code).toBe("unauthorized");
  await world.signIn(first, "ada");
  expect((await first.delete("/v1/sessions")).status).toBe(204);
  for (const browser of [first, second]) expect((await who(browser)).code).toBe("unauthorized");

  await world.signIn(first, "ada");
  const me = await who(first);
  const { body } = await world.call("GET", "/v1/api-keys");
  const listed = body.api_keys.find(({ id }: { id: string }) => id === me.id);
  expect(listed).toMatchObject({ name: "Ada Lovelace", prefix: null, last4: null });
  expect((await world.call("DELETE", `/v1/api-keys/${me.id}`)).status).toBe(204);
  expect((await who(first)).code).toBe("unauthorized");
});

test("a person who signs out is signed out here first and then at the provider, which sends the browser back", async () => {
  const world = await open();
  const browser = world.browser();
  const jar = new Map<string, string>();
  const visit = async (as: string | null) => {
    const back = await world.provider.visit(await world.begin(browser), as, jar);
    return await world.comeBack(browser, back);
  };
  expect(await visit("ada")).toBe(home);
  // Nobody is signed out at the provider while the session here is open.
  expect((await browser.get(signOut)).headers.location).toBe(home);
  expect((await who(browser)).name).toBe("Ada Lovelace");
  expect((await browser.delete("/v1/sessions/current")).status).toBe(204);
  // The provider still knows the person, and does not ask.
  expect(await visit(null)).toBe(home);
  expect((await browser.delete("/v1/sessions/current")).status).toBe(204);

  const left = await browser.get(signOut, { host: "evil.test" });
  expect([left.status, left.headers["set-cookie"]]).toEqual([
    303,
    "__Secure-postrider_id_token=; Path=/dashboard/sign-out; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
  ]);
  const there = new URL(String(left.headers.location));
  expect(there.origin).toBe(world.provider.issuer);
  expect(Object.fromEntries(there.searchParams)).toEqual({
    client_id: "postrider",
    id_token_hint: expect.stringMatching(/^eyJ/),
    post_logout_redirect_uri: home,
  });
  expect(await world.provider.visit(there.href, null, jar)).toBe(home);
  expect(await visit(null)).toBe(refused("denied"));
  // Only once, and no token stands in a log.
  expect((await browser.get(signOut)).headers.location).toBe(home);
  expect(JSON.stringify(world.logged)).not.toContain("eyJ");
});

test("an ID token that is too long for a cookie is not kept, and the provider is told the client alone", async () => {
  const world = await open({ inToken: true });
  Object.assign(world.provider.accounts.ada ?? {}, { name: "A".repeat(4_000) });
  const browser = world.browser();
  await world.signIn(browser, "ada");
  await browser.delete("/v1/sessions/current");
  const { headers } = await browser.get(signOut);
  expect(Object.fromEntries(new URL(String(headers.location)).searchParams)).toEqual({
    client_id: "postrider",
    post_logout_redirect_uri: home,
  });
});

test("whoever came in with a key, or with a provider that has no sign-out or is away, goes to the sign-in page", async () => {
  const world = await open({ signsOut: false });
  const withKey = world.browser();
  await withKey.post("/v1/sessions", { api_key: world.key });
  await withKey.delete("/v1/sessions/current");
  expect((await withKey.get(signOut)).headers.location).toBe(home);

  const without = world.browser();
  await world.signIn(without, "ada");
  await without.delete("/v1/sessions/current");
  expect((await without.get(signOut)).headers.location).toBe(home);

  const other = await open();
  const stranded = openBrowser(other, { cookie: "__Secure-postrider_id_token=eyJ.e30.x" });
  await other.provider.close();
  expect((await stranded.get(signOut)).headers.location).toBe(home);
  expect(other.logged).toContainEqual(
    expect.objectContaining({ refusal: "provider_away", msg: expect.stringContaining("sign-out") }),
  );
  // What this service cannot have set is not passed on.
  const forged = openBrowser(world, { cookie: "__Secure-postrider_id_token=https://evil.test" });
  expect((await forged.get(signOut)).headers.location).toBe(home);
});

test("no text is the key of a person", async () => {
  const world = await open();
  const browser = world.browser();
  await world.signIn(browser, "ada");
  const { id } = await who(browser);
  const key = newApiKey("dev", id).text;
  expect((await world.call("GET", "/accounts/v1/users/me", { key })).status).toBe(401);
  expect((await world.browser().post("/v1/sessions", { api_key: key })).status).toBe(401);
});

test("a person who refuses at the provider sees that as the reason", async () => {
  const world = await open();
  expect(await world.signIn(world.browser(), null)).toBe(refused("denied"));
});

test("a provider that is away or silent does not stop the start, and the sign-in page says so soon", async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const world = await open();
  await world.provider.close();
  const browser = world.browser();
  expect(await world.begin(browser)).toBe(refused("provider_away"));

  const issuer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const mute = await open({ env: { POSTRIDER_OIDC_ISSUER: issuer, POSTRIDER_OIDC_NAME: "Acme" } });
  const begun = performance.now();
  expect(await mute.begin(mute.browser())).toBe(refused("provider_away"));
  expect(performance.now() - begun).toBeLessThan(8_000);
  const { body } = await mute.call("GET", "/v1/sign-in", { key: null });
  expect(body.provider.name).toBe("Acme");
  // With a key people come in all the same.
  expect((await mute.browser().post("/v1/sessions", { api_key: mute.key })).status).toBe(201);
}, 20_000);

test("without a provider there is nothing of it", async () => {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  expect((await api.call("GET", "/v1/sign-in", { key: null })).body).toEqual({ provider: null });
  for (const path of [start, `${start}/callback?code=a&state=b`, signOut]) {
    const { status, headers } = await api.call("GET", path, { key: null });
    expect([status, headers.location, headers["set-cookie"]]).toEqual([404, undefined, undefined]);
  }
});
