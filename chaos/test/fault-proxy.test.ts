import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../packages/server/src/db/pool.ts";
import { openCommitWatch } from "../fault-proxy.ts";
import { openProxiedDatabase } from "./proxied-database.ts";

/** A database behind a proxy, and one line to it past the proxy. */
async function setup() {
  const { proxy, url, direct: directUrl } = await openProxiedDatabase(["insert_one"]);
  const connect = async (connectionString: string, options: pg.ClientConfig = {}) => {
    const client = new pg.Client({ connectionString, ...options });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  };
  const direct = await connect(directUrl);
  await direct.query("create table numbers (number int)");
  const count = async () => {
    const { rows } = await direct.query("select count(*)::int as count from numbers");
    return rows[0].count as number;
  };
  return {
    proxy,
    url,
    connect: (options?: pg.ClientConfig) => connect(url, options),
    count,
  };
}

test("a cut commit has happened, but its answer does not come back", async () => {
  const { proxy, connect, count } = await setup();
  const client = await connect();
  proxy.cutCommits(1);
  await client.query("begin");
  await client.query("insert into numbers values (1)");
  await expect(client.query("commit")).rejects.toThrow();
  expect(await count()).toBe(1);
  expect(proxy.commitsCut).toBe(1);

  const next = await connect();
  await next.query("begin; insert into numbers values (2)");
  await next.query("commit");
  expect(await count()).toBe(2);
});

test("a cut commit has happened also where nobody waited for the answers before it", async () => {
  const { proxy, connect, count } = await setup();
  const client = await connect({ pipeline: true });
  proxy.cutCommits(1);
  // The answer to the insert may come together with the commit's, or before.
  const [began, , committed] = await Promise.allSettled([
    client.query("begin"),
    client.query("insert into numbers select 1 from pg_sleep(0.2)"),
    client.query("commit"),
  ]);
  expect([began.status, committed.status]).toEqual(["fulfilled", "rejected"]);
  expect(await count()).toBe(1);
  expect(proxy.commitsCut).toBe(1);
});

test("the answer of a named statement that commits by itself is cut as well", async () => {
  const { proxy, connect, count } = await setup();
  const client = await connect();
  const insert = (name: string) =>
    client.query({ name, text: "insert into numbers values ($1)", values: [1] });
  proxy.cutCommits(1);
  await insert("another_name");
  await expect(insert("insert_one")).rejects.toThrow();
  expect(await count()).toBe(2);
});

test("what a black hole holds passes when it heals, in order", async () => {
  const { proxy, connect } = await setup();
  const client = await connect();
  proxy.blackhole();
  expect(proxy.open).toBe(false);
  const answers: number[] = [];
  const asked = [1, 2, 3].map((number) =>
    client.query("select $1::int as number", [number]).then(({ rows }) => {
      answers.push(rows[0].number);
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answers).toEqual([]);
  proxy.heal();
  await Promise.all(asked);
  expect(answers).toEqual([1, 2, 3]);
});

test("a delay holds every answer, and a reset breaks every connection", async () => {
  const { proxy, connect } = await setup();
  const client = await connect();
  proxy.delay(50);
  const startedAtMs = performance.now();
  await client.query("select 1");
  expect(performance.now() - startedAtMs).toBeGreaterThan(90);
  proxy.heal();
  const slow = client.query("select pg_sleep(30)");
  const failed = expect(slow).rejects.toThrow(/ECONNRESET|terminated/);
  proxy.reset();
  await failed;
});

test("a half-open connection costs a transaction one timeout, and is not used again", {
  timeout: 30_000,
}, async () => {
  const { proxy, url } = await setup();
  const database = openDatabase({
    url,
    name: "test",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 100,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  const startedAtMs = performance.now();
  const hanging = database.begin(async (tx) => {
    proxy.halfOpen();
    await tx`select 1`;
  });
  await expect(hanging).rejects.toThrow("Query read timeout");
  // Five seconds over the statement's own limit, and not the same again for a rollback.
  expect(performance.now() - startedAtMs).toBeLessThan(8_000);
  expect(await database.begin((tx) => tx`select 1 as one`)).toEqual([{ one: 1 }]);
});

test("a commit is found however its bytes are divided", () => {
  const commit = Buffer.concat([message("Q", "commit\0")]);
  const bytes = Buffer.concat([
    startup(),
    message("Q", "begin; select now()\0"),
    message("B", "\0insert_one\0rest"),
    message("E", "\0\0\0\0\0"),
    message("S", ""),
    commit,
  ]);
  for (const size of [1, 3, 7, bytes.length]) {
    const watch = openCommitWatch(["insert_one"]);
    const found: number[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      found.push(...watch(bytes.subarray(at, at + size)));
    }
    // Of the answers to startup, `begin`, the named statement and `commit`.
    expect(found, `in chunks of ${size}`).toEqual([3, 4]);
  }
});

function message(type: string, body: string): Buffer {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(4 + Buffer.byteLength(body), 1);
  return Buffer.concat([header, Buffer.from(body)]);
}

function startup(): Buffer {
  const body = Buffer.from("\0\x03\0\0user\0postgres\0\0");
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([length, body]);
}
