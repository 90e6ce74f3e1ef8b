import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate, readMigrations } from "../../src/db/migrate.ts";
import { openDatabase, openTeamDatabase } from "../../src/db/pool.ts";
import { dumpSchema } from "../../src/db/schema-dump.ts";
import { holdsWall } from "../../src/db/team-wall.ts";
import { readText } from "../house/sources.ts";
import { openPostgres, programs } from "../support/postgres-server.ts";
import { productionEnvironment, runCommand } from "../support/process.ts";

const roles = ["postrider_team", "postrider_keys", "postrider_all_teams"];

const connections = (url: string) => ({
  url,
  name: "test",
  connectionsMax: 1,
  statementTimeoutMs: 10_000,
  onError: () => {},
});

/** A PostgreSQL in which nobody has made our roles yet. */
async function openCluster() {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-roles-"));
  const server = await openPostgres({ dataDirectory: path.join(directory, "postgres") });
  onTestFinished(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const urlOf = (database: string, user?: string) => {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    if (user !== undefined) url.username = user;
    return url.href;
  };
  const runAt = async (url: string, statements: readonly string[]) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    let rowCount = 0;
    try {
      for (const statement of statements) rowCount = (await client.query(statement)).rowCount ?? 0;
    } finally {
      await client.end();
    }
    return rowCount;
  };
  return {
    urlOf,
    /** Runs these as the superuser; how many rows the last one had. */
    run: (...statements: string[]) => runAt(server.url, statements),
    runIn: (database: string, ...statements: string[]) => runAt(urlOf(database), statements),
  };
}

/** Says whether the API's connections are kept to their teams in this database. */
async function isWalled(url: string): Promise<boolean> {
  const database = openTeamDatabase({ ...connections(url), role: "postrider_team" });
  try {
    return await holdsWall(database);
  } finally {
    await database.close();
  }
}

test("databases that are migrated at once in one cluster make the roles together", async () => {
  const { run, urlOf } = await openCluster();
  const names = Array.from({ length: 8 }, (_, i) => `many_${i}`);
  await run(...names.map((name) => `create database ${name}`));
  await Promise.all(names.map((name) => migrate(urlOf(name))));
  for (const name of names) expect(await isWalled(urlOf(name))).toBe(true);
}, 60_000);

test("without the right to make roles, the message says what a superuser has to run, and then the migration works", async () => {
  const { run, runIn, urlOf } = await openCluster();
  await run("create role plain login", "create database plain owner plain");
  const refusal = await migrate(urlOf("plain", "plain")).then(String, String);
  const [, statements = ""] = /run this in the database: (.*)$/.exec(refusal) ?? [];
  for (const role of roles) expect(refusal).toContain(role);
  expect(statements).toMatch(/^create role .*; grant .* to plain;$/);
  await runIn("plain", ...statements.split("; "));
  const { applied, repaired } = await migrate(urlOf("plain", "plain"));
  expect(applied).toContain("0006_row_level_security.sql");
  expect(repaired).toEqual([]);
  expect(await isWalled(urlOf("plain", "plain"))).toBe(true);
}, 60_000);

test("a role that may make roles, without being a superuser, can migrate alone and sees all rows as their owner", async () => {
  const { run, urlOf } = await openCluster();
  await run("create role maker login createrole", "create database maker owner maker");
  const url = urlOf("maker", "maker");
  await migrate(url);
  expect(await isWalled(url)).toBe(true);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      "insert into teams (id, name) values ('0123456789abcdef01234567', 'a team')",
    );
    // What backs up sees everything, or says that it does not.
    await client.query("set row_security = off");
    expect((await client.query("select from teams")).rowCount).toBe(1);
  } finally {
    await client.end();
  }
}, 60_000);

test("a role of that name which could climb over the wall is refused", async () => {
  const { run, urlOf } = await openCluster();
  await run("create database strange", "create role postrider_team bypassrls");
  await expect(migrate(urlOf("strange"))).rejects.toThrow(
    "alter role postrider_team nosuperuser nobypassrls;",
  );
}, 60_000);

test("without the right to make tables, the message says what is needed, and no role is made first", async () => {
  const { run, runIn, urlOf } = await openCluster();
  await run("create role guest login createrole", "create database house");
  await runIn("house", "revoke create on schema public from public");
  const refusal = await migrate(urlOf("house", "guest")).then(String, String);
  expect(refusal).toContain("grant create, usage on schema public to guest;");
  expect(await run("select from pg_roles where rolname like 'postrider%'")).toBe(0);
  await runIn("house", "grant create, usage on schema public to guest");
  const { applied } = await migrate(urlOf("house", "guest"));
  expect(applied).toHaveLength(readMigrations().length);
}, 60_000);

/** What `serve` says when it refuses a database. */
async function refusalOf(url: string): Promise<string> {
  const { code, stderr } = await runCommand(["serve"], productionEnvironment(url));
  expect(code).toBe(1);
  return stderr;
}

/** A database that was restored without roles: serve refuses it, migrate mends it and says how, and then it is whole. */
async function expectMended(url: string): Promise<void> {
  const database = openDatabase({ ...connections(url), role: "owner" });
  const schema = () => dumpSchema(database.sql);
  const whole = readText("packages/server/schema.sql").replace(/^--.*\n\n/, "");
  try {
    expect(await schema()).not.toBe(whole);
    expect(await refusalOf(url)).toMatch(/isolate teams.*Run: postrider migrate\n$/);
    const mended = await runCommand(["migrate"], { DATABASE_URL: url });
    expect(mended.stderr).toBe("");
    expect(mended.stdout).toContain("ran create role postrider_team nologin\n");
    expect(mended.stdout).toContain("ran create policy own_teams on runs ");
    expect(await schema()).toBe(whole);
    expect(await isWalled(url)).toBe(true);
    const again = await runCommand(["migrate"], { DATABASE_URL: url });
    expect(again.stdout).toBe("Nothing to do: the schema is current.\n");
  } finally {
    await database.close();
  }
}

test("after a restore that lost roles, grants and policies serve refuses, migrate puts them up again, and nothing else", async () => {
  const { run, runIn, urlOf } = await openCluster();
  await run("create database restored");
  await migrate(urlOf("restored"));
  // Which is what is left when a dump is restored where these roles are not.
  await runIn("restored", `drop owned by ${roles.join(", ")}`, `drop role ${roles.join(", ")}`);
  await expectMended(urlOf("restored"));
}, 60_000);

test("a policy that lets everything through, and a grant that was taken away, are mended by migrate", async () => {
  const { run, runIn, urlOf } = await openCluster();
  await run("create database altered");
  const url = urlOf("altered");
  await migrate(url);
  await runIn(
    "altered",
    "alter policy own_teams on runs using (true)",
    "revoke insert on calls from postrider_team",
    "alter table steps disable row level security",
  );
  const { repaired } = await migrate(url);
  expect(repaired.map((statement) => statement.split(" on ")[0])).toEqual([
    "grant delete, insert, select, update",
    "create policy own_teams",
    "alter table steps enable row level security",
  ]);
  expect((await migrate(url)).repaired).toEqual([]);
}, 60_000);

// The npm package's PostgreSQL has no pg_dump; another version's refuses it.
test.skipIf(!programs)(
  "pg_dump, and psql into a cluster that has none of the roles",
  async () => {
    const [from, to] = [await openCluster(), await openCluster()];
    await from.run("create database origin");
    await migrate(from.urlOf("origin"));
    await from.runIn(
      "origin",
      "insert into teams (id, name) values ('0123456789abcdef01234567', 't')",
    );
    await to.run("create role keeper login createrole", "create database copy owner keeper");
    const file = path.join(mkdtempSync(path.join(tmpdir(), "postrider-dump-")), "dump.sql");
    onTestFinished(() => rmSync(path.dirname(file), { recursive: true }));
    execFileSync(path.join(programs ?? "", "pg_dump"), [
      "--no-owner",
      "-f",
      file,
      from.urlOf("origin"),
    ]);
    const url = to.urlOf("copy", "keeper");
    const told = execFileSync(path.join(programs ?? "", "psql"), ["-q", "-f", file, url], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    expect(told).toBeNull();
    await expectMended(url);
  },
  60_000,
);
