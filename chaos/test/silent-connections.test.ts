import { expect, onTestFinished, test, vi } from "vitest";
import { openDatabase } from "../../packages/server/src/db/pool.ts";
import { openProxiedDatabase } from "./proxied-database.ts";

const statementTimeoutMs = 30_000;

test("when one connection has fallen silent, no later statement waits for another one that was open then", async () => {
  const { proxy, url } = await openProxiedDatabase();
  const openPool = (name: string) => {
    const database = openDatabase({
      url,
      name,
      role: "owner",
      connectionsMax: 3,
      statementTimeoutMs,
      onError: () => {},
    });
    onTestFinished(() => database.close());
    return database;
  };
  const [facts, lists] = [openPool("facts"), openPool("lists")];
  await Promise.all([1, 2, 3].flatMap(() => [facts.sql`select 1`, lists.sql`select 1`]));
  expect(proxy.connections).toBe(6);

  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  proxy.halfOpen();
  expect(proxy.hanging).toBe(6);
  const first = facts.sql`select 1`.then(String, (error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(statementTimeoutMs + 5_000);
  expect(await first).toBe("Query read timeout");

  // No time passes from here on: they have other connections.
  expect(await Promise.all([1, 2, 3].map(() => facts.sql`select 2 as two`))).toEqual(
    [1, 2, 3].map(() => [{ two: 2 }]),
  );
  expect(await lists.begin((tx) => tx`select 2 as two`)).toEqual([{ two: 2 }]);
  // The silent ones are closed.
  await vi.waitFor(() => expect(proxy.hanging).toBe(0));
  expect(proxy.connections).toBeLessThanOrEqual(4);
});
