import { expect, onTestFinished, test } from "vitest";
import { ownOrigins } from "../../src/api/own-pages.ts";
import { readConfig } from "../../src/config.ts";
import { openTestApi } from "../support/api.ts";
import { openBrowser, ownOrigin } from "../support/browser.ts";
import { openService } from "../support/running-server.ts";

async function open(env: Record<string, string> = {}) {
  const api = await openTestApi({ deps: { config: readConfig("development", env) } });
  onTestFinished(() => api.close());
  const browser = openBrowser(
    api,
    env.POSTRIDER_PUBLIC_URL ? { origin: env.POSTRIDER_PUBLIC_URL } : {},
  );
  const signedIn = await browser.post("/v1/sessions", { api_key: api.key });
  expect(signedIn.status, signedIn.text).toBe(201);
  const hooks = async () => (await api.call("GET", "/webhooks")).body.webhooks.length;
  return { ...api, browser, hooks, signedIn };
}

const hook = { name: "forged", url: "https://example.com/", events: ["workflow.completed"] };

/** What a page of another site, a sandboxed frame, a form, an image and a stripped request look like. */
const forged: readonly [what: string, headers: Record<string, string>][] = [
  ["another site's page", { origin: "https://evil.test", "sec-fetch-site": "cross-site" }],
  ["another site's page in an old browser", { origin: "https://evil.test", "sec-fetch-site": "" }],
  [
    "a page of a neighbour host",
    { origin: "http://evil.localhost:8080", "sec-fetch-site": "same-site" },
  ],
  ["a page on another port", { origin: "http://127.0.0.1:8081", "sec-fetch-site": "same-site" }],
  ["the same host by another scheme", { origin: "https://127.0.0.1:8080" }],
  ["a sandboxed frame", { origin: "null", "sec-fetch-site": "cross-site" }],
  ["a name that begins alike", { origin: `${ownOrigin}.evil.test`, "sec-fetch-site": "" }],
  ["a name that is written alike", { origin: "HTTP://127.0.0.1:8080", "sec-fetch-site": "" }],
  ["two origins", { origin: `${ownOrigin}, https://evil.test`, "sec-fetch-site": "" }],
  ["an address that was typed", { origin: "", "sec-fetch-site": "none" }],
  ["nobody that says where it is", { origin: "", "sec-fetch-site": "" }],
  ["a form without the header", { "x-postrider-request": "" }],
  ["a header that says something else", { "x-postrider-request": "0" }],
  [
    "a Host that names the attacker",
    { host: "evil.test", origin: "http://evil.test", "sec-fetch-site": "" },
  ],
  ["a Host that was rebound", { host: "evil.test:8080", origin: "http://evil.test:8080" }],
];

test.each(forged)("a session's cookie changes nothing for %s", async (_what, headers) => {
  const { browser, hooks } = await open();
  const posted = await browser.post("/webhooks", hook, headers);
  expect([posted.status, posted.body.code]).toEqual([403, "foreign_origin"]);
  expect((await browser.patch("/v1/sessions/current", {}, headers)).status).toBe(403);
  expect((await browser.delete("/v1/sessions", headers)).status).toBe(403);
  expect(await hooks()).toBe(0);
  expect((await browser.post("/webhooks", hook)).status).toBe(201);
  expect(await hooks()).toBe(1);
});

test("another site's page reads nothing by a session's cookie, and no answer lets it in", async () => {
  const { browser } = await open();
  for (const [origin, site] of [
    ["https://evil.test", "cross-site"],
    ["https://evil.test", ""],
    ["", "cross-site"],
    ["", "same-site"],
  ] as const) {
    const answer = await browser.get("/webhooks", { origin, "sec-fetch-site": site });
    expect([origin, site, answer.status]).toEqual([origin, site, 403]);
    const allowing = Object.keys(answer.headers).filter((name) =>
      name.startsWith("access-control"),
    );
    expect(allowing).toEqual([]);
  }
  const typed = await browser.get("/webhooks", { origin: "", "sec-fetch-site": "none" });
  expect(typed.status).toBe(200);
});

test("static-020: a page of another site can post nothing: its cookie does not count, and no simple content type is read", async () => {
  const { browser, call, key, hooks } = await open();
  const simple = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; application/json",
  ];
  for (const type of simple) {
    const headers = { "content-type": type };
    const foreign = { ...headers, origin: "https://evil.test", "sec-fetch-site": "cross-site" };
    expect((await browser.post("/webhooks", hook, foreign)).status, type).toBe(403);
    expect((await browser.post("/webhooks", hook, headers)).status, type).toBe(415);
    expect((await call("POST", "/webhooks", { body: hook, headers })).status, type).toBe(415);
  }
  const made = { "content-type": "application/json", cookie: `session=${key}; __Host-s=1` };
  expect((await call("POST", "/webhooks", { key: null, body: hook, headers: made })).status).toBe(
    401,
  );
  expect(await hooks()).toBe(0);
});

test("static-022: the one cookie is bound to this host, to TLS or this machine, and to requests of this site, and no script reads it", async () => {
  const { signedIn, browser, call } = await open();
  const [name = "", ...attributes] = String(signedIn.headers["set-cookie"]).split("; ");
  expect(name).toMatch(/^__Host-/);
  expect(attributes.sort()).toEqual(["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
  for (const path of ["/docs", "/openapi.json", "/webhooks", "/v1/sessions", "/nowhere"]) {
    for (const answer of [await browser.get(path), await call("GET", path)]) {
      expect(answer.headers, path).not.toHaveProperty("set-cookie");
    }
  }
});

test("another site's page cannot sign anybody in, neither with a key of its own nor with a login link", async () => {
  const { browser, call, database, key } = await open();
  const before = await database.sql`select from sessions`;
  for (const [what, headers] of forged) {
    // Without a browser's headers it is a program, whose answer no browser keeps.
    const other = openBrowser({ call } as never, headers);
    const program = headers.origin === "" && headers["sec-fetch-site"] === "";
    const answer = await (program ? browser : other).post(
      "/v1/sessions",
      { api_key: key },
      headers,
    );
    expect([what, answer.status]).toEqual([what, 403]);
    expect(answer.headers).not.toHaveProperty("set-cookie");
  }
  expect(await database.sql`select from sessions`).toHaveLength(before.length);
});

test("a cookie that was planted before the sign-in opens nothing after it", async () => {
  const { call, key } = await open();
  const planted = `prs_${"A".repeat(43)}`;
  const named = (token: string) => `__Host-postrider_session=${token}`;
  const headers = { cookie: named(planted) };
  const answer = await openBrowser({ call } as never, headers).post("/v1/sessions", {
    api_key: key,
  });
  expect(answer.status).toBe(201);
  const set = String(answer.headers["set-cookie"]);
  expect(set).not.toContain(planted);
  const ask = async (cookie: string) =>
    (await call("GET", "/v1/sessions", { key: null, headers: { cookie } })).status;
  const own = /prs_[\w-]{43}/.exec(set)?.[0] ?? "";
  expect(await ask(named(own))).toBe(200);
  expect(await ask(`theme=dark; ${named(own)}; a=b`)).toBe(200);
  for (const cookie of [
    named(planted),
    // Which of the two is meant nobody can tell.
    `${named(planted)}; ${named(own)}`,
    `${named(own)}; ${named(planted)}`,
    `postrider_session=${own}`,
    `__host-postrider_session=${own}`,
    named(`"${own}"`),
    named(`${own}x`),
    named(own.toLowerCase()),
    named(""),
    named("' or true --"),
  ]) {
    expect(await ask(cookie), cookie).toBe(401);
  }
});

test("a key in the request counts and the cookie does not, even if the key is wrong", async () => {
  const { browser, newKey } = await open();
  const { id, key } = await newKey({ scopes: ["read"] });
  const headers = { authorization: `Bearer ${key}`, origin: "https://evil.test" };
  expect((await browser.get("/accounts/v1/users/me", headers)).body.id).toBe(id);
  expect((await browser.get("/v1/sessions", { authorization: "Bearer x" })).status).toBe(401);
  expect((await browser.get("/v1/sessions", { authorization: "" })).status).toBe(200);
});

test("POSTRIDER_PUBLIC_URL is the one origin of pages where it is set, whatever Host says", async () => {
  const { browser, hooks } = await open({ POSTRIDER_PUBLIC_URL: "https://hooks.example.com" });
  expect((await browser.post("/webhooks", hook, { host: "10.0.0.7:8080" })).status).toBe(201);
  for (const origin of [ownOrigin, "http://hooks.example.com", "https://example.com"]) {
    const refused = await browser.post("/webhooks", hook, { origin, host: "hooks.example.com" });
    expect([refused.status, refused.body.detail]).toEqual([
      403,
      expect.stringContaining("https://hooks.example.com"),
    ]);
  }
  expect(await hooks()).toBe(1);
});

test("without it pages come from the address that is listened on, by each of the names of this machine", () => {
  const origins = (host: string, port = 8080) => [
    ...ownOrigins({ publicUrl: undefined, host }, port),
  ];
  const loopback = ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"];
  expect(origins("127.0.0.1")).toEqual(loopback);
  expect(origins("0.0.0.0")).toEqual(loopback);
  expect(origins("::")).toEqual(loopback);
  expect(origins("::1").sort()).toEqual([...loopback].sort());
  expect(origins("10.0.0.7")).toEqual(["http://10.0.0.7:8080"]);
  expect(origins("hooks.internal", 80)).toEqual(["http://hooks.internal"]);
});

test("a running service takes a session's changes from the port that it got", async () => {
  const service = await openService();
  const { port, url } = service.server;
  const post = (path: string, body: object, headers: Record<string, string>) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-postrider-request": "1", ...headers },
      body: JSON.stringify(body),
    });
  const origin = `http://localhost:${port}`;
  const signedIn = await post("/v1/sessions", { api_key: service.key }, { origin });
  expect(signedIn.status).toBe(201);
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect((await post("/webhooks", hook, { origin, cookie })).status).toBe(201);
  const elsewhere = { origin: "http://localhost:8080", cookie };
  expect((await post("/webhooks", hook, elsewhere)).status).toBe(403);
});
