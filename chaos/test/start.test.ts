import { expect, test } from "vitest";
import { listPendingMigrations } from "../../packages/server/src/db/migrate.ts";
import { productionEnvironment, runCommand } from "../../packages/server/test/support/process.ts";
import { openProxiedDatabase } from "./proxied-database.ts";

test("a start does not wait for ever for a database that accepts a connection and says nothing", {
  timeout: 60_000,
}, async () => {
  const { proxy, url } = await openProxiedDatabase();
  proxy.blackhole();
  await expect(listPendingMigrations(url)).rejects.toThrow("timeout");
});

test("a service whose database goes away while it starts says so in one sentence", {
  timeout: 120_000,
}, async () => {
  const { proxy, url } = await openProxiedDatabase();
  proxy.cutCommits(1);
  const { code, stderr } = await runCommand(["serve"], productionEnvironment(url));
  expect(proxy.commitsCut).toBe(1);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^postrider: The database cannot be used: .*\n$/);
});
