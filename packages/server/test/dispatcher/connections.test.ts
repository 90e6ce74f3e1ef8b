import net from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Connection, openConnections } from "../../src/dispatcher/connections.ts";
import type { Connector, ConnectTarget } from "../../src/dispatcher/connector.ts";
import { openDeadlines } from "../../src/dispatcher/deadlines.ts";
import { ConnectError, lookUpFailure } from "../../src/dispatcher/failures.ts";
import { type Operation, startReceiver } from "../support/scripted-receiver.ts";

const way = { address: null, dns: null, connect: null, tls: null };

const readRequest: Operation = { op: "read_request" };
const send = (data: string): Operation => ({ op: "send", data });
const empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const ok = [readRequest, send(empty)];
const okForever = Array.from({ length: 10 }, () => ok).flat();

/** Connections whose sockets all lead to one local receiver, whatever origin they are for. */
async function setup({
  originsMax = 100,
  script = okForever,
  connect = undefined as Connector["connect"] | undefined,
} = {}) {
  const receiver = await startReceiver(script);
  const targets: ConnectTarget[] = [];
  const deadlines = openDeadlines();
  const connections = openConnections(
    {
      connect(target, callback) {
        targets.push(target);
        if (connect) return connect(target, callback);
        const socket = net.connect(receiver.port, "127.0.0.1");
        socket.on("error", () => {}).once("connect", () => callback(null, socket));
        return { stage: "connecting", way, cancel: () => void socket.destroy() };
      },
    },
    deadlines,
    originsMax,
  );
  onTestFinished(async () => {
    connections.close();
    deadlines.close();
    await receiver.close();
  });
  const acquire = (origin = "http://a.example.com", fresh = false) =>
    connections.acquire(origin, { fresh });
  /** Posts on a connection; its answer's status, or the error. */
  const post = (connection: Connection, body = Buffer.from("{}")) =>
    new Promise<number | Error>((resolve) => {
      let status = 0;
      connections.dispatch(
        connection,
        { method: "POST", path: "/", headers: [], body },
        {
          onWriting: () => {},
          onWritten: () => {},
          onHeaders: (received) => {
            status = received;
          },
          onData: () => {},
          onComplete: () => resolve(status),
          onError: resolve,
        },
      );
    });
  /** A connection that has carried an exchange and lies idle. */
  const idle = async (origin?: string) => {
    const connection = acquire(origin, true);
    expect(await post(connection)).toBe(200);
    connections.release(connection);
    return connection;
  };
  return { connections, receiver, targets, acquire, post, idle };
}

const [a, b, c] = ["http://a.example.com", "http://b.example.com", "http://c.example.com"] as const;

test.each<[string, ConnectTarget]>([
  ["http://a.example.com", { hostname: "a.example.com", port: 80, secure: false }],
  ["https://a.example.com", { hostname: "a.example.com", port: 443, secure: true }],
  ["http://a.example.com:443", { hostname: "a.example.com", port: 443, secure: false }],
  ["http://[2001:db8::1]:8080", { hostname: "2001:db8::1", port: 8080, secure: false }],
  ["https://a.example.com:8443", { hostname: "a.example.com", port: 8443, secure: true }],
])("%s is connected to at its port, securely if it says so", async (origin, target) => {
  const { acquire, targets, post } = await setup({
    connect: () => ({ stage: "connecting", way, cancel() {} }),
  });
  void post(acquire(origin));
  await expect.poll(() => targets).toEqual([target]);
});

test.each([
  ["http://a.example.com", "a.example.com"],
  ["http://a.example.com:80", "a.example.com"],
  ["http://a.example.com:443", "a.example.com:443"],
  ["http://[2001:db8::1]", "[2001:db8::1]"],
  ["http://[2001:db8::1]:8080", "[2001:db8::1]:8080"],
  ["http://user:secret@A.example.com", "a.example.com"],
])("a request to %s is for the host %s", async (origin, host) => {
  const { acquire, post, receiver } = await setup();
  expect(await post(acquire(origin))).toBe(200);
  expect(receiver.requests[0]).toContain(`\r\nhost: ${host}\r\n`);
});

test("a connection says how far it is while it is opened, and nothing once it is open", async () => {
  const { acquire, post } = await setup();
  const connection = acquire();
  expect(connection).toMatchObject({ kept: false, connecting: undefined, socket: undefined });
  const answered = post(connection);
  await expect.poll(() => connection.connecting).toMatchObject({ stage: "connecting" });
  expect(await answered).toBe(200);
  expect(connection.connecting).toBeUndefined();
  expect(connection.socket).toBeInstanceOf(net.Socket);
});

test("the connection that was used last is the first to be used again, and none by two at once", async () => {
  const { acquire, idle, post, receiver } = await setup();
  const [first, second] = [await idle(), await idle()];
  expect(acquire()).toBe(second);
  expect(acquire()).toBe(first);
  expect(acquire().kept).toBe(false);
  // Both at once, each on its own.
  expect(await Promise.all([post(first), post(second)])).toEqual([200, 200]);
  expect(await post(first)).toBe(200);
  expect(receiver.connectionCount()).toBe(2);
  expect(receiver.requests).toHaveLength(5);
});

test("a caller who wants a fresh connection gets one although another is idle", async () => {
  const { acquire, idle } = await setup();
  const first = await idle();
  expect(acquire(a, true)).not.toBe(first);
  expect(acquire()).toBe(first);
});

test("a connection that was discarded is closed and never handed out again", async () => {
  const { connections, receiver, acquire, idle } = await setup();
  const [first, second, third] = [await idle(), await idle(), await idle()];
  const inUse = acquire();
  expect(inUse).toBe(third);
  connections.discard(inUse);
  connections.discard(first);
  await expect.poll(receiver.openCount).toBe(1);
  expect(acquire()).toBe(second);
  expect(acquire().kept).toBe(false);
});

test("a connection that is discarded twice counts once", async () => {
  const { connections, acquire, idle } = await setup();
  const [first, second] = [await idle(), await idle()];
  for (let n = 0; n < 3; n += 1) connections.discard(first);
  expect(acquire()).toBe(second);
});

test("a connection that is discarded while it is opened is opened no further", async () => {
  const cancel = vi.fn();
  const { connections, acquire, post } = await setup({
    connect: () => ({ stage: "connecting", way, cancel }),
  });
  const connection = acquire();
  const answered = post(connection);
  await expect.poll(() => connection.connecting).toBeDefined();
  connections.discard(connection);
  expect(cancel).toHaveBeenCalledTimes(1);
  expect(await answered).toBeInstanceOf(Error);
});

test("a connection whose socket has gone is not handed out", async () => {
  const { acquire, idle } = await setup();
  const [first, second] = [await idle(), await idle()];
  second.socket?.destroy();
  expect(acquire()).toBe(first);
  expect(second.discarded).toBe(true);
});

test("an idle connection that its receiver closes is not opened again", async () => {
  const { receiver, acquire, idle } = await setup();
  const connection = await idle();
  for (const socket of receiver.sockets) socket.destroy();
  await expect.poll(() => connection.discarded).toBe(true);
  expect(acquire().kept).toBe(false);
  expect(receiver.connectionCount()).toBe(1);
});

test("what the connector says reaches the request, and is not tried again", async () => {
  const error = new ConnectError(lookUpFailure("ENOTFOUND"));
  const { acquire, post, targets } = await setup({
    connect: (_target, callback) => {
      process.nextTick(callback, error, null);
      return { stage: "resolving", way, cancel() {} };
    },
  });
  const connection = acquire();
  expect(await post(connection)).toBe(error);
  await expect.poll(() => connection.discarded).toBe(true);
  expect(connection.connecting).toBeUndefined();
  expect(targets).toHaveLength(1);
});

test("a listener that throws on an error costs its connection and nothing else", async () => {
  const { connections, acquire } = await setup({ script: [readRequest, { op: "reset" }] });
  const connection = acquire();
  const onError = vi.fn(() => {
    throw new Error("a fault of ours");
  });
  connections.dispatch(
    connection,
    { method: "POST", path: "/", headers: [], body: null },
    {
      onWriting: () => {},
      onWritten: () => {},
      onHeaders: () => {},
      onData: () => {},
      onComplete: () => {},
      onError,
    },
  );
  await expect.poll(() => connection.discarded).toBe(true);
  expect(onError).toHaveBeenCalledTimes(1);
});

test("a request on a kept connection that is discarded in the same tick gets an error", async () => {
  const { connections, receiver, acquire, idle, post } = await setup();
  await idle();
  const connection = acquire();
  const answered = post(connection);
  connections.discard(connection);
  expect(await answered).toMatchObject({ failure: { reason: "connection_closed" } });
  expect(receiver.requests).toHaveLength(1);
});

test("of more than originsMax origins the one that was used least recently loses its idle connections", async () => {
  const { acquire, idle } = await setup({ originsMax: 2 });
  const first = [await idle(a), await idle(a)];
  const second = await idle(b);
  expect([...first, second].map((one) => one.discarded)).toEqual([false, false, false]);
  expect(acquire(a)).toBe(first[1]); // Now b is the one that was used least recently.
  acquire(c);
  expect([...first, second].map((one) => one.discarded)).toEqual([false, false, true]);
  expect(acquire(a)).toBe(first[0]);
  acquire(b);
  expect(first.map((one) => one.discarded)).toEqual([false, false]); // In use, and of a.
});

test("an origin that lost its place closes what is in use as it comes back, and keeps what is opened later", async () => {
  const { connections, acquire, post, idle } = await setup({ originsMax: 1 });
  const old = acquire(a);
  expect(await post(old)).toBe(200);
  acquire(b);
  expect(old.discarded).toBe(false);
  const later = await idle(a);
  connections.release(old);
  expect(old.discarded).toBe(true);
  expect(acquire(a)).toBe(later);
});

test("an origin without connections takes no place from another", async () => {
  const { connections, acquire, idle } = await setup({ originsMax: 2 });
  const first = await idle(a);
  for (const origin of [b, c, b]) connections.discard(acquire(origin));
  for (const origin of ["https://", "nonsense", "ftp://a.example.com"]) {
    expect(() => acquire(origin)).toThrow();
  }
  expect(first.discarded).toBe(false);
  // A second connection that goes leaves the first its place.
  connections.discard(acquire(a, true));
  expect(acquire(a)).toBe(first);
});

test("an origin that cannot be connected to keeps the connections it has", async () => {
  const { acquire, idle } = await setup();
  const first = await idle(a);
  expect(() => acquire("https://")).toThrow();
  expect(acquire(a)).toBe(first);
});

test("closing closes what is idle, of every origin", async () => {
  const { connections, receiver, idle, acquire, post } = await setup();
  const inUse = acquire(b);
  expect(await post(inUse)).toBe(200);
  await idle(a);
  await idle(b);
  await idle(b);
  expect(receiver.openCount()).toBe(4);
  connections.close();
  await expect.poll(receiver.openCount).toBe(1);
  connections.release(inUse);
  await expect.poll(receiver.openCount).toBe(0);
});

test("a head may have 16 KiB", async () => {
  const answered = async (length: number) => {
    const bare = "HTTP/1.1 200 OK\r\nA: \r\nContent-Length: 0\r\n\r\n";
    const head = bare.replace("A: ", `A: ${"x".repeat(length - bare.length)}`);
    const { acquire, post } = await setup({ script: [readRequest, send(head)] });
    return await post(acquire());
  };
  expect(await answered(16_384)).toBe(200);
  expect(await answered(16_385)).toMatchObject({ failure: { reason: "headers_too_large" } });
});

test("an answer may take its time: the deadlines of the exchange limit it", async () => {
  const { acquire, post } = await setup({
    script: [
      readRequest,
      { op: "sleep", ms: 60 },
      send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"),
      { op: "sleep", ms: 60 },
      send("k"),
    ],
  });
  expect(await post(acquire())).toBe(200);
});

test.each([100, 102, 103, 199])(
  "an interim answer %i that nobody asked for is passed over",
  async (status) => {
    const interim = send(`HTTP/1.1 ${status} X\r\n\r\n`);
    const { acquire, post, connections } = await setup({
      script: [readRequest, interim, interim, send(empty), ...ok],
    });
    const connection = acquire();
    expect(await post(connection)).toBe(200);
    connections.release(connection);
    expect(acquire()).toBe(connection);
    expect(await post(connection)).toBe(200);
  },
);

test.each([200, 201, 500])(
  "what has come of an answer is kept until the head of the %i is complete",
  async (status) => {
    const good = `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`;
    const bad = `HTTP/1.1 ${status} X\r\nX-A : b\r\n\r\nbad`;
    const interim = send("HTTP/1.1 103 E\r\nLink: x\r\n\r\n");
    const { acquire, post, connections } = await setup({
      script: [readRequest, interim, send(good), readRequest, interim, send(bad)],
    });
    const connection = acquire();
    expect(await post(connection)).toBe(status);
    expect(connection.answer.read()).toBeUndefined();
    connections.release(connection);
    expect(await post(acquire())).toMatchObject({ failure: { reason: "protocol_error" } });
    expect(connection.answer.read()).toMatchObject({ status, body: "bad" });
  },
);

test("a connection that still holds part of a request is closed as it comes back", async () => {
  const { acquire, post, connections } = await setup({
    script: [{ op: "pause_reading" }, send(empty), { op: "hold" }],
  });
  const connection = acquire();
  expect(await post(connection, Buffer.alloc(20_000_000))).toBe(200);
  connections.release(connection);
  expect(connection.discarded).toBe(true);
});
