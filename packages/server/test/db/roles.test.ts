import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { openTeamDatabase } from "../../src/db/sql.ts";
import { holdsWall } from "../../src/db/team-wall.ts";
import { openPostgres } from "../support/postgres-server.ts";

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
  const run = async (...statements: string[]) => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };
  return { run, urlOf };
}

/** Says whether the API's connections are kept to their teams in this database. */
async function isWalled(url: string): Promise<boolean> {
  const database = openTeamDatabase({
    url,
    name: "test",
    role: "postrider_team",
    connectionsMax: 1,
    statementTimeoutMs: 10_000,
    onError: () => {},
  });
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

test("who may not make roles is told what to ask a superuser for, and with that the migration works", async () => {
  const { run, urlOf } = await openCluster();
  await run("create role plain login", "create database plain owner plain");
  const refusal = await migrate(urlOf("plain", "plain")).then(String, String);
  const [, statements = ""] = /a superuser can run: (.*)$/.exec(refusal) ?? [];
  expect(refusal).toContain("0006_row_level_security.sql failed: ");
  expect(statements).toMatch(/^create role .*; grant .* to plain;$/);
  await run(...statements.split("; "));
  expect(await migrate(urlOf("plain", "plain"))).toContain("0006_row_level_security.sql");
  expect(await isWalled(urlOf("plain", "plain"))).toBe(true);
}, 60_000);

test("who may make roles and is no superuser needs nobody's help, and sees all rows as their owner", async () => {
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
  await expect(migrate(urlOf("strange"))).rejects.toThrow("without SUPERUSER and BYPASSRLS");
}, 60_000);
