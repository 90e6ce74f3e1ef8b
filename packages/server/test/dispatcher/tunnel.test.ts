import { expect, onTestFinished, test } from "vitest";
import { type EgressProxy, readConfig } from "../../src/config.ts";
import { openSender, type SenderOptions } from "../../src/dispatcher/send.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { type ProxyRule, startConnectProxy } from "../support/connect-proxy.ts";
import {
  type Operation,
  startReceiver,
  type TlsScenario,
  testAuthority,
} from "../support/scripted-receiver.ts";

const ok: Operation[] = [
  { op: "read_request" },
  { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
];
const okForever = Array.from({ length: 20 }, () => ok).flat();
const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);
const password = "hunter2-%ü@";

/** The proxy as the operator's setting names it. */
function egressProxy(port: number, names = "0"): EgressProxy | undefined {
  return readConfig("development", {
    POSTRIDER_EGRESS_PROXY: `http://post:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    POSTRIDER_EGRESS_PROXY_NAMES: names,
  }).egressProxy;
}

/** A receiver, a proxy in front of it, and a sender that knows no other way out. */
async function setup(
  options: {
    tls?: TlsScenario;
    rule?: ProxyRule;
    names?: string;
    script?: Operation[];
    sender?: Partial<SenderOptions>;
  } = {},
) {
  const receiver = await startReceiver(options.script ?? okForever, options.tls);
  const proxy = await startConnectProxy(options.rule);
  const lookups: string[] = [];
  const { resolve, ...others } = options.sender ?? {};
  const sender = openSender({
    egressAllow: loopback,
    egressProxy: egressProxy(proxy.port, options.names),
    tlsCa: testAuthority,
    ...others,
    resolve: async (hostname) => {
      lookups.push(hostname);
      return resolve ? await resolve(hostname) : ["127.0.0.1"];
    },
  });
  onTestFinished(async () => {
    await sender.close();
    await proxy.close();
    await receiver.close();
  });
  const post = async (host = "a.example.com", timeoutMs = 5_000) => {
    const { result } = await sender.send({
      origin: `${options.tls ? "https" : "http"}://${host}:${receiver.port}`,
      path: "/hook",
      headers: [],
      body: Buffer.from("{}"),
      timeoutMs,
    });
    // Whatever happens: what opens the proxy is in no result.
    const shown = JSON.stringify(result);
    const encoded = Buffer.from(`post:${password}`).toString("base64");
    for (const secret of ["hunter2", encoded, "Proxy-Authorization"]) {
      expect(shown).not.toContain(secret);
    }
    return result;
  };
  return { receiver, proxy, lookups, post };
}

const refusal = (head: string): ProxyRule => {
  return () => `HTTP/1.1 ${head}\r\nContent-Type: text/html\r\n\r\n<h1>hunter2 of the proxy</h1>`;
};

test.each([undefined, "valid"] as const)(
  "every request goes through the proxy, to the vetted address under the name that the URL has (TLS: %s)",
  async (tls) => {
    const { receiver, proxy, post } = await setup({ ...(tls && { tls }) });
    for (let n = 0; n < 3; n += 1) expect(await post()).toMatchObject({ status: 200, body: "ok" });
    const authority = `127.0.0.1:${receiver.port}`;
    const credentials = Buffer.from(`post:${password}`).toString("base64");
    expect(proxy.requests).toEqual([
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic ${credentials}`,
    ]);
    expect(receiver.requests).toHaveLength(3);
    expect(receiver.requests[0]).toContain(`\r\nhost: a.example.com:${receiver.port}\r\n`);
    expect(receiver.requests.join()).not.toMatch(/proxy-authorization/i);
    if (tls) expect(receiver.serverNames).toEqual(["a.example.com"]);
  },
);

test("a certificate has to be for the address in the URL, not for the proxy's", async () => {
  let port = 0;
  const world = await setup({ tls: "valid", rule: () => ({ host: "127.0.0.1", port }) });
  port = world.receiver.port;
  expect(await world.post("127.0.0.1")).toMatchObject({ status: 200 });
  expect(await world.post("127.0.0.2")).toMatchObject({
    reason: "tls_error",
    detail: "No secure connection could be made (ERR_TLS_CERT_ALTNAME_INVALID).",
  });
});

test("a forbidden address is refused before the proxy is asked", async () => {
  const { proxy, post } = await setup({
    sender: { resolve: async () => ["127.0.0.1", "169.254.169.254"] },
  });
  expect(await post()).toMatchObject({ reason: "blocked_address" });
  expect(await post("10.0.0.1")).toMatchObject({ reason: "blocked_address" });
  expect(proxy.requests).toEqual([]);
});

test("where the proxy resolves names it gets the name, and an address is vetted as ever", async () => {
  let port = 0;
  const world = await setup({
    tls: "valid",
    names: "1",
    rule: () => ({ host: "127.0.0.1", port }),
    sender: { resolve: async () => ["169.254.169.254"] },
  });
  port = world.receiver.port;
  expect(await world.post()).toMatchObject({ status: 200 });
  expect(world.proxy.requests[0]).toContain(`CONNECT a.example.com:${port} HTTP/1.1`);
  expect(world.receiver.serverNames).toEqual(["a.example.com"]);
  expect(await world.post("169.254.169.254")).toMatchObject({ reason: "blocked_address" });
  expect(world.lookups).toEqual([]);
  expect(world.proxy.requests).toHaveLength(1);
});

test.each([
  ["407 Proxy Authentication Required", "did not accept the service's credentials (407)"],
  ["401 Unauthorized", "did not accept the service's credentials (401)"],
  ["403 Forbidden", "does not allow connections to this receiver (403)"],
  ["500 Unable to connect", "could not connect to the receiver (500)"],
  ["501 Not Implemented", "opened no connection to the receiver (501)"],
  ["502 Bad Gateway", "could not connect to the receiver (502)"],
  ["503 Service Unavailable", "could not connect to the receiver (503)"],
  ["504 Gateway Timeout", "could not connect to the receiver (504)"],
  ["405 Method Not Allowed", "opened no connection to the receiver (405)"],
  ["302 Found", "opened no connection to the receiver (302)"],
  ["300 Multiple Choices", "opened no connection to the receiver (300)"],
  [
    "100 Continue\r\n\r\nHTTP/1.1 199 Wait\r\n\r\nHTTP/1.1 502 B",
    "could not connect to the receiver (502)",
  ],
  ["2000 OK", "answered something that is not HTTP"],
])(
  "a proxy that says %s has its own sentence, and no status of the receiver",
  async (head, what) => {
    const { receiver, post } = await setup({ rule: refusal(head) });
    expect(await post()).toEqual({
      kind: "unanswered",
      reason: "proxy_error",
      detail: `The egress proxy ${what}.`,
    });
    expect(receiver.connectionCount()).toBe(0);
  },
);

test.each([
  ["nothing", "", "closed the connection without an answer"],
  ["half a head", "HTTP/1.1 200 OK\r\nVia:", "closed the connection without an answer"],
  ["another protocol", "SSH-2.0-x\r\n\r\n", "answered something that is not HTTP"],
  [
    "an endless head",
    `HTTP/1.1 200 OK\r\nVia: ${"a".repeat(20_000)}`,
    "answered something that is not HTTP",
  ],
])("a proxy that answers %s is told", async (_what, answer, what) => {
  const { post } = await setup({ rule: () => answer });
  expect(await post()).toMatchObject({
    reason: "proxy_error",
    detail: `The egress proxy ${what}.`,
  });
});

test("an unreachable proxy is reported with the system's code", async () => {
  const gone = await startConnectProxy();
  await gone.close();
  const { post } = await setup({ sender: { egressProxy: egressProxy(gone.port) } });
  expect(await post()).toMatchObject({
    reason: "proxy_error",
    detail: "The egress proxy could not be reached (ECONNREFUSED).",
  });
});

test("a proxy that says nothing costs the attempt's time and is named", async () => {
  const proxy = await startReceiver([{ op: "hold" }]);
  onTestFinished(() => proxy.close());
  const { post } = await setup({ sender: { egressProxy: egressProxy(proxy.port) } });
  expect(await post("a.example.com", 400)).toMatchObject({
    reason: "timeout",
    detail: "The egress proxy did not open a connection to the receiver within 400 ms.",
  });
  await expect.poll(proxy.openCount).toBe(0);
});

test("what a proxy says of itself is final, and no further address is asked for", async () => {
  const rules = [...["407 No", "403 No", "501 No"].map(refusal), () => "SSH-2.0-x\r\n\r\n"];
  for (const rule of rules) {
    const { proxy, post } = await setup({
      rule,
      sender: { resolve: async () => ["127.0.0.2", "127.0.0.1"] },
    });
    expect(await post()).toMatchObject({ reason: "proxy_error" });
    expect(proxy.requests).toHaveLength(1);
    await expect.poll(proxy.openCount).toBe(0);
  }
});

test("an IPv6 address stands in brackets, and localhost is an address even where the proxy resolves names", async () => {
  const opened: string[] = [];
  const { post } = await setup({
    names: "1",
    rule: (authority) => {
      opened.push(authority);
      return "HTTP/1.1 502 No\r\n\r\n";
    },
    sender: {
      egressAllow: ["127.0.0.0/8", "::1/128"].map(parseCidr).filter((one) => one !== undefined),
    },
  });
  await post("localhost");
  await post("[::1]");
  expect(opened.map((authority) => authority.replace(/:\d+$/, ""))).toEqual([
    "127.0.0.1",
    "[::1]",
    "[::1]",
  ]);
});

test("of two addresses the one that the proxy cannot reach gives way to the other", async () => {
  const { proxy, post } = await setup({
    sender: { resolve: async () => ["127.0.0.2", "127.0.0.1"] },
  });
  expect(await post()).toMatchObject({ status: 200 });
  expect(proxy.requests.map((head) => /^CONNECT ([\d.]+)/.exec(head)?.[1])).toEqual([
    "127.0.0.2",
    "127.0.0.1",
  ]);
});

test("an interim answer of the proxy is passed over, and what follows its head is the receiver's", async () => {
  const opened = "HTTP/1.1 103 E\r\n\r\nHTTP/1.0 200 OK\r\n\r\n";
  const answer = "HTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n";
  const read: Operation = { op: "read_request" };
  const proxies = [
    await startReceiver([read, { op: "send", data: opened }, read, { op: "send", data: answer }]),
    await startReceiver([read, { op: "send", data: opened + answer }, { op: "hold" }]),
  ] as const;
  onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))));
  const through = async (port: number) =>
    await (await setup({ sender: { egressProxy: egressProxy(port) } })).post();
  expect(await through(proxies[0].port)).toMatchObject({ status: 202 });
  // An answer that is there before the request is none, as without a proxy.
  expect(await through(proxies[1].port)).toMatchObject({ reason: "protocol_error" });
});
