import net from "node:net";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { describeDatabaseUrl, parseDatabaseUrl, secretsOfUrls } from "../../src/database-url.ts";
import { clientOf } from "../../src/db/connect.ts";
import { openDatabase } from "../../src/db/pool.ts";
import { createDatabase } from "../support/postgres.ts";

test.each([
  ["postgresql://u:p@a/db", ["postgresql://u:p@a/db"], false],
  ["postgres://a:5433/db?sslmode=require", ["postgres://a:5433/db?sslmode=require"], false],
  ["postgresql://u@a,b:5433/db", ["postgresql://u@a/db", "postgresql://u@b:5433/db"], true],
  ["postgresql://[::1]:1,[::2]/db", ["postgresql://[::1]:1/db", "postgresql://[::2]/db"], true],
  ["postgresql://a/db?target_session_attrs=read-write", ["postgresql://a/db"], true],
  [
    "postgresql://a,b/db?target_session_attrs=any",
    ["postgresql://a/db", "postgresql://b/db"],
    false,
  ],
  [
    "postgresql://a,b/db?target_session_attrs=primary&sslmode=require",
    ["postgresql://a/db?sslmode=require", "postgresql://b/db?sslmode=require"],
    true,
  ],
  ["postgresql:///db?host=a,b&port=1,2", ["postgresql://a:1/db", "postgresql://b:2/db"], true],
  [
    "postgresql://u@localhost:5432/db?host=/x,/y",
    ["postgresql://u@localhost:5432/db?host=%2Fx", "postgresql://u@localhost:5432/db?host=%2Fy"],
    true,
  ],
  [
    "postgresql://u:p%40ss@a,b/db",
    ["postgresql://u:p%40ss@a/db", "postgresql://u:p%40ss@b/db"],
    true,
  ],
])("a database URL is read as libpq reads it: %s", (text, urls, mustWrite) => {
  expect(parseDatabaseUrl(text)).toEqual({ urls, mustWrite });
});

test.each([
  "mysql://a/db",
  "postgresql://a:port/db",
  "postgresql://a:1:2/db",
  "postgresql://a,b/db?port=1,2,3",
  "postgresql://a,b/db?target_session_attrs=standby",
  "postgresql://a/db?target_session_attrs=read-only",
  `postgresql://${Array.from({ length: 17 }, (_, at) => `h${at}`).join(",")}/db`,
  "postgresql://a b/db",
])("what is no URL of a database that can be written to is refused: %s", (text) => {
  expect(parseDatabaseUrl(text)).toBeUndefined();
});

test("a database is described by its hosts, name and user, and its secrets are known in every spelling", () => {
  const url = "postgresql://app:p%40ss@a:5433,b/db?sslmode=require";
  expect(describeDatabaseUrl(url)).toBe("db at a:5433, b:5432 as app");
  expect(secretsOfUrls([url, undefined, "http://u:other@proxy"])).toEqual([
    "p%40ss",
    "other",
    "p@ss",
  ]);
  expect(secretsOfUrls(["postgresql://a/db?password=in-query"])).toEqual(["in-query"]);
});

/** One address that leads to a server, or to none: each connection is counted. */
async function openEntrance(databaseUrl: string) {
  const directory = new URL(databaseUrl).searchParams.get("host");
  const open = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((client) => {
    connections += 1;
    const upstream = net.connect(`${directory}/.s.PGSQL.5432`);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const listen = () => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  let port = 0;
  await listen();
  port = (server.address() as net.AddressInfo).port;
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
  onTestFinished(async () => {
    if (server.listening) await close();
  });
  return { place: `127.0.0.1:${port}`, close, connections: () => connections };
}

/** Two ways to two databases of one server; which of them can be written to is a setting of the database. */
async function openPair() {
  const [one, other] = [await createDatabase(), await createDatabase()];
  onTestFinished(() => Promise.all([one.drop(), other.drop()]).then(() => {}));
  return { one, other };
}

const whichOf = async (client: pg.Client) => {
  await client.connect();
  try {
    const { rows } = await client.query("select inet_server_port() as port, current_user as name");
    return rows[0];
  } finally {
    await client.end();
  }
};

test("of several hosts the next is asked when one does not answer, and the one that answered is asked first from then on", async () => {
  const { one } = await openPair();
  const entrance = await openEntrance(one.url);
  const { username, pathname } = new URL(one.url);
  const url = `postgresql://${username}@127.0.0.1:1,${entrance.place}${pathname}`;
  const options = { connectionTimeoutMillis: 5_000 };
  expect(await whichOf(clientOf(url, options))).toMatchObject({ name: username });
  // A look and the connection itself.
  expect(entrance.connections()).toBe(2);
  expect(await whichOf(clientOf(url, options))).toMatchObject({ name: username });
  expect(entrance.connections()).toBe(4);
});

test("a host that cannot be written to is passed over, a single one refused, and both say why", async () => {
  const { one } = await openPair();
  const name = new URL(one.url).pathname.slice(1);
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: one.url });
    await client.connect();
    await client.query("set default_transaction_read_only = off");
    await client.query(statement);
    await client.end();
  };
  await run(`alter database ${name} set default_transaction_read_only = on`);
  onTestFinished(() => run(`alter database ${name} reset default_transaction_read_only`));
  const single = `${one.url}&target_session_attrs=read-write`;
  await expect(clientOf(single, {}).connect()).rejects.toMatchObject({
    code: "25006",
    message: "no host in DATABASE_URL is read-write",
  });
  await run(`alter database ${name} reset default_transaction_read_only`);
  expect(await whichOf(clientOf(single, {}))).toBeDefined();
});

test("a pool goes to another host when the one that it had is gone, in the same try", async () => {
  const { one } = await openPair();
  const [first, second] = [await openEntrance(one.url), await openEntrance(one.url)];
  const { username, pathname } = new URL(one.url);
  const database = openDatabase({
    url: `postgresql://${username}@${first.place},${second.place}${pathname}`,
    name: "test",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 5_000,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  await database.sql`select 1`;
  // Each was looked at, and the first one taken.
  expect([first.connections(), second.connections()]).toEqual([2, 1]);
  await first.close();
  // The connection that it had kept may fail once; a new one does not.
  await database.sql`select 1`.catch(() => {});
  expect(await database.sql`select 1 as one`).toEqual([{ one: 1 }]);
  expect(second.connections()).toBeGreaterThanOrEqual(3);
});

test("a password that every host refuses is reported as that, and not as unreachable hosts", async () => {
  const { one } = await openPair();
  const entrance = await openEntrance(one.url);
  const url = `postgresql://nobody-of-this-name@127.0.0.1:1,${entrance.place}/postgres`;
  await expect(clientOf(url, {}).connect()).rejects.toMatchObject({ code: "28000" });
});
