import { expect, onTestFinished, test } from "vitest";
import { deleteOldSessionsOfAllTeams } from "../../src/db/sessions.ts";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { type Browser, openBrowser } from "../support/browser.ts";
import { openStream } from "../support/event-stream.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names, wholeBody } from "../support/furnish.ts";
import { judge, type Operation, readOperations, send } from "../support/requests.ts";

/** A team with receivers of all contracts, each of which was told something. */
async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "of-ours" });
  const [workflowWebhook = "", assistant = ""] = names.endpoint_id ?? [];
  const webhook = names.subscription_id?.[0] ?? "";
  return { api, names, workflowWebhook, assistant, webhook };
}

type Asked = {
  access?: "read" | "manage";
  endpoint_ids?: string[];
  expires_in_seconds?: number;
  theme?: object;
  team_id?: string;
};

const makeLink = (api: TestApi, asked: Asked = {}, key = api.key) =>
  api.call("POST", "/v1/portal-links", {
    key,
    body: { team_id: api.teamId, access: "read", expires_in_seconds: 3_600, ...asked },
  });

const tokenOf = (url: string): string =>
  new URLSearchParams(new URL(url).hash.slice(1)).get("login") ?? "";

/** Opens the portal by a new link, as a customer's browser does. */
async function enter(
  api: TestApi,
  asked: Asked = {},
): Promise<Browser & { linkId: string; id: string; token: string }> {
  const made = await makeLink(api, asked);
  expect(made.status, made.text).toBe(201);
  const token = tokenOf(made.body.url);
  const browser = openBrowser(api, { referer: "http://127.0.0.1:8080/portal/" });
  const { status, text, body } = await browser.post("/v1/sessions", { login_token: token });
  expect(status, text).toBe(201);
  return { ...browser, linkId: made.body.id, id: body.id, token };
}

const idsIn = (rows: { id: string }[]): string[] => rows.map(({ id }) => id).sort();

test("a portal link lets a customer see its endpoints and what went to them, in its colours, until it is revoked", async () => {
  const { api, webhook } = await open();
  const theme = { accent: "#1f6feb", background: "#FFFFFF", logo_url: "https://acme.test/a.svg" };
  const made = await makeLink(api, { endpoint_ids: [webhook], theme });
  expect(made.status, made.text).toBe(201);
  expect(made.body.url).toMatch(/^http:\/\/127\.0\.0\.1:8080\/portal\/#login=ppl_[\w-]{43}$/);
  const inMs = Date.parse(made.body.expires_at) - Date.now();
  expect(inMs).toBeGreaterThan(3_500_000);
  expect(inMs).toBeLessThan(3_610_000);

  const browsers = [openBrowser(api), openBrowser(api)];
  const [browser = openBrowser(api)] = browsers;
  for (const one of browsers) {
    const answer = await one.post("/v1/sessions", { login_token: tokenOf(made.body.url) });
    expect([answer.status, answer.body.scopes]).toEqual([201, ["read", "payload"]]);
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^__Host-postrider_portal=pps_[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=None; Partitioned$/,
    );
  }
  const me = (await browser.get("/accounts/v1/users/me")).body;
  expect(me).toMatchObject({
    scopes: ["read", "payload"],
    team_id: api.teamId,
    name: "test",
    teams: [{ id: api.teamId, name: "test" }],
    portal: { access: "read", endpoint_ids: [webhook], theme },
  });
  expect((await browser.get("/v1/sessions/current")).body).toMatchObject({
    id: me.id,
    current: true,
  });
  expect(idsIn((await browser.get("/v1/endpoints")).body.endpoints)).toEqual([webhook]);
  const { deliveries } = (await browser.get("/v1/deliveries")).body;
  expect(deliveries.length).toBeGreaterThan(0);
  for (const one of deliveries) expect(one.endpoint_id).toBe(webhook);
  const details = await browser.get(`/v1/deliveries/${deliveries[0].id}`);
  expect(details.body.request.body).toContain("of-ours");

  const listed = (await api.call("GET", "/v1/portal-links")).body.portal_links;
  expect(listed[0]).toMatchObject({
    id: made.body.id,
    team_id: api.teamId,
    access: "read",
    endpoint_ids: [webhook],
    theme,
    expires_at: made.body.expires_at,
  });
  const revoke = () => api.call("DELETE", `/v1/portal-links/${made.body.id}`);
  expect((await revoke()).status).toBe(204);
  expect((await revoke()).status).toBe(404);
  for (const one of browsers) expect((await one.get("/v1/endpoints")).status).toBe(401);
  const late = await openBrowser(api).post("/v1/sessions", { login_token: tokenOf(made.body.url) });
  expect(late.status).toBe(401);
  const actions = (await api.call("GET", "/v1/audit?limit=5")).body.entries;
  expect(
    actions.map((one: { action: string; actor: { name: string } }) => [one.action, one.actor.name]),
  ).toEqual(
    expect.arrayContaining([
      ["portal_link.revoked", "test"],
      ["session.opened", "portal"],
      ["portal_link.created", "test"],
    ]),
  );
  const [stored] = await api.database.sql<{ text: string }>`
    select string_agg(l::text, '') as text from portal_links l`;
  expect(stored?.text).not.toContain("ppl_");
});

test("a link and what it opened end with its time, and nothing of them is kept", async () => {
  const { api } = await open();
  const browser = await enter(api, { expires_in_seconds: 86_400 });
  expect((await browser.get("/v1/endpoints")).status).toBe(200);
  await api.database.sql`update portal_links set expires_at = now() where id = ${browser.linkId}`;
  expect((await browser.get("/v1/endpoints")).status).toBe(401);
  const again = await openBrowser(api).post("/v1/sessions", { login_token: browser.token });
  expect(again.status).toBe(401);
  const listed = (await api.call("GET", "/v1/portal-links")).body.portal_links;
  expect(idsIn(listed)).not.toContain(browser.linkId);
  expect((await api.call("DELETE", `/v1/portal-links/${browser.linkId}`)).status).toBe(404);
  await deleteOldSessionsOfAllTeams(api.database.sql, 100);
  expect(await api.database.sql`select from sessions where id = ${browser.id}`).toEqual([]);
});

test("a link gives away nothing that its maker does not have, and names nothing of another team", async () => {
  const { api, webhook } = await open();
  const other = await api.newTeam();
  const foreign = await furnish(api, { ...other, secret: "theirs" });
  const refusal = async (asked: Asked, key?: string) => {
    const { status, body } = await makeLink(api, asked, key);
    return [status, body.code];
  };
  expect(await refusal({ team_id: other.teamId })).toEqual([404, "team_not_found"]);
  expect(await refusal({ team_id: newId() })).toEqual([404, "team_not_found"]);
  for (const id of [foreign.subscription_id?.[0] ?? "", newId()]) {
    expect(await refusal({ endpoint_ids: [webhook, id] })).toEqual([422, "invalid_request"]);
  }
  for (const asked of [
    { endpoint_ids: [] },
    { expires_in_seconds: 86_401 },
    { expires_in_seconds: 0 },
    { access: "admin" as never },
    { theme: { accent: "red; } body { display: none" } },
    { theme: { logo_url: "javascript:alert(1)" } },
    { theme: { logo_url: "http://acme.test/a.svg" } },
    { theme: { logo_url: 'https://acme.test/"onerror="x' } },
    { theme: { css: "x" } },
  ]) {
    expect([asked, ...(await refusal(asked))]).toEqual([asked, 422, "invalid_request"]);
  }
  const reading = await api.newKey({ scopes: ["admin", "read"] });
  expect(await refusal({ access: "manage" }, reading.key)).toEqual([403, "scope_missing"]);
  const blind = await api.newKey({ scopes: ["admin"] });
  expect(await refusal({ access: "read" }, blind.key)).toEqual([403, "scope_missing"]);
  // Who sees no payloads shows none.
  const made = await makeLink(api, {}, reading.key);
  const browser = openBrowser(api);
  const opened = await browser.post("/v1/sessions", { login_token: tokenOf(made.body.url) });
  expect(opened.body.scopes).toEqual(["read"]);
  const [{ id }] = (await browser.get("/v1/deliveries")).body.deliveries;
  const details = (await browser.get(`/v1/deliveries/${id}`)).body;
  expect([details.request.body, details.request.hidden]).toEqual([null, ["body"]]);
});

/** Operations that a session of the portal may ask for, by what its link says. */
const looking = [
  ...["GET /accounts/v1/users/me", "GET /v1/event-types", "GET /v1/stats"],
  ...["GET /v1/endpoints", "GET /v1/endpoints/{endpoint_id}"],
  ...["GET /v1/deliveries", "GET /v1/deliveries/stream", "GET /v1/deliveries/{delivery_id}"],
  ...["GET /v1/replays", "GET /v1/replays/{replay_id}"],
  ...["GET /v1/sessions/{session_id}", "DELETE /v1/sessions/{session_id}"],
  ...["GET /webhooks/{subscription_id}", "GET /workflows/v1/workflow-webhooks/{webhook_id}"],
];
const lookingAtAll = ["GET /webhooks", "GET /workflows/v1/workflow-webhooks"];
const managing = [
  ...["POST /v1/endpoints/{endpoint_id}/enable", "POST /v1/endpoints/{endpoint_id}/disable"],
  ...["POST /v1/deliveries/{delivery_id}/retry"],
  ...["POST /v1/replays", "POST /v1/replays/{replay_id}/cancel"],
  ...["PATCH /webhooks/{subscription_id}", "DELETE /webhooks/{subscription_id}"],
  ...["POST /webhooks/{subscription_id}/test"],
  ...["GET /webhooks/{subscription_id}/signing-secret"],
  ...["POST /webhooks/{subscription_id}/signing-secret/rotate"],
  ...["PATCH", "DELETE"].map((one) => `${one} /workflows/v1/workflow-webhooks/{webhook_id}`),
  ...["test", "signing-secret/rotate"].map(
    (one) => `POST /workflows/v1/workflow-webhooks/{webhook_id}/${one}`,
  ),
  "GET /workflows/v1/workflow-webhooks/{webhook_id}/signing-secret",
];
const managingAll = ["POST /webhooks", "POST /workflows/v1/workflow-webhooks"];

test("a session of the portal may do what stands here for its link, and is refused everything else", async () => {
  const { api, names, webhook, workflowWebhook, assistant } = await open();
  const operations = (await readOperations(api)).filter(({ scope }) => scope !== "none");
  const some = { endpoint_ids: [webhook, workflowWebhook, assistant] };
  const links: [Asked, string[]][] = [
    [{ access: "read" }, [...looking, ...lookingAtAll]],
    [{ access: "read", ...some }, looking],
    [{ access: "manage" }, [...looking, ...lookingAtAll, ...managing, ...managingAll]],
    [{ access: "manage", ...some }, [...looking, ...managing]],
  ];
  for (const [asked, allowed] of links) {
    const browser = await enter(api, asked);
    const taken: string[] = [];
    for (const operation of operations) {
      // What is not there is refused to who may ask for it, and changes nothing on the way.
      const unknown = Object.fromEntries(
        Object.keys(names).map((name) => [name, [newId()] as const]),
      ) as unknown as Names;
      const answer = await sendBy(browser, operation, unknown, names);
      judge(operation, answer);
      if (answer.body?.code === "scope_missing") continue;
      taken.push(operation.name);
      // No key stands behind it.
      expect(answer.status, operation.name).not.toBe(401);
    }
    expect([asked, [...new Set(taken)].sort()]).toEqual([asked, [...allowed].sort()]);
  }
});

/** Sends an operation's own request as a browser does: these names in its path, and others in its body. */
const sendBy = (browser: Browser, operation: Operation, path: Names, body: Names) =>
  send(
    {
      call: (method: string, url: string, { body: sent }: { body?: unknown }) =>
        browser.send(method, url, sent),
    } as never,
    operation,
    path,
    operation.body ? { body: wholeBody(operation, body) } : {},
  );

test("a link to one endpoint shows nothing of the others and changes nothing of them, by no operation and no name", async () => {
  const { api, names, webhook, workflowWebhook, assistant } = await open();
  const operations = (await readOperations(api)).filter(({ scope }) => scope !== "none");
  const { sql } = api.database;
  const others = [workflowWebhook, assistant];
  const hidden = await sql<{ id: string }>`
    select id from deliveries where subscription_id = any(${others}::text[])`;
  expect(hidden.length).toBeGreaterThan(3);
  const marks = [...others, ...hidden.map(({ id }) => id), names.replay_id?.[0] ?? "-"];
  const state = async () => {
    const [row] = await sql<{ text: string }>`
      select coalesce((select string_agg(s::text, '' order by id) from subscriptions s where id = any(${others}::text[])), '')
        || coalesce((select string_agg(d::text, '' order by id) from deliveries d where subscription_id = any(${others}::text[])), '')
        || coalesce((select string_agg(r::text, '' order by id) from replays r where id = ${names.replay_id?.[0]}), '') as text`;
    return row?.text;
  };
  const before = await state();
  const limited = await enter(api, { access: "manage", endpoint_ids: [webhook] });
  const pathNames = [...others, ...hidden.map(({ id }) => id).slice(0, 3), ...marks.slice(-1)];
  for (const operation of operations) {
    for (const name of operation.path.includes("{") ? pathNames : [workflowWebhook]) {
      const asked = Object.fromEntries(
        Object.keys(names).map((parameter) => [parameter, [name] as const]),
      ) as unknown as Names;
      const answer = await sendBy(limited, operation, { ...names, ...asked }, names);
      judge(operation, answer);
      const shown = answer.text.replaceAll(name, "");
      for (const mark of marks) expect(shown, operation.name).not.toContain(mark);
      const bare = operation.path.includes("{") && !operation.path.includes("session");
      if (bare) expect([403, 404], `${operation.name} ${name}`).toContain(answer.status);
    }
  }
  expect(await state()).toBe(before);

  // The filters of lists reach no further either.
  const counted = async (browser: Browser, query: string) => {
    const { status, body } = await browser.get(`/v1/stats${query}`);
    expect(status).toBe(200);
    return body.buckets.reduce((sum: number, one: { attempts: number }) => sum + one.attempts, 0);
  };
  const all = await enter(api, { access: "manage" });
  expect(await counted(limited, "?step=day")).toBe(
    await counted(all, `?step=day&endpoint_id=${webhook}`),
  );
  expect(await counted(all, "?step=day")).toBeGreaterThan(await counted(limited, "?step=day"));
  expect(await counted(limited, `?step=day&endpoint_id=${workflowWebhook}`)).toBe(0);
  for (const query of [
    `endpoint_id=${workflowWebhook}`,
    `endpoint_id=${assistant}`,
    "contract=workflow",
    "contract=assistant",
    `subject_id=${names.assistant_id?.[0]}`,
    `subject_id=${names.conversation_id?.[0]}`,
    `event_id=${names.event_id?.[1]}&contract=workflow`,
  ]) {
    expect([query, (await limited.get(`/v1/deliveries?${query}`)).body.deliveries]).toEqual([
      query,
      [],
    ]);
    expect((await all.get(`/v1/deliveries?${query}`)).body.deliveries, query).not.toEqual([]);
  }
  const both = `endpoint_id=${workflowWebhook}&endpoint_id=${webhook}`;
  const { deliveries } = (await limited.get(`/v1/deliveries?${both}&limit=200`)).body;
  expect(new Set(deliveries.map((one: { endpoint_id: string }) => one.endpoint_id))).toEqual(
    new Set([webhook]),
  );
  expect((await limited.get("/v1/endpoints?search=of-ours")).body.endpoints).toHaveLength(1);
  expect((await limited.get("/v1/endpoints?contract=workflow")).body.endpoints).toEqual([]);
});

test("replays that a limited link asks for are of its endpoints alone, and it sees no others", async () => {
  const { api, webhook, workflowWebhook } = await open();
  const { sql } = api.database;
  await sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null, retry_at = null
    where team_id = ${api.teamId} and subscription_id = any(${[webhook, workflowWebhook]}::text[])`;
  const limited = await enter(api, { access: "manage", endpoint_ids: [webhook] });
  const all = await enter(api, { access: "manage" });
  const dry = async (browser: Browser, filter: object) =>
    (await browser.post("/v1/replays", { filter, dry_run: true })).body.matching;
  const own = await dry(limited, {});
  expect(own).toBeGreaterThan(0);
  expect(own).toBe(await dry(all, { endpoint_id: webhook }));
  expect(await dry(all, {})).toBeGreaterThan(own);
  const beyond = { filter: { endpoint_id: workflowWebhook }, dry_run: true };
  expect((await limited.post("/v1/replays", beyond)).status).toBe(404);
  expect(await dry(limited, { endpoint_id: [workflowWebhook, webhook] })).toBe(own);

  const started = await limited.post("/v1/replays", { filter: {} });
  expect([started.status, started.body.filter]).toMatchObject([202, { endpoint_id: [webhook] }]);
  const theirs = await all.post("/v1/replays", { filter: {} });
  expect(theirs.status, theirs.text).toBe(202);
  expect(idsIn((await limited.get("/v1/replays")).body.replays)).toEqual([started.body.id]);
  expect((await limited.get(`/v1/replays/${started.body.id}`)).status).toBe(200);
  expect((await limited.get(`/v1/replays/${theirs.body.id}`)).status).toBe(404);
  expect((await limited.post(`/v1/replays/${theirs.body.id}/cancel`, {})).status).toBe(404);
  expect((await limited.post(`/v1/replays/${started.body.id}/cancel`, {})).status).toBe(200);
  expect((await all.get(`/v1/replays/${theirs.body.id}`)).body.state).toBe("queued");
});

test("a limited link's stream contains only its endpoints' deliveries, and ends with the link", async () => {
  const { api, webhook } = await open();
  const limited = await enter(api, { endpoint_ids: [webhook] });
  const stream = await openStream(api, "/v1/deliveries/stream", { cookie: limited.cookie() });
  expect(stream.status).toBe(200);
  await furnishRun(api);
  const seen = new Set<string>();
  for (let count = 0; count < 2; count++) {
    const event = await stream.next();
    seen.add(JSON.parse(event?.data ?? "{}").endpoint_id);
  }
  expect([...seen]).toEqual([webhook]);
  expect((await api.call("DELETE", `/v1/portal-links/${limited.linkId}`)).status).toBe(204);
  let ended = false;
  const end = (async () => {
    while (await stream.next());
    ended = true;
  })();
  while (!ended) {
    await furnishRun(api);
    await Promise.race([end, new Promise((resolve) => setImmediate(resolve))]);
  }
});

/** Starts and ends a run, of which all contracts for workflows are told. */
async function furnishRun(api: TestApi): Promise<void> {
  const { workflow } = (
    await api.call("POST", "/workflows/v1/workflows", { body: { name: "of a stream" } })
  ).body;
  const start = { workflow_id: workflow.id, trigger: "manual" };
  const { run } = (await api.call("POST", "/workflows/v1/workflow-runs", { body: start })).body;
  const path = `/workflows/v1/workflow-runs/${run.id}`;
  await api.call("PATCH", path, { body: { status: "completed" } });
}

test("the portal's cookie and the dashboard's do not stand in for each other in one browser", async () => {
  const { api, webhook } = await open();
  const link = await makeLink(api, { endpoint_ids: [webhook] });
  const browser = openBrowser(api);
  await browser.post("/v1/sessions", { api_key: api.key });
  await browser.post("/v1/sessions", { login_token: tokenOf(link.body.url) });
  const countFrom = async (referer: string) =>
    (await browser.get("/v1/endpoints", { referer })).body.endpoints?.length;
  const origin = "http://127.0.0.1:8080";
  for (const page of ["/portal", "/portal/", "/portal/deliveries?a=b"]) {
    expect([page, await countFrom(origin + page)]).toEqual([page, 1]);
  }
  for (const page of ["", "/dashboard/", "/dashboard/portal/", "/portals"]) {
    expect([page, await countFrom(page && origin + page)]).toEqual([page, 4]);
  }
  // A page of the portal, which may stand in a frame, never asks as the operator who is signed in beside it.
  const signedOut = await browser.delete("/v1/sessions/current", { referer: `${origin}/portal/` });
  expect(signedOut.headers["set-cookie"]).toMatch(/^__Host-postrider_portal=; .*Max-Age=0$/);
  expect((await browser.get("/v1/endpoints", { referer: `${origin}/portal/` })).status).toBe(401);
  expect((await browser.get("/v1/endpoints")).status).toBe(200);
  const named = browser.cookie().replace("_session=", "_portal=");
  const asPortal = { cookie: named, referer: `${origin}/portal/` };
  expect((await browser.get("/v1/endpoints", asPortal)).status).toBe(401);
});

test("a session of the portal acts for its link's team alone, and its changes come from this service's own pages", async () => {
  const { api, webhook } = await open();
  const other = await api.newTeam();
  const browser = await enter(api, { access: "manage" });
  for (const header of ["x-org-id", "teamid"]) {
    const refused = await browser.get("/v1/endpoints", { [header]: other.teamId });
    expect(refused.body.code).toBe("team_not_found");
  }
  const disable = (headers: Record<string, string>) =>
    browser.post(`/v1/endpoints/${webhook}/disable`, {}, headers);
  for (const headers of [
    { origin: "https://app.acme.test", "sec-fetch-site": "cross-site" },
    { origin: "https://app.acme.test", "sec-fetch-site": "" },
    { "x-postrider-request": "" },
  ] as Record<string, string>[]) {
    expect((await disable(headers)).body.code).toBe("foreign_origin");
  }
  const done = await disable({});
  expect([done.status, done.body.enabled]).toEqual([200, false]);
  const [entry] = (await api.call("GET", "/v1/audit?action=endpoint.disabled")).body.entries;
  expect(entry.actor).toEqual({ id: browser.id, name: "portal" });
});

test("the portal does not show operational webhooks: neither endpoints nor deliveries", async () => {
  const { api, names } = await open();
  const [operational = ""] = names.operational_webhook_id ?? [];
  const path = `/v1/operational-webhooks/${operational}`;
  const { deliveries } = (await api.call("GET", "/v1/deliveries?contract=operational")).body;
  expect(deliveries).toHaveLength(1);
  const link = await makeLink(api, { access: "manage" });
  const browser = openBrowser(api);
  await browser.post("/v1/sessions", { login_token: tokenOf(link.body.url) });
  const referer = "http://127.0.0.1:8080/portal/";
  const ask = async (path: string) => await browser.get(path, { referer });

  expect((await ask("/v1/endpoints")).body.endpoints).toHaveLength(3);
  expect((await ask("/v1/endpoints?contract=operational")).body.endpoints).toEqual([]);
  expect((await ask(`/v1/endpoints/${operational}`)).status).toBe(404);
  for (const query of ["contract=operational", `endpoint_id=${operational}`]) {
    expect([query, (await ask(`/v1/deliveries?${query}`)).body.deliveries]).toEqual([query, []]);
  }
  expect((await ask(`/v1/deliveries/${deliveries[0].id}`)).status).toBe(404);
  expect((await ask(path)).status).toBe(403);
});
