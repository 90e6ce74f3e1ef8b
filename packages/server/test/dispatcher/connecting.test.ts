import net from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import type { EgressProxy } from "../../src/config.ts";
import {
  type ConnectorOptions,
  type ConnectTarget,
  openConnector,
} from "../../src/dispatcher/connector.ts";
import { openDeadlines } from "../../src/dispatcher/deadlines.ts";
import { type ConnectError, describeFailure } from "../../src/dispatcher/failures.ts";
import type { Resolve } from "../../src/dispatcher/resolver.ts";
import { openSocket, type SocketTarget } from "../../src/dispatcher/sockets.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { type Operation, startReceiver, testAuthority } from "../support/scripted-receiver.ts";

const target: ConnectTarget = { hostname: "a.example.com", port: 443, secure: false };
const secureTarget = { ...target, secure: true };
const silent = [{ op: "hold" }] satisfies Operation[];
const loopback = ["127.0.0.0/8", "::1/128"].map(parseCidr).filter((cidr) => cidr !== undefined);
const never = () => new Promise<never>(() => {});
const proxy = (host: string, resolvesNames = false): EgressProxy => ({
  host,
  port: 3128,
  authorization: undefined,
  resolvesNames,
});

/** A clock that the test moves. Sockets and their events go on as ever. */
function stopClock() {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
}

/** A connector whose sockets all lead to one receiver; what its callback was told is written down. */
async function setup(
  options: Partial<ConnectorOptions> = {},
  script: readonly Operation[] = silent,
) {
  const receiver = await startReceiver(script);
  const deadlines = openDeadlines();
  const sockets: net.Socket[] = [];
  const targets: SocketTarget[] = [];
  const { connectSocket = () => openSocket({ address: "127.0.0.1", port: receiver.port }) } =
    options;
  const connector = openConnector({
    egressAllow: [],
    resolve: async () => ["93.184.216.34"],
    deadlines,
    tlsCa: testAuthority,
    ...options,
    connectSocket: (given) => {
      targets.push(given);
      const socket = connectSocket(given);
      sockets.push(socket);
      return socket;
    },
  });
  onTestFinished(async () => {
    deadlines.close();
    for (const socket of sockets) socket.destroy();
    await receiver.close();
  });
  const told: { error: ConnectError | null; socket: net.Socket | null }[] = [];
  const connect = (wanted = target) =>
    connector.connect(wanted, (error, socket) => told.push({ error, socket }));
  return { receiver, connect, sockets, targets, told };
}

/** A socket that never opens. */
const swallowed = () => new net.Socket();

/** A socket that ends in this way as soon as it is opened. */
const ending = (end: (socket: net.Socket) => void) => () => {
  const socket = new net.Socket();
  process.nextTick(end, socket);
  return socket;
};

const failing = (code: string) => Object.assign(new Error("not shown"), { code });

test.each<[string, Partial<ConnectorOptions>, ConnectTarget, string]>([
  [
    "connecting",
    { connectSocket: swallowed },
    target,
    "The receiver did not accept the connection within 10000 ms.",
  ],
  [
    "securing",
    {},
    secureTarget,
    "The receiver did not complete the TLS handshake within 10000 ms.",
  ],
  [
    "tunnelling",
    { proxy: { proxy: proxy("127.0.0.1"), resolve: never } },
    target,
    "The egress proxy did not open a connection to the receiver within 10000 ms.",
  ],
])(
  "ten seconds of %s are enough, and then its socket is closed",
  async (stage, options, wanted, detail) => {
    stopClock();
    const { connect, sockets, told } = await setup(options);
    const connecting = connect(wanted);
    expect(connecting.stage).toBe("resolving");
    await expect.poll(() => connecting.stage).toBe(stage);
    await expect.poll(() => sockets.length).toBe(1);
    vi.advanceTimersByTime(9_900);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(150);
    expect(told).toMatchObject([
      { error: { failure: { reason: "timeout", detail } }, socket: null },
    ]);
    await expect.poll(() => sockets[0]?.destroyed).toBe(true);
    expect(told).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  },
);

test("a look-up has the time of the attempt, not that of a connection", async () => {
  stopClock();
  const { connect, told } = await setup({ resolve: never });
  const connecting = connect();
  vi.advanceTimersByTime(100_000);
  expect([connecting.stage, told]).toEqual(["resolving", []]);
});

test("a connection that is open has no deadline any more", async () => {
  stopClock();
  const { connect, told } = await setup();
  connect();
  await expect.poll(() => told).toMatchObject([{ error: null, socket: expect.any(net.Socket) }]);
  vi.advanceTimersByTime(25);
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(20_000);
  expect(told).toHaveLength(1);
  expect(told[0]?.socket?.destroyed).toBe(false);
});

test.each<[string, (resolve: Resolve) => Partial<ConnectorOptions>]>([
  ["resolving", (resolve) => ({ resolve })],
  ["tunnelling", (resolve) => ({ proxy: { proxy: proxy("proxy.example.com"), resolve } })],
])(
  "who gives up while a name is looked up opens no socket and hears nothing: %s",
  async (stage, by) => {
    const answers: Resolve[] = [
      async () => ["93.184.216.34"],
      () => Promise.reject(failing("ENOTFOUND")),
    ];
    for (const answer of answers) {
      let tell = () => {};
      const asked = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const { connect, targets, told } = await setup(by((name) => asked.then(() => answer(name))));
      const connecting = connect();
      await expect.poll(() => connecting.stage).toBe(stage);
      connecting.cancel();
      tell();
      await new Promise(setImmediate);
      expect([targets, told]).toEqual([[], []]);
    }
  },
);

test.each<[string, Partial<ConnectorOptions>, ConnectTarget]>([
  ["connecting", { connectSocket: swallowed }, target],
  ["securing", {}, secureTarget],
  ["tunnelling", { proxy: { proxy: proxy("127.0.0.1"), resolve: never } }, target],
])(
  "who gives up while %s hears nothing, and the socket is closed",
  async (stage, options, wanted) => {
    const { connect, sockets, told } = await setup(options);
    const connecting = connect(wanted);
    await expect.poll(() => connecting.stage).toBe(stage);
    await expect.poll(() => sockets.length).toBe(1);
    connecting.cancel();
    await expect.poll(() => sockets[0]?.destroyed).toBe(true);
    await new Promise(setImmediate);
    expect(told).toEqual([]);
  },
);

test("a socket sends at once, and probes a receiver that is silent for a minute", async () => {
  const socket = new net.Socket();
  const noDelay = vi.spyOn(socket, "setNoDelay");
  const keepAlive = vi.spyOn(socket, "setKeepAlive");
  const { connect, sockets } = await setup({ connectSocket: () => socket });
  connect();
  await expect.poll(() => sockets).toHaveLength(1);
  expect(noDelay).toHaveBeenCalledExactlyOnceWith(true);
  expect(keepAlive).toHaveBeenCalledExactlyOnceWith(true, 60_000);
});

test("an address that refuses gives its turn to one other, which has its time for itself", async () => {
  stopClock();
  const addresses = ["1.1.1.1", "1.1.1.2", "1.1.1.3"];
  const { connect, targets } = await setup({
    resolve: async () => addresses,
    connectSocket: ({ address }) =>
      address === "1.1.1.1"
        ? ending((socket) => socket.destroy(failing("ECONNREFUSED")))()
        : swallowed(),
  });
  connect();
  const tried = () => targets.map(({ address }) => address);
  await expect.poll(tried).toEqual(addresses.slice(0, 2));
  await new Promise(setImmediate); // The refused one closes as well.
  vi.advanceTimersByTime(200);
  expect(tried()).toEqual(addresses.slice(0, 2));
  vi.advanceTimersByTime(100);
  expect(tried()).toEqual(addresses);
});

test("a socket that is closed before it is open reports that it is closed", async () => {
  const { connect, told } = await setup({ connectSocket: ending((socket) => socket.destroy()) });
  connect();
  const failure = {
    reason: "connection_closed",
    detail: "The connection was closed while it was being opened.",
  };
  await expect.poll(() => told).toMatchObject([{ error: { failure }, socket: null }]);
});

test("what happens to a socket after it was handed over is not the connector's", async () => {
  const { connect, told } = await setup();
  connect();
  await expect.poll(() => told).toMatchObject([{ error: null }]);
  told[0]?.socket?.destroy(failing("ECONNRESET"));
  await new Promise(setImmediate);
  expect(told).toHaveLength(1);
});

test.each([
  ["ECONNRESET", "connection_reset"],
  ["EPIPE", "connection_reset"],
  ["ETIMEDOUT", "connection_failed"],
])(
  "%s during a handshake is the network's fault, and not that of a certificate",
  async (code, reason) => {
    const { connect, sockets, told } = await setup();
    const connecting = connect(secureTarget);
    await expect.poll(() => connecting.stage).toBe("securing");
    sockets[0]?.destroy(failing(code));
    await expect.poll(() => told).toMatchObject([{ error: { failure: { reason } } }]);
    expect(told[0]?.error?.failure).toEqual(describeFailure(failing(code)));
  },
);

test.each(["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "CERT_HAS_EXPIRED", "EPROTO"])(
  "%s during a handshake is the handshake's",
  async (code) => {
    const { connect, sockets, told } = await setup();
    const connecting = connect(secureTarget);
    await expect.poll(() => connecting.stage).toBe("securing");
    sockets[0]?.destroy(failing(code));
    const failure = {
      reason: "tls_error",
      detail: `No secure connection could be made (${code}).`,
    };
    await expect.poll(() => told).toMatchObject([{ error: { failure } }]);
  },
);

test("a name without an address is reported as one", async () => {
  const { connect, told } = await setup({ resolve: async () => [] });
  connect();
  await expect
    .poll(() => told)
    .toMatchObject([
      {
        error: {
          failure: {
            reason: "dns_error",
            detail: "The host name exists but has no address (NODATA).",
          },
        },
      },
    ]);
});

test.each([
  ["localhost", ["127.0.0.1", "::1"]],
  ["api.localhost", ["127.0.0.1", "::1"]],
  ["127.0.0.2", ["127.0.0.2"]],
  ["::1", ["::1"]],
])(
  "%s leads to %j without a look-up, whether it is the receiver's or the proxy's",
  async (host, addresses) => {
    const resolve = vi.fn(async () => ["8.8.8.8"]);
    const refused = ending((socket) => socket.destroy(failing("ECONNREFUSED")));
    const options = { egressAllow: loopback, connectSocket: refused };
    const straight = await setup({ ...options, resolve });
    straight.connect({ ...target, hostname: host });
    await expect.poll(() => straight.told).toHaveLength(1);
    expect(straight.targets).toEqual(addresses.map((address) => ({ address, port: 443 })));
    const through = await setup({ ...options, proxy: { proxy: proxy(host), resolve } });
    through.connect();
    await expect.poll(() => through.told).toHaveLength(1);
    expect(through.targets).toEqual(addresses.map((address) => ({ address, port: 3128 })));
    expect(resolve).not.toHaveBeenCalled();
  },
);

test("the proxy's name is looked up where the operator's names are, and its address is not vetted", async () => {
  const { connect, targets } = await setup({
    connectSocket: swallowed,
    proxy: { proxy: proxy("proxy.internal"), resolve: async () => ["10.0.0.1"] },
  });
  connect();
  await expect.poll(() => targets).toEqual([{ address: "10.0.0.1", port: 3128 }]);
});

test("a proxy whose name cannot be resolved is reported", async () => {
  const { connect, told } = await setup({
    proxy: { proxy: proxy("proxy.internal"), resolve: () => Promise.reject(failing("ENOTFOUND")) },
  });
  connect();
  await expect
    .poll(() => told)
    .toMatchObject([{ error: { failure: { reason: "proxy_error" } }, socket: null }]);
});
