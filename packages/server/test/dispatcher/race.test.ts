import { once } from "node:events";
import net from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { openConnector } from "../../src/dispatcher/connector.ts";
import { openDeadlines } from "../../src/dispatcher/deadlines.ts";
import { ConnectError } from "../../src/dispatcher/failures.ts";
import { type OpenCallback, type OpenInSteps, race } from "../../src/dispatcher/race.ts";
import { openSender, type SenderOptions } from "../../src/dispatcher/send.ts";
import { openSocket, type SocketTarget } from "../../src/dispatcher/sockets.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { openBlackHole } from "../support/black-hole.ts";
import { startNameServer } from "../support/name-server.ts";
import {
  type Operation,
  startReceiver,
  type TlsScenario,
  testAuthority,
} from "../support/scripted-receiver.ts";

/** One answer a connection, so that each request opens one of its own. */
const ok: Operation[] = [
  { op: "read_request" },
  { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
];
const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);

/** A receiver, a name server that tells `addresses` of it, and a sender whose sockets are watched. */
async function setup(
  addresses: readonly string[],
  options: {
    port?: number;
    tls?: TlsScenario;
    script?: Operation[];
    sender?: Partial<SenderOptions>;
  } = {},
) {
  const receiver = await startReceiver(options.script ?? ok, options.tls, options.port);
  const names = await startNameServer({ "a.example.com": { a: addresses } });
  const opened: { address: string; atMs: number; socket: net.Socket }[] = [];
  const sender = openSender({
    egressAllow: loopback,
    tlsCa: testAuthority,
    resolverFiles: { hostsFile: "/nonexistent", nameServers: [names.address] },
    connectSocket: (target: SocketTarget) => {
      const socket = openSocket(target);
      opened.push({ address: target.address, atMs: performance.now(), socket });
      return socket;
    },
    ...options.sender,
  });
  onTestFinished(async () => {
    await sender.close();
    await names.close();
    await receiver.close();
  });
  const post = (timeoutMs = 5_000) =>
    sender.send({
      origin: `${options.tls ? "https" : "http"}://a.example.com:${receiver.port}`,
      path: "/",
      headers: [],
      body: Buffer.from("{}"),
      timeoutMs,
    });
  return { receiver, opened, post };
}

test.each([undefined, "valid"] as const)(
  "an address that swallows SYNs gives way to the living one after 250 ms, and its socket is closed (TLS: %s)",
  async (tls) => {
    const hole = await openBlackHole("127.0.0.2");
    onTestFinished(() => hole.close());
    const { receiver, opened, post } = await setup(["127.0.0.2", "127.0.0.1"], {
      port: hole.port,
      ...(tls && { tls }),
    });
    for (let n = 1; n <= 4; n += 1) {
      const { result, latencyMs } = await post();
      expect(result).toMatchObject({ kind: "responded", status: 200 });
      expect(latencyMs).toBeGreaterThanOrEqual(240);
      expect(latencyMs).toBeLessThan(1_500);
    }
    const [first, second] = opened;
    expect([first?.address, second?.address]).toEqual(["127.0.0.2", "127.0.0.1"]);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(240);
    expect(
      opened
        .filter(({ address }) => address === "127.0.0.2")
        .every(({ socket }) => socket.destroyed),
    ).toBe(true);
    expect(receiver.requests).toHaveLength(4);
  },
);

test("an address that refuses gives way to the next one at once", async () => {
  const { opened, post } = await setup(["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
  const { result, latencyMs } = await post();
  expect(result).toMatchObject({ status: 200 });
  expect(latencyMs).toBeLessThan(240);
  expect(opened.map(({ address }) => address)).toEqual(["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
});

test("two silent addresses cost half a second, and a refusal between them none", async () => {
  const hole = await openBlackHole("127.0.0.2");
  const other = await openBlackHole("127.0.0.4", hole.port);
  onTestFinished(async () => void (await Promise.all([hole.close(), other.close()])));
  const { opened, post } = await setup(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"], {
    port: hole.port,
  });
  const { result, latencyMs } = await post();
  expect(result).toMatchObject({ status: 200 });
  expect(latencyMs).toBeGreaterThanOrEqual(490);
  expect(latencyMs).toBeLessThan(1_500);
  expect(opened.map(({ address }) => address)).toEqual([
    "127.0.0.2",
    "127.0.0.3",
    "127.0.0.4",
    "127.0.0.1",
  ]);
});

test("all addresses together have the one deadline of the attempt, and leave no socket behind", async () => {
  const hole = await openBlackHole("127.0.0.2");
  const other = await openBlackHole("127.0.0.3", hole.port);
  onTestFinished(async () => void (await Promise.all([hole.close(), other.close()])));
  const { opened, post } = await setup(["127.0.0.2", "127.0.0.3"], { port: hole.port });
  const { result, latencyMs } = await post(700);
  expect(result).toEqual({
    kind: "unanswered",
    reason: "timeout",
    detail: "The receiver did not accept the connection within 700 ms.",
  });
  expect(latencyMs).toBeLessThan(1_000);
  expect(opened).toHaveLength(2);
  expect(opened.every(({ socket }) => socket.destroyed)).toBe(true);
});

test("one forbidden address beside a living one refuses both, however slow the first would be", async () => {
  const { opened, post } = await setup(["127.0.0.1", "10.0.0.1"]);
  expect((await post()).result).toMatchObject({ reason: "blocked_address" });
  expect(opened).toEqual([]);
});

test("the slower of two living addresses is closed, and carries no byte", async () => {
  const sockets: net.Socket[] = [];
  const { receiver, post } = await setup(["127.0.0.2", "127.0.0.1"], {
    tls: "valid",
    sender: {
      // The first one opens late: only when the second has been asked for.
      connectSocket: ({ address, port }) => {
        const socket = address === "127.0.0.2" ? new net.Socket() : openSocket({ address, port });
        sockets.push(socket);
        if (address === "127.0.0.1")
          socket.once("connect", () => sockets[0]?.connect(port, address));
        return socket;
      },
    },
  });
  expect((await post()).result).toMatchObject({ status: 200 });
  expect(sockets[0]?.destroyed).toBe(true);
  expect(receiver.serverNames).toEqual(["a.example.com"]);
});

test("an address that accepts and says nothing in its TLS handshake gives way to the next one after 2 s", async () => {
  const mute = net.createServer((socket) => socket.on("error", () => {}).resume());
  mute.listen(0, "127.0.0.2");
  await once(mute, "listening");
  onTestFinished(() => void mute.close());
  const { receiver, opened, post } = await setup(["127.0.0.2", "127.0.0.1"], {
    port: (mute.address() as net.AddressInfo).port,
    tls: "valid",
  });
  const { result, latencyMs, wire } = await post();
  expect(result).toMatchObject({ kind: "responded", status: 200 });
  expect(latencyMs).toBeGreaterThanOrEqual(1_990);
  expect(latencyMs).toBeLessThan(3_500);
  expect(wire?.address).toBe("127.0.0.1");
  expect(receiver.requests).toHaveLength(1);
  // The one that was given up is closed.
  await expect.poll(() => opened[0]?.socket.destroyed).toBe(true);
});

test("an address whose connection breaks in its TLS handshake gives way to the next one at once", async () => {
  const broken = net.createServer((socket) => socket.resetAndDestroy());
  broken.listen(0, "127.0.0.2");
  await once(broken, "listening");
  onTestFinished(() => void broken.close());
  const { opened, post } = await setup(["127.0.0.2", "127.0.0.1"], {
    port: (broken.address() as net.AddressInfo).port,
    tls: "valid",
  });
  const { result, latencyMs } = await post();
  expect(result).toMatchObject({ kind: "responded", status: 200 });
  expect(latencyMs).toBeLessThan(1_500);
  expect(opened.map(({ address }) => address)).toEqual(["127.0.0.2", "127.0.0.1"]);
});

test("an address that was slow to accept gets its turn again when the handshake of a faster one breaks", async () => {
  const deadlines = openDeadlines();
  onTestFinished(() => deadlines.close());
  type Try = { address: string; callback: OpenCallback; accepted: () => void; cancelled: boolean };
  const tries: Try[] = [];
  const open: OpenInSteps = (address, callback, accepted) => {
    const one: Try = { address, callback, accepted, cancelled: false };
    tries.push(one);
    return {
      cancel() {
        one.cancelled = true;
      },
    };
  };
  const ended = vi.fn();
  race(["slow", "fast"], open, deadlines, ended);
  await expect.poll(() => tries.length).toBe(2);
  tries[1]?.accepted();
  expect(tries[0]?.cancelled).toBe(true);
  tries[1]?.callback(new ConnectError({ reason: "connection_reset", detail: "." }), null);
  expect(tries.map(({ address }) => address)).toEqual(["slow", "fast", "slow"]);
  expect(ended).not.toHaveBeenCalled();
  const socket = new net.Socket();
  tries[2]?.callback(null, socket);
  expect(ended).toHaveBeenCalledExactlyOnceWith(null, socket);
});

test("once an address is open no other one is begun, however long the answer takes", async () => {
  const { opened, post } = await setup(["127.0.0.1", "127.0.0.2"], {
    script: [{ op: "read_request" }, { op: "sleep", ms: 400 }, ...ok.slice(1)],
  });
  expect((await post()).result).toMatchObject({ status: 200 });
  expect(opened.map(({ address }) => address)).toEqual(["127.0.0.1"]);
});

test("the last address that refuses does not end those that are still being opened", async () => {
  const late = new net.Socket();
  const { post } = await setup(["127.0.0.1", "127.0.0.2"], {
    sender: {
      connectSocket: ({ address, port }) => {
        if (address === "127.0.0.1") return late;
        const refused = openSocket({ address, port });
        refused.once("close", () => late.connect(port, "127.0.0.1"));
        return refused;
      },
    },
  });
  expect((await post()).result).toMatchObject({ status: 200 });
});

test.each([
  ["connecting", () => new net.Socket()],
  ["securing", undefined],
] as const)(
  "a connection given up while %s is closed, and never heard of again",
  async (stage, connectSocket) => {
    const receiver = await startReceiver([{ op: "hold" }]);
    const deadlines = openDeadlines();
    onTestFinished(async () => {
      deadlines.close();
      await receiver.close();
    });
    const sockets: net.Socket[] = [];
    const connector = openConnector({
      egressAllow: loopback,
      deadlines,
      resolve: async () => [],
      connectSocket: (target) => {
        const socket = (connectSocket ?? openSocket)(target);
        sockets.push(socket);
        return socket;
      },
    });
    const told = vi.fn();
    const target = { hostname: "127.0.0.1", port: receiver.port, secure: true };
    const connecting = connector.connect(target, told);
    await expect.poll(() => connecting.stage).toBe(stage);
    connecting.cancel();
    await expect.poll(() => sockets.map(({ closed }) => closed)).toEqual([true]);
    await expect.poll(receiver.openCount).toBe(0);
    expect(told).not.toHaveBeenCalled();
  },
);
