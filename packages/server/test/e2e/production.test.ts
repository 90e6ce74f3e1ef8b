import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { openPostgres } from "../support/postgres-server.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

const key = randomBytes(32).toString("hex");
const nowhere = "postgresql://127.0.0.1:1/postrider";

test.each<[what: string, args: string[], env: Record<string, string>, says: RegExp]>([
  ["no database", ["serve"], { POSTRIDER_ENCRYPTION_KEY: key }, /^DATABASE_URL is required/],
  ["no key", ["serve"], { DATABASE_URL: nowhere }, /^POSTRIDER_ENCRYPTION_KEY is required/],
  [
    "a wrong value",
    ["serve"],
    { DATABASE_URL: nowhere, POSTRIDER_ENCRYPTION_KEY: "not-so-secret" },
    /^POSTRIDER_ENCRYPTION_KEY must hold 32 bytes/,
  ],
  ["nothing to migrate", ["migrate"], {}, /^DATABASE_URL is required/],
])(
  "%s ends with exit code 2 and one sentence that tells no value",
  async (_what, args, env, says) => {
    const { code, stdout, stderr } = await runCommand(args, env);
    expect(stderr).toMatch(/^postrider: [^\n]+\n$/);
    expect(stderr.slice("postrider: ".length)).toMatch(says);
    expect(stdout + stderr).not.toContain("not-so-secret");
    expect(code).toBe(2);
  },
);

test("help is no error, and what is not understood ends with exit code 2 and the help", async () => {
  const [help, command, option, value] = await Promise.all([
    runCommand(["--help"]),
    runCommand(["deliver"]),
    runCommand(["serve", "--fast"]),
    runCommand(["dev", "--receiver-port", "99999"]),
  ]);
  expect(help.code).toBe(0);
  for (const name of ["dev", "serve", "migrate", "receive"]) expect(help.stdout).toContain(name);
  expect(command.code).toBe(2);
  expect(command.stderr).toMatch(/unknown command 'deliver'[\s\S]*Usage: postrider/);
  expect(option.code).toBe(2);
  expect(option.stderr).toMatch(/unknown option '--fast'[\s\S]*Usage: postrider serve/);
  expect(value.code).toBe(2);
  expect(value.stderr).toMatch(/a port is a whole number from 0 to 65535/);
});

test("serve refuses a database that is not migrated, and migrate migrates it once", async () => {
  const env = productionEnvironment(await emptyDatabase());
  const refused = await runCommand(["serve"], env);
  expect(refused.stderr).toMatch(/^postrider: [^\n]+ migration[^\n]+\. Run: postrider migrate\n$/);
  expect(refused.code).toBe(1);

  const applied = await runCommand(["migrate"], env);
  expect(applied.stdout).toMatch(/^(applied \d{4}_\w+\.sql\n)+$/);
  expect(applied.code).toBe(0);
  const again = await runCommand(["migrate"], env);
  expect(again).toEqual({
    code: 0,
    stdout: "Nothing to do: the schema is current.\n",
    stderr: "",
  });

  const other = await runCommand(["migrate", "--json"], { DATABASE_URL: await emptyDatabase() });
  expect(JSON.parse(other.stdout).applied).toContain("0001_core.sql");
  const json = await runCommand(["migrate", "--json"], env);
  expect(JSON.parse(json.stdout)).toEqual({ applied: [], repaired: [] });
});

test("a database that is away ends migrate with exit code 1 and one sentence", async () => {
  const { code, stderr } = await runCommand(["migrate"], { DATABASE_URL: nowhere });
  expect(stderr).toMatch(/^postrider: The database cannot be used: [^\n]*ECONNREFUSED[^\n]*\n$/);
  expect(code).toBe(1);
});

test("serve by default delivers to nobody inside, and refuses another encryption key than the database's", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const { POSTRIDER_ALLOW_HTTP, POSTRIDER_EGRESS_ALLOW, ...env } = productionEnvironment(
    database.url,
  );
  const service = await startService(["serve"], env);
  const { call } = apiOf(service.url);
  const subscribe = (url: string) =>
    call("POST", "/workflow-webhooks", { name: "inside", url, actions: ["workflow_created"] });
  expect((await subscribe("http://receiver.example.com/hook")).status).toBe(422);
  expect((await subscribe("https://127.0.0.1/hook")).status).toBe(422);
  expect((await subscribe("https://receiver.example.com/hook")).status).toBe(201);
  expect(await service.terminate()).toBe(0);

  const stranger = { ...env, POSTRIDER_ENCRYPTION_KEY: randomBytes(32).toString("hex") };
  const { code, stderr } = await runCommand(["serve"], stranger);
  expect(stderr).toMatch(/^postrider: The database holds secrets encrypted with key [^\n]+\n$/);
  expect(code).toBe(1);
  const both = `${stranger.POSTRIDER_ENCRYPTION_KEY},${env.POSTRIDER_ENCRYPTION_KEY}`;
  const rotated = await startService(["serve"], { ...env, POSTRIDER_ENCRYPTION_KEY: both });
  expect(await rotated.terminate()).toBe(0);
});

test("while the database is away calls get 503 and readyz says why; when it is back, so is the service", {
  timeout: 90_000,
}, async () => {
  const postgres = await ownPostgres();
  const env = productionEnvironment(postgres.url);
  expect((await runCommand(["migrate"], env)).code).toBe(0);
  const service = await startService(["serve"], env);
  const { call, health } = apiOf(service.url);
  const ready = async () => (await health("/readyz")).status;
  await expect.poll(ready, { timeout: 5_000 }).toBe(200);
  expect((await health("/livez")).status).toBe(200);
  expect((await call("POST", "/workflows", { name: "before" })).status).toBe(201);

  await postgres.stop();
  const away = await health("/readyz");
  expect(away.status).toBe(503);
  expect(away.body).toMatchObject({
    code: "not_ready",
    detail: "The database cannot be reached.",
  });
  expect((await health("/livez")).status).toBe(200);
  for (const refused of [
    await call("GET", "/workflows"),
    await call("POST", "/workflows", { name: "meanwhile" }),
    await call("GET", "/workflow-webhooks/events"),
  ]) {
    expect(refused.type).toMatch(/^application\/problem\+json/);
    expect(refused.body).toMatchObject({ status: 503, code: "storage_unavailable" });
  }

  await postgres.start();
  await expect.poll(ready, { timeout: 15_000 }).toBe(200);
  expect((await call("POST", "/workflows", { name: "after" })).status).toBe(201);
  const { body } = await call("GET", "/workflows");
  expect(body.workflows.map(({ name }: { name: string }) => name)).toEqual(["after", "before"]);
  await service.printed(/the database can be reached again/);
  expect(await service.terminate()).toBe(0);
  // All its connections were lost and made again: that is one line for the beginning, one for the end, and no error.
  expect(service.output().match(/the database cannot be reached/g)).toHaveLength(1);
  expect(service.output().match(/the database can be reached again/g)).toHaveLength(1);
  expect(service.output()).not.toMatch(/"level":"(error|fatal)"/);
});

test("a stopping service finishes the attempts in flight, and nothing is delivered twice afterwards", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const reported = 21;

  const delivered = (api: ReturnType<typeof apiOf>) => async () =>
    (await api.call("GET", "/workflow-webhooks/events?status=delivered")).body;
  const first = await startService(["serve"], env);
  const before = apiOf(first.url);
  await before.call("POST", "/workflow-webhooks", {
    name: "slow",
    url: receiver.origin,
    actions: ["workflow_created"],
  });
  // A receiver that has answered is sent many at once, and is held to its word.
  await before.call("POST", "/workflows", { name: "first" });
  await expect.poll(delivered(before)).toMatchObject({ total: 1 });
  const answer = receiver.hold();
  for (let n = 1; n < reported; n++) await before.call("POST", "/workflows", { name: `w${n}` });
  await receiver.received(1 + 16);
  const stopped = first.terminate("SIGTERM");
  // It has stopped to begin anything when it has given back what it had not begun.
  const looking = new pg.Client({ connectionString: database.url });
  await looking.connect();
  onTestFinished(() => looking.end());
  const leased = async () => {
    const { rows } = await looking.query(
      "select count(lease_token)::int as count from deliveries where finished_at is null",
    );
    return rows[0].count;
  };
  await expect.poll(leased, { timeout: 10_000 }).toBe(receiver.requests.length - 1);
  const underWay = receiver.requests.length;
  expect(underWay).toBeLessThan(reported);
  answer();
  expect(await stopped).toBe(0);
  expect(receiver.requests).toHaveLength(underWay); // It began nothing new.

  const second = await startService(["serve"], env);
  const after = apiOf(second.url);
  await expect.poll(delivered(after), { timeout: 10_000 }).toMatchObject({ total: reported });
  const ids = receiver.requests.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toHaveLength(reported);
  expect(new Set(ids).size).toBe(reported);
  const { body } = await after.call("GET", "/workflow-webhooks/events");
  const attempts = body.events.map((event: { attempts_count: number }) => event.attempts_count);
  expect(new Set(attempts)).toEqual(new Set([1]));
  expect(await second.terminate()).toBe(0);
});

/** A database without a schema. */
async function emptyDatabase(): Promise<string> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const maintain = async (statement: string) => {
    const client = new pg.Client({ connectionString: inject("maintenanceUrl") });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await maintain(`create database ${name}`);
  onTestFinished(() => maintain(`drop database ${name} with (force)`));
  const url = new URL(inject("maintenanceUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

/** A PostgreSQL of the test's own, which it may stop. */
async function ownPostgres() {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-production-"));
  const open = () => openPostgres({ dataDirectory: path.join(directory, "postgres") });
  let server = await open();
  onTestFinished(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    url: server.url,
    stop: () => server.close(),
    async start() {
      server = await open();
    },
  };
}

type Answered = {
  status: number;
  type: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
  body: any;
};

function apiOf(url: string) {
  const request = async (route: string, init?: RequestInit): Promise<Answered> => {
    const response = await fetch(url + route, init);
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
  const { POSTRIDER_API_KEY } = productionEnvironment("");
  return {
    health: (route: string) => request(route),
    reachable: () =>
      request("/livez").then(
        () => true,
        () => false,
      ),
    call: (method: "GET" | "POST", route: string, body?: object) =>
      request(`/workflows/v1${route}`, {
        method,
        headers: {
          authorization: `Bearer ${POSTRIDER_API_KEY}`,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
  };
}
