import net from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { listPendingMigrations } from "../../packages/server/src/db/migrate.ts";
import { createDatabase } from "../../packages/server/test/support/postgres.ts";
import { productionEnvironment, runCommand } from "../../packages/server/test/support/process.ts";
import { openFaultProxy } from "../fault-proxy.ts";

/** A migrated database behind a proxy. */
async function setup() {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const target = new URL(database.url);
  const directory = target.searchParams.get("host");
  const proxy = await openFaultProxy({
    port: 0,
    connect: () =>
      directory
        ? net.connect(`${directory}/.s.PGSQL.5432`)
        : net.connect(Number(target.port || 5432), target.hostname),
    committing: [],
  });
  onTestFinished(() => proxy.close());
  const through = new URL(database.url);
  through.search = "";
  through.host = `127.0.0.1:${proxy.port}`;
  return { proxy, url: through.href };
}

test("a start does not wait for ever for a database that accepts a connection and says nothing", {
  timeout: 60_000,
}, async () => {
  const { proxy, url } = await setup();
  proxy.blackhole();
  await expect(listPendingMigrations(url)).rejects.toThrow("timeout");
});

test("a service whose database goes away while it starts says so in one sentence", {
  timeout: 120_000,
}, async () => {
  const { proxy, url } = await setup();
  proxy.cutCommits(1);
  const { code, stderr } = await runCommand(["serve"], productionEnvironment(url));
  expect(proxy.commitsCut).toBe(1);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^postrider: The database cannot be used: .*\n$/);
});
