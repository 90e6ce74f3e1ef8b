import { randomBytes } from "node:crypto";
import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { type Database, openDatabase } from "../../src/db/pool.ts";
import { dumpSchema } from "../../src/db/schema-dump.ts";
import { readText } from "../house/sources.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** What a server, a database or a role may say, and what each connection of the service says itself. */
const hostile: Record<string, [theirs: string, ours: string]> = {
  DateStyle: ["German", "ISO, MDY"],
  IntervalStyle: ["sql_standard", "postgres"],
  TimeZone: ["Asia/Kathmandu", "UTC"],
  bytea_output: ["escape", "hex"],
  extra_float_digits: ["-15", "1"],
  standard_conforming_strings: ["off", "on"],
  array_nulls: ["off", "on"],
  transform_null_equals: ["on", "off"],
  quote_all_identifiers: ["on", "off"],
  client_min_messages: ["debug5", "warning"],
  search_path: ["evil, public, pg_catalog", "public, pg_temp"],
  row_security: ["off", "on"],
  default_transaction_isolation: ["serializable", "read committed"],
  default_transaction_deferrable: ["on", "off"],
  synchronous_commit: ["off", "on"],
  jit: ["on", "off"],
  jit_above_cost: ["0", "0"],
  plan_cache_mode: ["force_generic_plan", "auto"],
  max_parallel_workers_per_gather: ["8", "0"],
  join_collapse_limit: ["1", "8"],
  from_collapse_limit: ["1", "8"],
  enable_indexscan: ["off", "on"],
  enable_nestloop: ["off", "on"],
  enable_partition_pruning: ["off", "on"],
  statement_timeout: ["1ms", "10s"],
  lock_timeout: ["1ms", "10s"],
  idle_in_transaction_session_timeout: ["1ms", "1min"],
  // Longer than a start may keep a new connection waiting: until it is prepared, theirs is in force.
  idle_session_timeout: ["3s", "0"],
};

/** Runs these in the maintenance database, as its superuser. */
async function maintain(...statements: string[]): Promise<void> {
  await runAt(inject("maintenanceUrl"), statements);
}

async function runAt(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A pool of the service's, with one connection. */
function open(url: string, role: "owner" | "postrider_all_teams" = "owner"): Database {
  const database = openDatabase({
    url,
    name: "test",
    role,
    connectionsMax: 1,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  return database;
}

const setting = (name: string, value: string) =>
  `set ${name} = ${name === "search_path" ? value : pg.escapeLiteral(value)}`;

/** An empty database with a schema that lies in wait for names, whose owner is not a superuser. */
async function openHostile(options = ""): Promise<{ url: string; owner: string }> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await maintain(
    `create role ${name} login`,
    `grant postrider_team, postrider_keys, postrider_all_teams to ${name}`,
    `create database ${name} owner ${name} ${options}`,
  );
  onTestFinished(() => maintain(`drop database ${name} with (force)`, `drop role ${name}`));
  const url = new URL(inject("maintenanceUrl"));
  url.pathname = `/${name}`;
  await runAt(url.href, [
    "create schema evil",
    `grant usage on schema evil to public`,
    "create table evil.runs (team_id text)",
    "create function evil.set_config(text, text, boolean) returns text language sql as 'select null::text'",
    "create function evil.current_setting(text, boolean) returns text language sql as 'select null::text'",
    "create function evil.now() returns timestamptz language sql as 'select null::timestamptz'",
    "grant select on evil.runs to public",
  ]);
  url.username = name;
  return { url: url.href, owner: name };
}

/** Uses the service from a webhook to its history, and says what arrived. */
async function expectWorks(databaseUrl: string): Promise<void> {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService({}, { DATABASE_URL: databaseUrl });
  const ask = async (method: string, path: string, body?: object) => {
    const { status, body: answer } = await service.call(method, path, body);
    expect([method, path, status < 300], JSON.stringify(answer)).toEqual([method, path, true]);
    return answer;
  };
  const { id } = await ask("POST", "/workflows/v1/workflow-webhooks", {
    name: "all",
    url: receiver.origin,
    actions: ["workflow_created", "workflow_run_started", "workflow_run_completed"],
  });
  await ask("POST", "/webhooks", { name: "b", url: receiver.origin, events: ["workflow.started"] });
  const { id: assistantId } = await ask("POST", "/assistants/v1/assistants", {
    name: "c",
    assistantServer: { enabled: true, url: receiver.origin, messages: ["conversation-update"] },
  });
  const { workflow } = await ask("POST", "/workflows/v1/workflows", { name: "Ärger über O'Neill" });
  await ask("POST", "/workflows/v1/workflow-runs", {
    workflow_id: workflow.id,
    trigger: "manual",
    input: { at: "01.02.2026" },
  });
  const call = await ask("POST", "/calls/v1/conversations", {
    assistantId,
    callType: "web",
    direction: "inbound",
  });
  await ask("POST", `/calls/v1/conversations/${call.id}/messages`, { role: "user", text: "hello" });
  await ask("POST", `/workflows/v1/workflow-webhooks/${id}/test`, { action: "workflow_created" });
  await receiver.received(5);
  await until("all is delivered", async () => {
    const { total } = await ask("GET", "/workflows/v1/workflow-webhooks/events?status=delivered");
    return total === 3;
  });
  const since = new Date(Date.now() - 3_600_000).toISOString();
  for (const path of [
    "/workflows/v1/workflows?search=O'N",
    "/workflows/v1/workflow-runs",
    "/workflows/v1/workflow-webhooks",
    "/workflows/v1/workflow-webhooks/events?status=pending",
    `/workflows/v1/workflow-webhooks/events?start=${since}`,
    "/webhooks",
    "/assistants/v1/assistants",
    "/v1/audit",
  ]) {
    await ask("GET", path);
  }
  expect(service.logged()).not.toMatch(/"level":"(error|warn)"/);
}

test("each connection says itself what it relies on, whatever the role or the URL says", async () => {
  const { url, owner } = await openHostile();
  await migrate(url);
  const names = Object.keys(hostile);
  await maintain(
    ...Object.entries(hostile).map(
      ([name, [theirs]]) => `alter role ${owner} ${setting(name, theirs)}`,
    ),
  );
  const insisting = new URL(url);
  insisting.searchParams.set("options", "-c extra_float_digits=-15 -c jit=on");
  for (const role of ["owner", "postrider_all_teams"] as const) {
    const database = open(insisting.href, role);
    const rows = await database.sql<{ name: string; value: string | null }>`
      select name, current_setting(name, true) as value from unnest(${names}::text[]) as name`;
    const ours = names.map((name) => ({ name, value: hostile[name]?.[1] }));
    expect(rows).toEqual(ours);
    expect(await database.sql`select current_user::text as user`).toEqual([
      { user: role === "owner" ? owner : role },
    ]);
  }
});

// On its own: together with a time-out that cuts off what lifts it, it ends a connection before it is ours.
test("a connection outlives a statement that fails, also where the role says that it ends", async () => {
  const { url, owner } = await openHostile();
  await maintain(`alter role ${owner} set exit_on_error = on`);
  const database = open(url);
  const backend = () =>
    database.begin(
      async (tx) => (await tx<{ pid: number }>`select pg_backend_pid() as pid`)[0]?.pid,
    );
  const before = await backend();
  await expect(database.begin((tx) => tx`select 1 / 0`)).rejects.toThrow("division by zero");
  expect(await backend()).toBe(before);
});

test("a commit that waits for a standby's eyes is not hurried", async () => {
  const { url, owner } = await openHostile();
  await maintain(`alter role ${owner} set synchronous_commit = remote_apply`);
  const database = open(url);
  expect(await database.sql`show synchronous_commit`).toEqual([
    { synchronous_commit: "remote_apply" },
  ]);
});

test("the service migrates and works for a plain owner on whose role, and database, every setting is another", async () => {
  const { url, owner } = await openHostile();
  await maintain(
    ...Object.entries(hostile).flatMap(([name, [theirs]]) => [
      `alter role ${owner} ${setting(name, theirs)}`,
      `alter database ${owner} ${setting(name, theirs)}`,
    ]),
  );
  await expectWorks(url);
  const database = open(url);
  const written = readText("packages/server/schema.sql").replace(/^--.*\n\n/, "");
  expect(await dumpSchema(database.sql)).toBe(written);
  // The line that listens has been idle for longer than their time-out.
  const listening = async () =>
    await database.sql<{ pid: number; idle: boolean }>`
      select pid, now() - state_change > interval '4 seconds' as idle
      from pg_stat_activity where application_name = 'postrider listen' and usename = current_user`;
  const [{ pid } = { pid: 0 }] = await listening();
  await until("it has been idle", async () => (await listening())[0]?.idle === true);
  expect(await listening()).toEqual([{ pid, idle: true }]);
});

test.each([
  [
    "of a dictionary, numbers in it by their value",
    "template template0 locale_provider icu icu_locale 'en-US-u-kn-true'",
  ],
  ["of bytes", "template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'"],
])("the service works where text is in the order %s", async (_order, options) => {
  const { url } = await openHostile(options);
  await expectWorks(url);
});
