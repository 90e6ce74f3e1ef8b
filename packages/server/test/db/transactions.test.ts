import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isStorageUnavailable, openDatabase } from "../../src/db/sql.ts";
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

test("when one of them fails nothing is written, and the caller hears what that one has to say", async () => {
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

test("the caller hears of the first failure, also when he looks at a later statement first", async () => {
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

test("a connection that is ended in the moment it is made fails its transaction, and not the process", async () => {
  const url = await openEndingServer();
  const database = openDatabase({
    url,
    name: "test",
    role: "owner",
    connectionsMax: 1,
    statementTimeoutMs: 1_000,
    onError: () => {},
  });
  onTestFinished(() => database.close());
  const failure = await database
    .begin((tx) => tx`select 1`)
    .then(
      () => undefined,
      (error: unknown) => error,
    );
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
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(packet));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postrider`;
}
