import { expect, onTestFinished, test, vi } from "vitest";
import { openWake } from "../../src/dispatcher/wake.ts";

type Connection = {
  options: Record<string, unknown>;
  done: string[];
  /** The server, or the line, ends it. */
  drop(): void;
  notify(payload: string | undefined): void;
  complain(error: Error): void;
};

/** Connections in the order in which they were opened, and what the next ones do. */
const server = vi.hoisted(() => ({
  connections: [] as unknown[],
  refuses: false,
  /** What the tries to lock come to, one after the other; then they succeed. */
  locks: [] as boolean[],
  pauses: [] as unknown[],
}));

vi.mock("pg", async () => {
  const { EventEmitter } = await import("node:events");
  class Client extends EventEmitter {
    readonly done: string[] = [];
    constructor(options: unknown) {
      super();
      server.connections.push({
        options,
        done: this.done,
        drop: () => this.emit("end"),
        notify: (payload: unknown) => this.emit("notification", { payload }),
        complain: (error: Error) => this.emit("error", error),
      });
    }
    async connect() {
      this.done.push("connect");
      if (server.refuses) throw new Error("refused");
    }
    async query(text: string) {
      this.done.push(text);
    }
    async end() {
      this.done.push("end");
      this.emit("end");
    }
  }
  return { default: { Client } };
});

vi.mock("node:timers/promises", () => ({
  setTimeout: (ms: number, _value: undefined, options: unknown) => {
    server.pauses.push(options);
    return new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  },
}));

vi.mock("../../src/db/session.ts", () => ({
  prepareSession: async ({ done }: { done: string[] }, options: unknown) => {
    done.push(`prepare ${JSON.stringify(options)}`);
  },
}));

vi.mock("../../src/db/lease-owners.ts", () => ({
  lockAsOwner: async ({ done }: { done: string[] }, owner: string) => {
    done.push(`lock ${owner}`);
    return server.locks.shift() ?? true;
  },
}));

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function openWorld({ refuses = false, locks = [] as boolean[] } = {}) {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  Object.assign(server, { connections: [], refuses, locks: [...locks], pauses: [] });
  const heard: unknown[] = [];
  const errors: string[] = [];
  let gaps = 0;
  const wake = openWake({
    databaseUrl: "postgres://there/",
    leaseOwner: "me",
    onNotification: (notification) => heard.push(notification),
    onGap: () => gaps++,
    onError: (error) => errors.push((error as Error).message),
  });
  await pass();
  const connections = server.connections as Connection[];
  return { wake, heard, errors, connections, gaps: () => gaps };
}

const at = (connections: Connection[], index: number): Connection => {
  const connection = connections[index];
  if (!connection) throw new Error(`There is no connection ${index}.`);
  return connection;
};

const beginning = [
  "connect",
  'prepare {"statementTimeoutMs":10000}',
  "lock me",
  "listen postrider",
];

test("it listens on a connection that says whose it is, and locks for its process", async () => {
  const { connections, gaps } = await openWorld();
  expect(connections).toMatchObject([
    {
      options: {
        connectionString: "postgres://there/",
        application_name: "postrider listen",
        keepAlive: true,
        connectionTimeoutMillis: 10_000,
      },
      done: beginning,
    },
  ]);
  expect(gaps()).toBe(1);
});

test.each([
  { payload: '{"due":"a"}', told: [{ due: "a" }] },
  { payload: '{"subscription":"a"}', told: [{ subscription: "a" }] },
  { payload: '{"due":1}', told: [] },
  { payload: '{"subscription":null}', told: [] },
  { payload: '{"other":"a"}', told: [] },
  { payload: '"due"', told: [] },
  { payload: "null", told: [] },
  { payload: "7", told: [] },
  { payload: "due", told: [] },
  { payload: "", told: [] },
  { payload: undefined, told: [] },
])("of the notification $payload it tells $told", async ({ payload, told }) => {
  const { connections, heard, errors } = await openWorld();
  at(connections, 0).notify(payload);
  expect([heard, errors]).toEqual([told, []]);
});

test("after a lost connection it reconnects after a second, and reports the gap each time", async () => {
  const { connections, gaps } = await openWorld();
  for (let lost = 1; lost <= 3; lost++) {
    at(connections, lost - 1).drop();
    await pass(999);
    expect(connections).toHaveLength(lost);
    await pass(1);
    expect(connections).toHaveLength(lost + 1);
    expect(at(connections, lost).done).toEqual(beginning);
    expect(gaps()).toBe(lost + 1);
  }
});

test("an error of the connection is reported, and loses nothing by itself", async () => {
  const { connections, errors } = await openWorld();
  at(connections, 0).complain(new Error("reset"));
  await pass(5_000);
  expect([errors, connections.length]).toEqual([["reset"], 1]);
});

test("a server that refuses is asked every second, one request at a time, and each refusal is reported", async () => {
  const { connections, errors, gaps } = await openWorld({ refuses: true });
  expect(at(connections, 0).done).toEqual(["connect", "end"]);
  await pass(999);
  expect(connections).toHaveLength(1);
  await pass(1);
  expect([connections.length, errors, gaps()]).toEqual([2, ["refused", "refused"], 0]);
  server.refuses = false;
  await pass(1_000);
  expect([connections.length, errors.length, gaps()]).toEqual([3, 2, 1]);
  await pass(5_000);
  expect(connections).toHaveLength(3);
});

test("while an earlier session of the process has the lock it asks every second, and not after that", async () => {
  const { connections } = await openWorld({ locks: [false, false, true] });
  const tries = () => at(connections, 0).done.filter((done) => done === "lock me").length;
  expect(tries()).toBe(1);
  await pass(999);
  expect(tries()).toBe(1);
  await pass(1);
  expect(tries()).toBe(2);
  await pass(1_000);
  expect(tries()).toBe(3);
  await pass(5_000);
  expect(tries()).toBe(3);
  // No process is kept alive by the wait.
  expect(server.pauses).toEqual([{ ref: false }, { ref: false }]);
});

test("a session that is lost asks for the lock no more", async () => {
  const { connections } = await openWorld({ locks: [false, true] });
  at(connections, 0).drop();
  server.locks = [false, true];
  await pass(1_000);
  const before = at(connections, 0).done.length;
  await pass(5_000);
  expect(at(connections, 0).done).toHaveLength(before);
});

test("closing ends the connection and all that was to come", async () => {
  const locking = await openWorld({ locks: [false, false, false] });
  await locking.wake.close();
  await pass(5_000);
  expect(locking.connections).toHaveLength(1);
  expect(at(locking.connections, 0).done).toEqual([...beginning, "end"]);
  const waiting = await openWorld({ refuses: true });
  await waiting.wake.close();
  await pass(5_000);
  expect([waiting.connections.length, waiting.errors.length]).toEqual([1, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a connection that fails because it is closed is no error", async () => {
  const world = await openWorld();
  at(world.connections, 0).drop();
  server.refuses = true;
  vi.advanceTimersByTime(1_000);
  const closing = world.wake.close();
  await pass(5_000);
  await closing;
  expect([world.errors, world.connections.length]).toEqual([[], 2]);
});
