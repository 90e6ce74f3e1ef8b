import { randomBytes } from "node:crypto";
import { decodeSecret, encodeSecret } from "@postrider/sdk/sign";
import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/config.ts";
import { newId } from "../../src/ids.ts";
import { rowsOf } from "../hostile/rows.ts";
import { openTestApi, type TestApi } from "../support/api.ts";

const path = "/workflows/v1/workflow-webhooks";
const valid = {
  name: "Orders",
  url: "https://hooks.example.com/in",
  actions: ["workflow_run_completed"],
};

async function open(): Promise<TestApi> {
  const api = await openTestApi();
  onTestFinished(() => api.close());
  return api;
}

async function create(api: TestApi, fields: object = {}, key = api.key) {
  const answer = await api.call("POST", path, { key, body: { ...valid, ...fields } });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

test("a created webhook has the documented defaults and never shows its token", async () => {
  const api = await open();
  const created = await create(api, { bearer_token: "s3cret" });

  expect(created).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{24}$/),
    ...valid,
    enabled: true,
    disabled_reason: null,
    has_bearer_token: true,
    timeout_seconds: 10,
    max_retries: 3,
    retry_backoff_seconds: 10,
    header_names: [],
    created_at: expect.stringMatching(/Z$/),
    updated_at: expect.stringMatching(/Z$/),
  });
  const read = await api.call("GET", `${path}/${created.id}`);
  expect(read.body).toEqual(created);
  expect(read.text).not.toContain("s3cret");
});

test("the token and the signing secret are sealed in the table", async () => {
  const api = await open();
  const { id } = await create(api, { bearer_token: "s3cret" });
  const { body } = await api.call("GET", `${path}/${id}/signing-secret`);

  const [row] = await api.database.sql<{ text: string; credential: Buffer }>`
    select subscriptions::text as text, sealed_credential as credential from subscriptions`;
  expect(row?.text).not.toContain(Buffer.from("s3cret").toString("hex"));
  expect(row?.text).not.toContain(Buffer.from(body.secret).toString("hex"));
  const place = { table: "subscriptions", column: "sealed_credential", teamId: api.teamId };
  expect(api.deps.keyring.open(row?.credential as Buffer, { ...place, rowId: id })).toBe("s3cret");
});

test("a webhook can bring the signing secret that its receiver knows, and only /signing-secret shows it", async () => {
  const api = await open();
  const signing_secret = encodeSecret(randomBytes(24));
  const body = { ...valid, signing_secret };
  const created = await api.call("POST", path, { body });
  expect(created.status, created.text).toBe(201);
  const { id } = created.body;
  const read = await api.call("GET", `${path}/${id}`);
  expect(created.text + read.text + JSON.stringify(api.logged)).not.toContain(signing_secret);
  const shown = await api.call("GET", `${path}/${id}/signing-secret`);
  expect(shown.body).toEqual({ secret: signing_secret, previous_expires_at: null });
  const [row] = await api.database.sql<{ text: string }>`
    select subscriptions::text as text from subscriptions where id = ${id}`;
  expect(row?.text).not.toContain(Buffer.from(signing_secret).toString("hex"));

  const rotated = await api.call("POST", `${path}/${id}/signing-secret/rotate`);
  expect(rotated.body.secret).not.toBe(signing_secret);
  expect(Date.parse(rotated.body.previous_expires_at)).toBeGreaterThan(Date.now());
  const patched = await api.call("PATCH", `${path}/${id}`, { body: { signing_secret } });
  expect(patched.status).toBe(422);
  const generated = await create(api, { signing_secret: null });
  const { body: own } = await api.call("GET", `${path}/${generated.id}/signing-secret`);
  expect(decodeSecret(own.secret)).toHaveLength(32);
});

test("a signing secret is refused exactly where decodeSecret refuses it, without being quoted", async () => {
  const api = await open();
  const lengths = [0, 23, 24, 25, 26, 31, 32, 33, 62, 63, 64, 65, 66, 100];
  const texts = lengths.map((length) => `whsec_${randomBytes(length).toString("base64")}`);
  const good = encodeSecret(randomBytes(32));
  const others = [
    ...["", good.slice(6), ` ${good}`, `${good}\n`, `"${good}"`, good.slice(0, -1), `${good}=`],
    ...[good.replace("whsec_", "WHSEC_"), good.replace("whsec_", "whsk_"), `${good} ${good}`],
    // The last letter before = has bits that no byte uses.
    ...[`whsec_${"A".repeat(42)}B=`, `whsec_${"A".repeat(33)}B==`, `whsec_${"-_".repeat(16)}`],
  ];
  const isSecret = (text: string) => {
    try {
      return decodeSecret(text).length > 0;
    } catch {
      return false;
    }
  };
  for (const signing_secret of [...texts, ...others]) {
    const answer = await api.call("POST", path, { body: { ...valid, signing_secret } });
    const expected = isSecret(signing_secret) ? 201 : 422;
    expect([signing_secret, answer.status]).toEqual([signing_secret, expected]);
    if (expected === 201) continue;
    expect(answer.body.errors).toMatchObject([{ loc: ["body", "signing_secret"] }]);
    if (signing_secret.length > 8) expect(answer.text).not.toContain(signing_secret.slice(6));
  }
});

test("an URL is stored in its canonical spelling and refused by the rules of the service", async () => {
  const api = await open();
  expect((await create(api, { url: "HTTPS://Hooks.Example.com:443" })).url).toBe(
    "https://hooks.example.com/",
  );
  for (const url of ["https://10.0.0.1/", "ftp://example.com/", "https://user:pw@example.com/"]) {
    const refused = await api.call("POST", path, { body: { ...valid, url } });
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0].loc).toEqual(["body", "url"]);
  }
});

test.each([
  ["name", 5],
  ["name", "two\nlines"],
  ["name", "\u200b"],
  ["name", "\ud800"],
  ["url", null],
  ["actions", ["workflow_created", "workflow_created"]],
  ["actions", ["workflow_exploded"]],
  ["bearer_token", "two words"],
  ["bearer_token", "line\r\nbreak"],
  ["bearer_token", "t\u00f6ken"],
  ["bearer_token", "t".repeat(2001)],
  ["timeout_seconds", 1.5],
  ["timeout_seconds", "10"],
  ["max_retries", 11],
  ["retry_backoff_seconds", 301],
  ["team_id", "5eb7cf5a86d9755df3a6c593"],
])("a webhook whose %s is %j is refused with its place", async (field, value) => {
  const api = await open();
  for (const [method, at] of [
    ["POST", path],
    ["PATCH", `${path}/${(await create(api)).id}`],
  ] as const) {
    if (method === "PATCH" && value === null) continue;
    const body = method === "POST" ? { ...valid, [field]: value } : { [field]: value };
    const refused = await api.call(method, at, { body });
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0].loc.slice(0, 2)).toEqual(["body", field]);
  }
});

test("a PATCH changes what it names; null names nothing; the token goes only when it is cleared", async () => {
  const api = await open();
  const { id } = await create(api, { bearer_token: "s3cret" });
  const nothing = Object.fromEntries(
    ["name", "url", "actions", "enabled", "bearer_token", "clear_bearer_token"].map((k) => [
      k,
      null,
    ]),
  );
  expect((await api.call("PATCH", `${path}/${id}`, { body: nothing })).body).toMatchObject({
    ...valid,
    enabled: true,
    has_bearer_token: true,
  });
  const both = { bearer_token: "x", clear_bearer_token: true };
  expect((await api.call("PATCH", `${path}/${id}`, { body: both })).status).toBe(422);

  const changes = { name: "New", timeout_seconds: 60, max_retries: 0, clear_bearer_token: true };
  const changed = await api.call("PATCH", `${path}/${id}`, { body: changes });
  expect(changed.body).toMatchObject({
    name: "New",
    url: valid.url,
    timeout_seconds: 60,
    max_retries: 0,
    has_bearer_token: false,
  });
});

test("a webhook says who disabled it, and enabling it by hand forgets why", async () => {
  const api = await open();
  const disabled = await create(api, { enabled: false });
  expect(disabled.disabled_reason).toBe("manual");
  const { id } = await create(api);
  const off = await api.call("PATCH", `${path}/${id}`, { body: { enabled: false } });
  expect(off.body).toMatchObject({ enabled: false, disabled_reason: "manual" });
  await api.call("DELETE", `${path}/${disabled.id}`);
  await api.database.sql`update subscriptions set enabled = false, disabled_reason = 'failing'`;
  expect((await api.call("GET", `${path}/${id}`)).body.disabled_reason).toBe("failing");
  const body = { enabled: true };
  expect((await api.call("PATCH", `${path}/${id}`, { body })).body).toMatchObject({
    enabled: true,
    disabled_reason: null,
  });
  await api.database.sql`update subscriptions set enabled = false, disabled_reason = 'failing'`;
  const renamed = await api.call("PATCH", `${path}/${id}`, { body: { name: "New" } });
  expect(renamed.body.disabled_reason).toBe("failing");
  const byHand = await api.call("PATCH", `${path}/${id}`, { body: { enabled: false } });
  expect(byHand.body.disabled_reason).toBe("manual");
});

test("custom headers are shown by name alone, replaced by a PATCH, and cleared by an empty map", async () => {
  const api = await open();
  const created = await create(api, { headers: { "X-Key": "s3cret", "X-Other": "v" } });
  expect(created.header_names).toEqual(["X-Key", "X-Other"]);
  const patch = async (headers: object | null) => {
    const answer = await api.call("PATCH", `${path}/${created.id}`, { body: { headers } });
    expect(answer.text).not.toContain("s3cret");
    return answer.body.header_names;
  };
  const read = await api.call("GET", `${path}/${created.id}`);
  expect(read.text).not.toContain("s3cret");
  const [row] = await api.database.sql<{
    text: string;
  }>`select subscriptions::text as text from subscriptions`;
  expect(row?.text).not.toContain(Buffer.from("s3cret").toString("hex"));

  expect(await patch(null)).toEqual(["X-Key", "X-Other"]);
  expect(await patch({ "X-New": "s3cret" })).toEqual(["X-New"]);
  expect(await patch({})).toEqual([]);
  const [cleared] = await api.database.sql`select sealed_headers from subscriptions`;
  expect(cleared).toEqual({ sealed_headers: null });
});

test.each([
  "Host",
  "webhook-id",
  "X-Webhook-Signature",
  "X-Interactly-Anything",
  "X_Interactly_Secret",
])("the header %s cannot be asked for, by POST or by PATCH", async (name) => {
  const api = await open();
  const { id } = await create(api);
  const headers = { [name]: "v" };
  for (const refused of [
    await api.call("POST", path, { body: { ...valid, headers } }),
    await api.call("PATCH", `${path}/${id}`, { body: { headers } }),
  ]) {
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0]).toMatchObject({
      loc: ["body", "headers", name],
      type: "header_name_reserved",
    });
  }
});

test("no contract takes a custom header under the operator's own prefix", async () => {
  const config = readConfig("development", { POSTRIDER_HEADER_PREFIX: "X-Acme" });
  const api = await openTestApi({ deps: { config } });
  onTestFinished(() => api.close());
  const { name, url } = valid;
  for (const header of ["x-acme-secret", "X_ACME_anything", "x-interactly-signature"]) {
    const headers = { [header]: "v" };
    const server = { enabled: true, url, messages: ["hang"], headers };
    for (const [at, body] of [
      [path, { ...valid, headers }],
      ["/webhooks", { name, url, events: ["workflow.started"], headers }],
      ["/assistants/v1/assistants", { name, assistantServer: server }],
    ] as const) {
      const refused = await api.call("POST", at, { body });
      expect([at, refused.status]).toEqual([at, 422]);
      expect(refused.body.errors[0].type).toBe("header_name_reserved");
    }
  }
  expect((await create(api, { headers: { "X-Acmes": "v" } })).header_names).toEqual(["X-Acmes"]);
});

test("a bearer token and a header Authorization exclude each other, whichever came first", async () => {
  const api = await open();
  const bearer_token = "s3cret";
  const headers = { AUTHORIZATION: "Basic dXNlcjpwYXNz" };
  const refusal = (answer: { status: number; body: { errors?: { loc: string[] }[] } }) => [
    answer.status,
    answer.body.errors?.[0]?.loc.join("."),
  ];
  const patch = (id: string, body: object) => api.call("PATCH", `${path}/${id}`, { body });

  const both = await api.call("POST", path, { body: { ...valid, bearer_token, headers } });
  expect(refusal(both)).toEqual([422, "body.headers.AUTHORIZATION"]);
  expect(await api.database.sql`select from subscriptions`).toEqual([]);

  const byToken = await create(api, { bearer_token });
  expect(refusal(await patch(byToken.id, { headers }))).toEqual([
    422,
    "body.headers.AUTHORIZATION",
  ]);
  expect((await api.call("GET", `${path}/${byToken.id}`)).body.header_names).toEqual([]);
  const swapped = await patch(byToken.id, { headers, clear_bearer_token: true });
  expect(swapped.body).toMatchObject({ has_bearer_token: false, header_names: ["AUTHORIZATION"] });

  const byHeader = await create(api, { headers });
  expect(refusal(await patch(byHeader.id, { bearer_token }))).toEqual([422, "body.bearer_token"]);
  expect((await api.call("GET", `${path}/${byHeader.id}`)).body.has_bearer_token).toBe(false);
  const back = await patch(byHeader.id, { bearer_token, headers: { "X-Other": "v" } });
  expect(back.body).toMatchObject({ has_bearer_token: true, header_names: ["X-Other"] });
});

test("the list is newest first, in pages, and narrowed down literally", async () => {
  const api = await open();
  await create(api, { name: "100% sure" });
  await create(api, { name: "a_b\\c", enabled: false });
  await create(api, {
    name: "plain",
    url: "https://example.org/Deep",
    actions: ["workflow_created"],
  });
  const names = async (query: string) => {
    const { status, body } = await api.call("GET", `${path}?${query}`);
    expect(status).toBe(200);
    return body.subscriptions.map((one: { name: string }) => one.name);
  };

  expect(await names("")).toEqual(["plain", "a_b\\c", "100% sure"]);
  expect(await names("size=2&page=2")).toEqual(["100% sure"]);
  expect(await names("search=%25")).toEqual(["100% sure"]);
  expect(await names("search=_")).toEqual(["a_b\\c"]);
  expect(await names("search=%5C")).toEqual(["a_b\\c"]);
  expect(await names("search=.ORG%2Fdeep")).toEqual(["plain"]);
  expect(await names("enabled=false")).toEqual(["a_b\\c"]);
  expect(await names("action=workflow_created")).toEqual(["plain"]);
  expect((await api.call("GET", `${path}?size=1`)).body.total).toBe(3);
});

test.each([
  "size=0",
  "size=1001",
  "size=abc",
  "page=0",
  "page=1002&size=1000",
  "colour=red",
  "action=x",
])("a list asked for with %s is a 422", async (query) => {
  const api = await open();
  const refused = await api.call("GET", `${path}?${query}`);
  expect(refused.status).toBe(422);
  expect(refused.body.errors[0].loc[0]).toBe("query");
});

test("deleting a webhook ends its pending deliveries as subscription_deleted, the one in flight too", async () => {
  const api = await open();
  const { id } = await create(api);
  for (let i = 0; i < 2; i++) await api.call("POST", `${path}/${id}/test`, { body: {} });
  await api.database.sql`
    update deliveries set lease_token = gen_random_uuid(), attempt_count = 1, due_at = now() + interval '1 minute'
    where id = (select max(id) from deliveries)`;

  expect((await api.call("DELETE", `${path}/${id}`)).status).toBe(204);
  expect((await api.call("DELETE", `${path}/${id}`)).status).toBe(404);
  expect((await api.call("GET", `${path}/${id}`)).status).toBe(404);
  const deliveries = await api.database.sql`
    select status, last_error, lease_token, finished_at is not null as finished from deliveries`;
  const ended = {
    status: "failed",
    last_error: "subscription_deleted",
    lease_token: null,
    finished: true,
  };
  expect(deliveries).toEqual([ended, ended]);
  // What may have left has its row, and claims nothing about what came of it.
  expect(await api.database.sql`select number, error_code from attempts`).toEqual([
    { number: 1, error_code: "unknown_outcome" },
  ]);
});

test("a test sends one new event of the chosen action to this webhook alone", async () => {
  const api = await open();
  const { id } = await create(api);
  await create(api, { actions: ["workflow_deleted"] });
  const actions = [
    "workflow_created",
    "workflow_updated",
    "workflow_deleted",
    "workflow_run_started",
    "workflow_run_completed",
  ];
  for (const action of actions) {
    const sent = await api.call("POST", `${path}/${id}/test`, { body: { action } });
    expect(sent.status, sent.text).toBe(202);
    expect(sent.body.event_id).toMatch(/^event_[0-9a-f-]{36}$/);
  }
  await api.call("POST", `${path}/${id}/test`);

  const sent = await api.database.sql<{ event_type: string; payload: string }>`
    select e.event_type, convert_from(e.payload, 'utf8') as payload
    from deliveries d join events e on e.id = d.event_id
    where d.subscription_id = ${id} and d.status = 'pending' and d.due_at <= now()
    order by d.id`;
  expect(sent.map(({ event_type }) => event_type)).toEqual([...actions, "workflow_run_completed"]);
  expect(JSON.parse(sent[5]?.payload ?? "")).toMatchObject({
    action: "workflow_run_completed",
    workflow_name: "Sample workflow",
    run: { status: "completed", duration_ms: 812 },
  });
  expect(sent.map(({ payload }) => JSON.parse(payload).test)).toEqual(sent.map(() => true));
  expect(await api.database.sql`select count(*)::int from deliveries`).toEqual([{ count: 6 }]);
});

test("a disabled webhook takes no test", async () => {
  const api = await open();
  const { id } = await create(api, { enabled: false });
  const refused = await api.call("POST", `${path}/${id}/test`, { body: {} });
  expect([refused.status, refused.body.code]).toEqual([409, "subscription_disabled"]);
});

test("a rotated signing secret leaves the old one valid for 24 hours by the database's clock", async () => {
  const api = await open();
  const { id } = await create(api);
  const secretPath = `${path}/${id}/signing-secret`;
  const before = (await api.call("GET", secretPath)).body;
  expect(before).toEqual({ secret: expect.stringMatching(/^whsec_/), previous_expires_at: null });
  expect(Buffer.from(before.secret.slice(6), "base64")).toHaveLength(32);

  const rotated = (await api.call("POST", `${secretPath}/rotate`)).body;
  expect(rotated.secret).not.toBe(before.secret);
  expect((await api.call("GET", secretPath)).body).toEqual(rotated);
  const [row] = await api.database.sql<{ sealed: Buffer; hours: number }>`
    select sealed_previous_secret as sealed,
           round(extract(epoch from previous_secret_expires_at - now()) / 3600)::int as hours
    from subscriptions`;
  const place = { table: "subscriptions", column: "sealed_previous_secret", teamId: api.teamId };
  expect(api.deps.keyring.open(row?.sealed as Buffer, { ...place, rowId: id })).toBe(before.secret);
  expect(row?.hours).toBe(24);

  await api.database.sql`update subscriptions set previous_secret_expires_at = now()`;
  expect((await api.call("GET", secretPath)).body.previous_expires_at).toBeNull();
});

const routesOfOne = [
  ["GET", "", undefined, "read"],
  ["PATCH", "", { name: "x" }, "write"],
  ["DELETE", "", undefined, "write"],
  ["POST", "/test", {}, "write"],
  ["GET", "/signing-secret", undefined, "write"],
  ["POST", "/signing-secret/rotate", undefined, "write"],
] as const;

test.each(routesOfOne)(
  "%s {webhook_id}%s: another team's id is an unknown id, and changes nothing",
  async (method, suffix, body) => {
    const api = await open();
    const { id } = await create(api, {}, (await api.newTeam()).key);
    const before = await api.database.sql`select subscriptions::text from subscriptions`;
    const ask = async (one: string) => {
      const answer = await api.call(method, `${path}/${one}${suffix}`, { body });
      return { ...answer.body, request_id: "", status: answer.status };
    };
    const unknown = await ask(newId());
    expect(unknown.status).toBe(404);
    for (const one of [id, id.toUpperCase(), id.slice(1), "null", "%27%20OR%201", "%00"]) {
      expect(await ask(one)).toEqual(unknown);
    }
    expect(await api.database.sql`select subscriptions::text from subscriptions`).toEqual(before);
    expect((await api.call("GET", path)).body).toEqual({
      subscriptions: [],
      total: 0,
      next_cursor: null,
      page: 1,
      size: 300,
    });
  },
);

test.each(routesOfOne)(
  "%s {webhook_id}%s is closed to a key without its scope",
  async (method, suffix, body, scope) => {
    const api = await open();
    const { id } = await create(api);
    const others = (["read", "write", "publish", "payload", "admin"] as const).filter(
      (one) => one !== scope,
    );
    const { key } = await api.newKey({ scopes: others });
    const refused = await api.call(method, `${path}/${id}${suffix}`, { key, body });
    expect([refused.status, refused.body.code]).toEqual([403, "scope_missing"]);
  },
);

test("a change of a webhook is announced to the other processes", async () => {
  const api = await open();
  const [row] = await api.database.sql<{ name: string }>`select current_database() as name`;
  const heard: string[] = [];
  const home = new URL(inject("maintenanceUrl"));
  home.pathname = `/${row?.name}`;
  const client = new pg.Client({ connectionString: home.href });
  await client.connect();
  onTestFinished(() => client.end());
  client.on("notification", ({ payload }) => heard.push(payload ?? ""));
  await client.query("listen postrider");

  const { id } = await create(api);
  await api.call("PATCH", `${path}/${id}`, { body: { name: "New" } });
  await api.call("POST", `${path}/${id}/test`, { body: {} });
  await api.call("DELETE", `${path}/${id}`);
  await client.query("select 1");
  expect(heard.map((payload) => JSON.parse(payload))).toEqual([
    { subscription: id },
    { subscription: id },
    { due: id },
    { subscription: id },
  ]);
});

type Case = {
  id: string;
  input: Record<string, unknown> & { value_gen?: { array_of: string; times: number } };
  expect: { status_any: number[]; problem_json?: boolean };
  why: string;
};

test.each(rowsOf<Case>("api: workflow webhooks"))(
  "hostile case $id ($why) is answered as it should be",
  async (one) => {
    const api = await open();
    const { id } = await create(api);
    const { input } = one;
    const ask = () => {
      if ("path_param" in input) {
        return api.call("GET", `${path}/${encodeURIComponent(String(input.value))}`);
      }
      if ("query" in input) return api.call("GET", `${path}?${input.query}`);
      const value = input.value_gen
        ? Array.from({ length: input.value_gen.times }, () => input.value_gen?.array_of)
        : input.value;
      return input.method === "PATCH"
        ? api.call("PATCH", `${path}/${id}`, { body: { [String(input.field)]: value } })
        : api.call("POST", path, { body: { ...valid, [String(input.field)]: value } });
    };
    const answer = await ask();
    expect(one.expect.status_any).toContain(answer.status);
    if (one.expect.problem_json) {
      expect(answer.headers["content-type"]).toContain("application/problem+json");
    }
  },
);
