import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { isStorageUnavailable } from "../../src/db/errors.ts";
import { openDatabase } from "../../src/db/pool.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { describeThrown } from "../../src/log.ts";
import { openHouse } from "../support/house.ts";

test("statements that do not wait for each other run in their order, and COMMIT right behind them", async () => {
  const { database } = await openHouse({ started: false });
  const written = await database.beginReading(async (tx) => {
    const found = tx<{ count: number }>`select count(*)::int as count from teams where id = 'a'`;
    await tx.now;
    const inserted = tx`insert into teams (id, name) values ('a', 'first')`;
    const renamed = tx<{
      name: string;
    }>`update teams set name = 'second' where id = 'a' returning name`;
    return await tx.commitBehind(Promise.all([found, inserted, renamed]));
  });
  expect(written).toEqual([[{ count: 0 }], [], [{ name: "second" }]]);
  expect(await database.sql`select name from teams where id = 'a'`).toEqual([{ name: "second" }]);
});

test("when one statement fails, nothing is written, and the caller gets that statement's error", async () => {
  const { database } = await openHouse({ started: false });
  const failing = database.beginReading(async (tx) => {
    await tx.now;
    return await tx.commitBehind(
      Promise.all([
        tx`insert into teams (id, name) values ('a', 'first')`,
        tx`insert into teams (id, name) values ('a', 'again')`,
        tx`insert into teams (id, name) values ('b', 'late')`,
      ]),
    );
  });
  await expect(failing).rejects.toMatchObject({ code: "23505" });
  expect(await database.sql`select id from teams where id in ('a', 'b')`).toEqual([]);
  // The connection is whole: the next transaction works.
  await database.begin((tx) => tx`insert into teams (id, name) values ('a', 'first')`);
  expect(await database.sql`select id from teams where id in ('a', 'b')`).toEqual([{ id: "a" }]);
});

test("the caller gets the first failure, even if he awaits a later statement first", async () => {
  const { database } = await openHouse({ started: false });
  const failing = database.begin(async (tx) => {
    const first = tx`select 1 / 0`;
    const later = tx`select 1`;
    await Promise.all([first.catch(() => new Promise(() => {})), later]);
  });
  await expect(failing).rejects.toMatchObject({ code: "22012" });
});

test("when one of them fails before it leaves, COMMIT does not leave either", async () => {
  const { database } = await openHouse({ started: false });
  const unwritable = {
    toPostgres() {
      throw new Error("cannot be written");
    },
  };
  const failing = database.beginReading(async (tx) => {
    await tx.now;
    return await tx.commitBehind(
      Promise.all([
        tx`insert into teams (id, name) values ('a', 'first')`,
        tx`insert into teams (id, name) values ('b', ${unwritable})`,
      ]),
    );
  });
  await expect(failing).rejects.toThrow("cannot be written");
  expect(await database.sql`select id from teams where id in ('a', 'b')`).toEqual([]);
});

test("a statement after the commit is refused, for it would run outside of the transaction", async () => {
  const { database } = await openHouse({ started: false });
  const late = database.begin(async (tx) => {
    await tx.commitBehind(Promise.resolve());
    await tx`insert into teams (id, name) values ('a', 'late')`;
  });
  await expect(late).rejects.toThrow("a statement came after the commit");
  expect(await database.sql`select id from teams where id = 'a'`).toEqual([]);
});

test("a single statement of a team is a transaction: committed when it answers, and undone when it fails", async () => {
  const { ingest, teamId, database } = await openHouse({ started: false });
  const { sql } = ingest.forTeams([teamId]);
  const named = await sql<{ name: string }>`update teams set name = 'new' returning name`;
  expect(named).toEqual([{ name: "new" }]);
  await expect(sql`update teams set name = (1 / 0)::text`).rejects.toMatchObject({ code: "22012" });
  // Of two at once each has its own answer, on whichever connection.
  const [one, other] = await Promise.allSettled([sql`select 1 / 0`, sql`select id from teams`]);
  expect([one.status, other]).toEqual([
    "rejected",
    { status: "fulfilled", value: [{ id: teamId }] },
  ]);
  expect(await database.sql`select name from teams where id = ${teamId}`).toEqual([
    { name: "new" },
  ]);
});

test("a commit that the server turns into a rollback is a failure, not a success", async () => {
  const { database, ingest, teamId } = await openHouse({ started: false });
  // A statement whose failure somebody has swallowed: COMMIT is answered with ROLLBACK, and with no error.
  const swallowed = async (tx: Tx) => {
    await tx`insert into teams (id, name) values ('a', 'first')`;
    await tx`select 1 / 0`.catch(() => {});
  };
  const rolledBack = "the transaction was rolled back";
  await expect(database.begin(swallowed)).rejects.toThrow(rolledBack);
  await expect(database.beginReading(swallowed)).rejects.toThrow(rolledBack);
  const { begin } = ingest.forTeams([teamId]);
  const ofTeam = begin((tx) => tx`select 1 / 0`.catch(() => {}));
  await expect(ofTeam).rejects.toThrow(rolledBack);
  expect(await database.sql`select id from teams where id = 'a'`).toEqual([]);
});

/** What a pool of ours fails with, given a server that is not as it should be. */
async function failureAt(url: string, statementTimeoutMs = 1_000): Promise<unknown> {
  const database = openDatabase({
    url,
    name: "test",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  return await database.sql`select 1`.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("what the driver says by its words alone is understood as a database that is away", async () => {
  const { databaseUrl, database } = await openHouse({ started: false });
  // Nobody answers at all: a pool's connection, and one of its own.
  const silent = await openServer((socket) => socket.on("error", () => {}));
  const client = new pg.Client({ connectionString: silent, connectionTimeoutMillis: 50 });
  client.on("error", () => {});
  const own = await client.connect().then(String, (error: unknown) => error);
  const pooled = new pg.Pool({ connectionString: silent, connectionTimeoutMillis: 50 });
  onTestFinished(() => pooled.end());
  const unmade = await pooled.connect().then(String, (error: unknown) => error);
  // The connection is cut in the middle; between two statements.
  const cut = await failureAt(
    await openServer((socket) => socket.once("data", () => socket.destroy())),
  );
  const idle = new pg.Client({ connectionString: databaseUrl });
  await idle.connect();
  const lost = once(idle, "error");
  // It may report the end once more.
  idle.on("error", () => {});
  await database.sql`
    select pg_terminate_backend(${(idle as unknown as { processID: number }).processID})`;
  await lost;
  const broken = await idle.query("select 1").then(String, (error: unknown) => error);
  // Every connection of the pool is taken; it has been closed.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: 50 });
  const taken = await pool.connect();
  const full = await pool.connect().then(String, (error: unknown) => error);
  // The server does not answer a statement.
  const late = await taken
    .query(Object.assign({ text: "select pg_sleep(1)" }, { query_timeout: 50 }))
    .then(String, (error: unknown) => error);
  taken.release(true);
  await pool.end();
  const closed = await pool.connect().then(String, (error: unknown) => error);

  const errors = { own, unmade, cut, broken, full, late, closed };
  const messages = Object.entries(errors).map(([name, error]) => [name, (error as Error).message]);
  expect(Object.fromEntries(messages)).toEqual({
    own: "timeout expired",
    unmade: "Connection terminated due to connection timeout",
    cut: "Connection terminated unexpectedly",
    broken: "Client has encountered a connection error and is not queryable",
    full: "timeout exceeded when trying to connect",
    late: "Query read timeout",
    closed: "Cannot use a pool after calling end on the pool",
  });
  for (const [name, error] of Object.entries(errors)) {
    expect([name, isStorageUnavailable(error)]).toEqual([name, true]);
    // Each is one of the few texts that the log keeps.
    expect(describeThrown(error).message).toBe((error as Error).message);
  }
  expect(isStorageUnavailable(await database.sql`select 1 / 0`.catch((error) => error))).toBe(
    false,
  );
});

test("a connection that is ended in the moment it is made fails its transaction, and not the process", async () => {
  const url = await openEndingServer();
  const failure = await failureAt(url);
  expect(failure).toBeInstanceOf(Error);
  expect(isStorageUnavailable(failure)).toBe(true);
});

/**
 * Speaks PostgreSQL's protocol as far as "ready for query", and says in the same packet that an administrator ended
 * the connection: PostgreSQL itself comes to that only now and then.
 */
async function openEndingServer(): Promise<string> {
  const message = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const ended = "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
  const packet = Buffer.concat([
    message("R", Buffer.alloc(4)), // authenticated
    message("Z", Buffer.from("I")), // ready, and idle
    message("E", Buffer.from(ended)),
  ]);
  return await openServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(packet));
  });
}

/** Something that listens where PostgreSQL is looked for. */
async function openServer(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer(onConnection);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postrider`;
}
