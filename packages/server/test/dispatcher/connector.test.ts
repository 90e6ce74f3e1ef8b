import net from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { openSender, type SenderOptions } from "../../src/dispatcher/send.ts";
import { type ConnectSocket, openSocket, type SocketTarget } from "../../src/dispatcher/sockets.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { rowsOf } from "../hostile/rows.ts";
import {
  type Operation,
  startReceiver,
  type TlsScenario,
  testAuthority,
} from "../support/scripted-receiver.ts";

type DnsCase = {
  id: string;
  why: string;
  input: {
    url: string;
    answers?: string[][] | string;
    answers_gen?: { ip_prefix: string; count: number };
    attempts?: number;
    timeout_seconds?: number;
    env?: Record<string, string>;
  };
  expect: Expected & { per_attempt?: Expected[] };
};
type Expected = {
  connects?: string[];
  max_connects?: number;
  error_code?: string;
  max_ms?: number;
  lookups?: number;
  sni?: string;
  host_header?: string;
};

const ok: Operation[] = [
  { op: "read_request" },
  { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
];
const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);

/** A sender whose sockets all lead to one local receiver, whatever address they are opened to. */
async function setup(options: Partial<SenderOptions> = {}, scenario: TlsScenario = "valid") {
  const receiver = await startReceiver(ok, scenario);
  const targets: SocketTarget[] = [];
  const lookups: string[] = [];
  const { resolve } = options;
  const sender = openSender({
    egressAllow: [],
    tlsCa: testAuthority,
    connectSocket: (target) => {
      targets.push(target);
      return openSocket({ ...target, address: "127.0.0.1", port: receiver.port });
    },
    ...options,
    resolve: async (hostname) => {
      lookups.push(hostname);
      return resolve ? await resolve(hostname) : ["93.184.216.34"];
    },
  });
  onTestFinished(async () => {
    await sender.close();
    await receiver.close();
  });
  const post = (url: string, timeoutMs = 5_000) => {
    const { origin, pathname } = new URL(url);
    return sender.send({ origin, path: pathname, headers: [], body: Buffer.from("{}"), timeoutMs });
  };
  const addresses = () => targets.map(({ address }) => address);
  return { receiver, targets, addresses, lookups, post };
}

test.each(rowsOf<DnsCase>("dns"))("$id: $why", async ({ input, expect: expected }) => {
  for (const [name, value] of Object.entries(input.env ?? {})) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const answers = input.answers_gen ? [generated(input.answers_gen)] : input.answers;
  let lookupCount = 0;
  const { receiver, targets, addresses, lookups, post } = await setup({
    resolve: async () => {
      if (answers === "HANG") return await new Promise<never>(() => {});
      if (!Array.isArray(answers)) throw Object.assign(new Error(answers), { code: answers });
      lookupCount += 1;
      return answers[Math.min(lookupCount, answers.length) - 1] ?? [];
    },
  });
  for (let attempt = 0; attempt < (input.attempts ?? 1); attempt += 1) {
    const wanted = expected.per_attempt?.[attempt] ?? expected;
    targets.length = 0;
    const { result, latencyMs } = await post(input.url, (input.timeout_seconds ?? 5) * 1_000);
    if (wanted.connects) expect(addresses()).toEqual(wanted.connects);
    if (wanted.error_code) expect(result).toMatchObject({ reason: wanted.error_code });
    else expect(result).toMatchObject({ status: 200 });
    expect(targets.length).toBeLessThanOrEqual(wanted.max_connects ?? 1);
    expect(latencyMs).toBeLessThan(wanted.max_ms ?? 1_000);
    if (wanted.lookups !== undefined) expect(lookups).toHaveLength(wanted.lookups);
    if (wanted.sni) expect(receiver.serverNames.at(-1)).toBe(wanted.sni);
    if (wanted.host_header) {
      expect(receiver.requests.at(-1)).toContain(`\r\nhost: ${wanted.host_header}\r\n`);
    }
  }
});

function generated({ ip_prefix, count }: { ip_prefix: string; count: number }) {
  return Array.from({ length: count }, (_, n) => `${ip_prefix}${n >> 8}.${n & 255}`);
}

/** A socket that fails as it is opened. */
function failing(code: string): ReturnType<ConnectSocket> {
  const socket = new net.Socket();
  process.nextTick(() => socket.destroy(Object.assign(new Error(code), { code })));
  return socket;
}

test("a refusing address gives way to the next vetted one, families in turn, four in all", async () => {
  const tried: string[] = [];
  const { post } = await setup({
    resolve: async () => [
      "2606:4700:4700::1111",
      "1.1.1.1",
      "1.1.1.1",
      "1.1.1.2",
      "1.1.1.3",
      "1.1.1.4",
      "1.1.1.5",
    ],
    connectSocket: ({ address }) => {
      tried.push(address);
      return failing("ECONNREFUSED");
    },
  });
  expect((await post("https://a.example.com/")).result).toMatchObject({
    reason: "connect_refused",
  });
  expect(tried).toEqual(["1.1.1.1", "2606:4700:4700::1111", "1.1.1.2", "1.1.1.3"]);
});

test("after a certificate or handshake error no other address is tried", async () => {
  const { addresses, post } = await setup(
    { resolve: async () => ["1.1.1.1", "1.1.1.2"] },
    "wrong_host",
  );
  expect((await post("https://a.example.com/")).result).toMatchObject({ reason: "tls_error" });
  expect(addresses()).toEqual(["1.1.1.1"]);
});

test("one forbidden address among good ones blocks the connection", async () => {
  const { targets, post } = await setup({
    resolve: async () => ["93.184.216.34", "169.254.169.254"],
  });
  expect((await post("https://a.example.com/")).result).toMatchObject({
    reason: "blocked_address",
  });
  expect(targets).toEqual([]);
});

test.each([
  "http://169.254.169.254/",
  "http://[::1]/",
  "http://0x7f.1/",
  "https://[::ffff:10.0.0.1]/",
])("the address literal of %s is vetted without a lookup", async (url) => {
  const { targets, lookups, post } = await setup();
  expect((await post(url)).result).toMatchObject({ reason: "blocked_address" });
  expect([targets, lookups]).toEqual([[], []]);
});

test("localhost is this machine, without a lookup, where the operator allows loopback", async () => {
  const allowed = await setup({ egressAllow: loopback });
  expect((await allowed.post("https://localhost/")).result).toMatchObject({ status: 200 });
  expect([allowed.addresses(), allowed.lookups]).toEqual([["127.0.0.1"], []]);
  const forbidden = await setup();
  expect((await forbidden.post("https://api.localhost/")).result).toMatchObject({
    reason: "blocked_address",
  });
  expect(forbidden.lookups).toEqual([]);
});

test("an operator who allows IPv4 loopback has not allowed the IPv6 one", async () => {
  const { targets, post } = await setup({ egressAllow: loopback });
  expect((await post("https://[::1]/")).result).toMatchObject({ reason: "blocked_address" });
  expect(targets).toEqual([]);
});

test.each([
  ["EHOSTUNREACH", "connection_failed"],
  ["ECONNRESET", "connection_reset"],
  ["ETIMEDOUT", "connection_failed"],
])("%s while connecting is %s", async (code, reason) => {
  const { post } = await setup({ connectSocket: () => failing(code) });
  expect((await post("https://a.example.com/")).result).toMatchObject({ reason });
});

test.each([
  [["ENOTFOUND", "NXDOMAIN"], "The host name does not exist (NXDOMAIN)."],
  [["ESERVFAIL"], "The name server failed to look the host name up (SERVFAIL)."],
  [["EREFUSED"], "The name server refused to look the host name up (REFUSED)."],
  [["ENODATA"], "The host name exists but has no address (NODATA)."],
  [["ETIMEOUT"], "The name server did not answer in time (TIMEOUT)."],
  [["ECONNREFUSED"], "No name server could be reached (ECONNREFUSED)."],
  [["EBADRESP"], "The host name could not be resolved (EBADRESP)."],
  [["", "a word of the resolver's"], "The host name could not be resolved."],
])("a look-up that ends with one of %j says so in one sentence", async (codes, detail) => {
  for (const code of codes) {
    const { post } = await setup({
      resolve: async () => {
        throw Object.assign(new Error("not shown"), { code });
      },
    });
    const { result } = await post("https://a.example.com/");
    expect(result).toEqual({ kind: "unanswered", reason: "dns_error", detail });
  }
});

test("a connection that never opens is given up at the attempt's deadline, and its socket closed", async () => {
  const socket = new net.Socket();
  const { post } = await setup({ connectSocket: () => socket });
  const { result, latencyMs } = await post("https://a.example.com/", 300);
  expect(result).toMatchObject({ reason: "timeout" });
  expect(latencyMs).toBeLessThan(360);
  expect(socket.destroyed).toBe(true);
});

test("a connector that throws is a result, not an exception", async () => {
  const { post } = await setup({
    connectSocket: () => {
      throw new RangeError("no such port");
    },
  });
  expect((await post("https://a.example.com/")).result).toMatchObject({
    reason: "connection_failed",
  });
});
