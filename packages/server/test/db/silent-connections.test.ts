import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import pg from "pg";
import { expect, onTestFinished, test, vi } from "vitest";
import { openDatabase } from "../../src/db/pool.ts";
import { createDatabase } from "../support/postgres.ts";

const statementTimeoutMs = 30_000;

/** A way to PostgreSQL on which connections can fall silent: no byte passes any more, and nobody closes them. */
async function openWay(databaseUrl: string) {
  const { host, port, user = "", database = "" } = new pg.Client({ connectionString: databaseUrl });
  const sockets = new Set<Socket>();
  const open = new Set<() => void>();
  const server = net.createServer((client) => {
    const upstream = host.startsWith("/")
      ? net.connect(`${host}/.s.PGSQL.${port}`)
      : net.connect(port, host);
    for (const socket of [client, upstream]) {
      sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    }
    client.pipe(upstream).pipe(client);
    const silence = () => {
      client.unpipe().resume();
      upstream.unpipe().destroy();
    };
    open.add(silence);
    client.on("close", () => open.delete(silence));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `postgresql://${user}@127.0.0.1:${(server.address() as AddressInfo).port}/${database}`,
    silenceAll() {
      for (const silence of open) silence();
    },
    get connections() {
      return open.size;
    },
  };
}

test("when one connection has fallen silent, no later statement waits for another one that was open then", async () => {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  const way = await openWay(url);
  const openPool = (name: string) => {
    const database = openDatabase({
      url: way.url,
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
  expect(way.connections).toBe(6);

  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  way.silenceAll();
  const first = facts.sql`select 1`.then(String, (error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(statementTimeoutMs + 5_000);
  expect(await first).toBe("Query read timeout");

  // No time passes from here on: they have other connections.
  expect(await Promise.all([1, 2, 3].map(() => facts.sql`select 2 as two`))).toEqual(
    [1, 2, 3].map(() => [{ two: 2 }]),
  );
  expect(await lists.begin((tx) => tx`select 2 as two`)).toEqual([{ two: 2 }]);
  // The silent ones are closed, and do not wait for an answer to their farewell.
  await vi.waitFor(() => expect(way.connections).toBeLessThanOrEqual(4));
});
