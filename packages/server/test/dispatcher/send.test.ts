import type net from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { AnswerStart } from "../../src/dispatcher/answer-start.ts";
import { nothingSeen } from "../../src/dispatcher/exchange.ts";
import { ResponseBody } from "../../src/dispatcher/response-body.ts";
import { openSender, type SenderOptions, type SendReport } from "../../src/dispatcher/send.ts";
import { parseCidr } from "../../src/domain/address.ts";
import { rowsOf } from "../hostile/rows.ts";
import {
  type Operation,
  type ScriptedReceiver,
  startReceiver,
  type TlsScenario,
  testAuthority,
} from "../support/scripted-receiver.ts";

type ReceiverCase = {
  id: string;
  why: string;
  input: {
    name: string;
    script?: Operation[];
    tls?: TlsScenario;
    timeout_seconds: number;
    body_bytes?: number;
    repeat?: number;
    parallel?: number;
  };
  expect: {
    outcome?: string;
    outcome_any?: string[];
    error_code?: string;
    error_code_any?: string[];
    status_code?: number;
    max_ms?: number;
    stored_body_max_bytes?: number;
    requests?: number;
    request_bytes_received_by_server?: number;
    rss_growth_max_mb?: number;
    body_note?: string;
    open_sockets_after_ms?: { after: number; max: number };
  };
};

const loopback = [parseCidr("127.0.0.0/8")].filter((cidr) => cidr !== undefined);
const readRequest: Operation = { op: "read_request" };
const answerOk: Operation = {
  op: "send",
  data: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
};
const ok = [readRequest, answerOk];
const okForever = Array.from({ length: 200 }, () => ok).flat();

async function setup(
  script: readonly Operation[],
  scenario?: TlsScenario,
  options: Partial<SenderOptions> = {},
) {
  const receiver = await startReceiver(script, scenario);
  const sender = openSender({ egressAllow: loopback, tlsCa: testAuthority, ...options });
  onTestFinished(async () => {
    await sender.close();
    await receiver.close();
  });
  return {
    receiver,
    sender,
    post: (request: Partial<Post> = {}) => sender.send(post(receiver, request)),
  };
}

type Post = ReturnType<typeof post>;

function post(
  receiver: Pick<ScriptedReceiver, "origin">,
  request: { timeoutMs?: number; bytes?: number },
) {
  return {
    origin: receiver.origin,
    path: "/hook?a=1",
    headers: ["content-type", "application/json", "user-agent", "Postrider/test"],
    body: Buffer.alloc(100, "x"),
    timeoutMs: 5_000,
    ...request,
  };
}

/** What a case calls the outcome and the code of a result. */
function judge({ result }: SendReport) {
  if (result.kind === "unanswered") return { outcome: "failed", code: result.reason as string };
  const delivered = result.status >= 200 && result.status < 300;
  return {
    outcome: delivered ? "delivered" : "failed",
    code: delivered ? undefined : "http_status",
  };
}

test.each(rowsOf<ReceiverCase>("receiver"))(
  "receiver $id, $input.name: $why",
  async ({ input, expect: expected }) => {
    const plaintext: Operation[] = [{ op: "send", data: "HTTP/1.1 400 Bad Request\r\n\r\n" }];
    const script = input.script ?? (input.tls === "plaintext" ? plaintext : okForever);
    const { receiver, post } = await setup(script, input.tls);
    const rssBefore = process.memoryUsage().rss;
    const request = {
      timeoutMs: input.timeout_seconds * 1_000,
      body: Buffer.alloc(input.body_bytes ?? 100, "x"),
    };
    const startedMs = performance.now();
    const reports = await Promise.all(
      Array.from({ length: input.parallel ?? 1 }, () => post(request)),
    );
    for (let n = 1; n < (input.repeat ?? 1); n += 1) reports.push(await post(request));
    const elapsedMs = (performance.now() - startedMs) / (input.repeat ?? 1);
    const rssGrowth = process.memoryUsage().rss - rssBefore;

    for (const report of reports) {
      const { outcome, code } = judge(report);
      const { result } = report;
      expect([result, expected.outcome_any ?? [expected.outcome]]).toEqual([
        result,
        expect.arrayContaining([outcome]),
      ]);
      const codes = expected.error_code_any ?? (expected.error_code ? [expected.error_code] : []);
      if (codes.length > 0) expect(codes).toContain(code);
      if (result.kind === "responded") {
        if (expected.status_code) expect(result.status).toBe(expected.status_code);
        expect(Buffer.byteLength(result.body)).toBeLessThanOrEqual(
          expected.stored_body_max_bytes ?? 0,
        );
        expect(result.body).not.toContain("\0");
        if (expected.body_note === "truncated") expect(result.bodyTruncated).toBe(true);
      }
    }
    expect(elapsedMs).toBeLessThan(expected.max_ms ?? 3_000);
    if (expected.requests) expect(receiver.requests).toHaveLength(expected.requests);
    expect(receiver.receivedBytes()).toBeLessThanOrEqual(
      expected.request_bytes_received_by_server ?? Number.POSITIVE_INFINITY,
    );
    expect(rssGrowth / 2 ** 20).toBeLessThan(expected.rss_growth_max_mb ?? 200);
    const { open_sockets_after_ms: open } = expected;
    if (open) await expect.poll(receiver.openCount, { timeout: open.after }).toBeLessThan(open.max);
  },
);

test("a certificate for another host fails before anything is sent", async () => {
  const { receiver, post } = await setup(ok, "wrong_host");
  expect((await post()).result).toMatchObject({
    reason: "tls_error",
    detail: "No secure connection could be made (ERR_TLS_CERT_ALTNAME_INVALID).",
  });
  expect(receiver.receivedBytes()).toBe(0);
});

test("a receiver that speaks HTTP/2 alone fails before anything is sent", async () => {
  const { receiver, post } = await setup(ok, "h2_only");
  expect((await post()).result).toMatchObject({ reason: "tls_error" });
  expect(receiver.receivedBytes()).toBe(0);
});

test.each<[string, { status: number; body: string; bodyTruncated: boolean }]>([
  ["Content-Length: 10\r\n\r\nok", { status: 200, body: "ok", bodyTruncated: true }],
  ["Transfer-Encoding: chunked\r\n\r\n5\r\nok", { status: 200, body: "ok", bodyTruncated: true }],
  ["\r\nok", { status: 200, body: "ok", bodyTruncated: false }],
])("what TLS ends in the middle of %j is cut, and its head counts", async (rest, expected) => {
  const { receiver, post } = await setup(
    [readRequest, { op: "send", data: `HTTP/1.1 200 OK\r\n${rest}` }, { op: "fin" }],
    "valid",
  );
  expect((await post()).result).toMatchObject({ kind: "responded", ...expected });
  await expect.poll(receiver.openCount).toBe(0);
});

test("a valid certificate is accepted and its connection kept", async () => {
  const { receiver, post } = await setup(okForever, "valid");
  for (let n = 0; n < 3; n += 1) {
    expect((await post()).result).toMatchObject({ kind: "responded", status: 200, body: "ok" });
  }
  expect(receiver.connectionCount()).toBe(1);
});

test("the request is what the caller asked for, plus host and content-length", async () => {
  const { receiver, post } = await setup(ok);
  await post({ body: Buffer.from("{}") });
  expect(receiver.requests).toEqual([
    `POST /hook?a=1 HTTP/1.1\r\nhost: 127.0.0.1:${receiver.port}\r\nconnection: keep-alive\r\n` +
      "content-type: application/json\r\nuser-agent: Postrider/test\r\ncontent-length: 2\r\n\r\n{}",
  ]);
});

test("100 sends one after the other use one connection", async () => {
  const { receiver, post } = await setup(okForever);
  for (let n = 0; n < 100; n += 1) expect(judge(await post()).outcome).toBe("delivered");
  expect(receiver.connectionCount()).toBe(1);
});

type Disturb = (socket: net.Socket) => void;

const disturbances: [string, Disturb][] = [
  ["closes", (socket) => socket.destroy()],
  ["resets", (socket) => socket.resetAndDestroy()],
  ["spoils with an answer nobody asked for", (socket) => socket.write("HTTP/1.1 500 X\r\n\r\n")],
  ["spoils with garbage", (socket) => socket.write("garbage")],
];

test.each(disturbances)(
  "an idle connection that the receiver %s long before or just before a send does not fail it",
  async (_what, disturb) => {
    const { receiver, post } = await setup(okForever);
    await post();
    for (const socket of receiver.sockets) disturb(socket);
    await expect.poll(receiver.openCount).toBe(0);
    for (let n = 1; n <= 20; n += 1) {
      expect((await post()).result).toMatchObject({ kind: "responded", status: 200 });
      for (const socket of receiver.sockets) disturb(socket); // The next send starts in this tick.
    }
    expect(receiver.requests).toHaveLength(21);
    expect(receiver.connectionCount()).toBe(21);
  },
);

test("a request that a kept connection may have carried away is not sent again", async () => {
  const { receiver, post } = await setup([...ok, { op: "read_request" }, { op: "reset" }]);
  await post();
  expect((await post()).result).toMatchObject({ reason: "connection_reset" });
  expect(receiver.requests).toHaveLength(2);
});

test.each([1_000, 1_300])(
  "a receiver that never answers costs %i ms and no more",
  async (timeoutMs) => {
    const { post } = await setup([{ op: "hold" }]);
    const startedMs = performance.now();
    const { result, latencyMs } = await post({ timeoutMs });
    const elapsedMs = performance.now() - startedMs;
    expect(result).toMatchObject({ reason: "timeout" });
    expect(elapsedMs).toBeGreaterThanOrEqual(timeoutMs);
    expect(elapsedMs).toBeLessThan(timeoutMs + 60);
    expect(Math.abs(latencyMs - elapsedMs)).toBeLessThan(20);
  },
);

test.each([
  ["100 Continue", "HTTP/1.1 100 Continue\r\n\r\n"],
  ["102 Processing", "HTTP/1.1 102 Processing\r\n\r\n"],
])("%s is passed over", async (_name, informational) => {
  const { receiver, post } = await setup([
    readRequest,
    { op: "send", data: informational },
    answerOk,
    ...ok,
  ]);
  expect((await post()).result).toMatchObject({ status: 200, body: "ok" });
  expect((await post()).result).toMatchObject({ status: 200, body: "ok" });
  expect(receiver.connectionCount()).toBe(1);
});

test("interim responses do not extend the deadline, however slow or many", async () => {
  const slow = await setup([{ op: "drip", data: "HTTP/1.1 103 E\r\n\r\n", every_ms: 50 }]);
  const fast = await setup([{ op: "flood", data: "HTTP/1.1 103 E\r\n\r\n" }]);
  const [one, other] = await Promise.all([
    slow.post({ timeoutMs: 500 }),
    fast.post({ timeoutMs: 500 }),
  ]);
  expect(one.result).toMatchObject({ reason: "timeout" });
  expect(one.latencyMs).toBeLessThan(600);
  expect(other.result).toMatchObject({ reason: "protocol_error" });
});

test("of an endless body at most 64 KiB are read and 16 KiB kept", async () => {
  const head = "HTTP/1.1 200 OK\r\n\r\n";
  const { receiver, post } = await setup([
    { op: "read_request" },
    { op: "send", data: head },
    { op: "flood", data: "abc" },
  ]);
  const startedMs = performance.now();
  const { result } = await post();
  expect(performance.now() - startedMs).toBeLessThan(800); // By size, not by time.
  expect(result).toMatchObject({ status: 200, bodyTruncated: true });
  expect(result.kind === "responded" && result.body.length).toBe(16_384);
  await expect.poll(receiver.openCount).toBe(0);
});

test("a body that drips ends after a second, and its connection with it", async () => {
  const { receiver, post } = await setup([
    { op: "read_request" },
    { op: "send", data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { op: "drip", data: "1\r\nx\r\n", every_ms: 100 },
  ]);
  const startedMs = performance.now();
  const { result, latencyMs } = await post();
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_000);
  expect(performance.now() - startedMs).toBeLessThan(1_100);
  expect(latencyMs).toBeLessThan(200);
  expect(result).toMatchObject({ status: 200, bodyTruncated: true });
  await expect.poll(receiver.openCount).toBe(0);
});

test("chunks of one byte with long extensions are given up, by size and not by time", async () => {
  const { receiver, post } = await setup([
    readRequest,
    { op: "send", data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { op: "flood", data: `1;${"a".repeat(16_000)}\r\nx\r\n` },
  ]);
  const { result } = await post();
  expect(result).toMatchObject({ status: 200, body: "x", bodyTruncated: true });
  await expect.poll(receiver.openCount).toBe(0);
});

test("Retry-After reaches the caller as it came", async () => {
  const data = "HTTP/1.1 503 X\r\nretry-AFTER: 120\r\nContent-Length: 0\r\n\r\n";
  const { post } = await setup([{ op: "read_request" }, { op: "send", data }]);
  expect((await post()).result).toMatchObject({ status: 503, retryAfter: "120" });
});

test.each([300, 301, 302, 303, 304, 307, 308])("a %i is never followed", async (status) => {
  const elsewhere = await startReceiver(ok);
  onTestFinished(() => elsewhere.close());
  const head = `HTTP/1.1 ${status} X\r\nLocation: ${elsewhere.origin}/\r\nContent-Length: 0\r\n\r\n`;
  const { post } = await setup([{ op: "read_request" }, { op: "send", data: head }]);
  expect((await post()).result).toMatchObject({ kind: "responded", status });
  expect(elsewhere.connectionCount()).toBe(0);
});

test.each([
  ["a URL that is none", { origin: "https://" }],
  ["a path with a line break", { path: "/\r\nx: y" }],
  ["a header with a line break", { headers: ["x", "a\r\nb: c"] }],
])("%s is a result, not an exception", async (_what, request) => {
  const { receiver, post } = await setup(ok);
  expect((await post(request)).result).toMatchObject({ reason: "blocked_url" });
  expect(receiver.connectionCount()).toBe(0);
});

test("an origin beyond originsMax costs the least recently used one its idle connection", async () => {
  const { receiver, sender, post: toFirst } = await setup(okForever, undefined, { originsMax: 1 });
  const second = await startReceiver(okForever);
  onTestFinished(() => second.close());
  const slow = await startReceiver([{ op: "read_request" }, { op: "sleep", ms: 300 }, answerOk]);
  onTestFinished(() => slow.close());
  const inFlight = sender.send(post(slow, {}));
  await toFirst();
  await sender.send(post(second, {}));
  await expect.poll(receiver.openCount).toBe(0);
  expect(judge(await inFlight).outcome).toBe("delivered");
  expect(second.openCount()).toBe(1);
});

test("closing waits for all that is in flight, however often it is asked, and refuses the rest", async () => {
  const slow: Operation[] = [readRequest, { op: "sleep", ms: 200 }, answerOk];
  const { receiver, sender, post: toFirst } = await setup(ok);
  const slowly = await startReceiver(slow);
  onTestFinished(() => slowly.close());
  const ended: string[] = [];
  const note = (what: string) => () => void ended.push(what);
  const quick = toFirst();
  void quick.then(note("quick"));
  const inFlight = sender.send(post(slowly, {}));
  void inFlight.then(note("slow"));
  const closed = [sender.close().then(note("closed")), sender.close().then(note("closed"))];
  expect(await toFirst()).toEqual({
    result: { kind: "unanswered", reason: "connection_failed", detail: "The sender is closed." },
    latencyMs: 0,
    wire: nothingSeen,
  });
  await Promise.all(closed);
  expect(ended).toEqual(["quick", "slow", "closed", "closed"]);
  expect(judge(await inFlight).outcome).toBe("delivered");
  await expect.poll(() => receiver.openCount() + slowly.openCount()).toBe(0);
});

const both = "The answer has both Content-Length and Transfer-Encoding.";
const invalid = (what: string) => `The answer is not valid HTTP/1.1 (${what}).`;

test.each([
  ["200 X\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok", 200, "2\r\nok", both],
  ["503 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok", 503, "ok", both],
  ["200 X\r\nX-A : b\r\n\r\nok", 200, "ok", invalid("an invalid field name")],
  ["404 X\r\nX-A: a\0b\r\n\r\nnot here", 404, "not here", invalid("an invalid field value")],
  ["200 X\r\nContent-Length: x\r\n\r\nok", 200, "ok", invalid("an invalid Content-Length")],
  [
    "200 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    200,
    "ok",
    invalid("two Content-Lengths that differ"),
  ],
  ["200 X\nX-A: b\n\nok", 200, "ok", invalid("a line does not end in CR LF")],
  [
    "200 X\r\nContent-Encoding: br\r\nX-A : b\r\n\r\n\x01\x02",
    200,
    "[br-encoded body not shown]",
    invalid("an invalid field name"),
  ],
])(
  "of the bad answer %j the status and the body are kept, and it stays a failure",
  async (head, status, body, detail) => {
    for (const before of ["", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n"]) {
      const { post } = await setup([
        readRequest,
        { op: "send", data: `${before}HTTP/1.1 ${head}` },
      ]);
      expect((await post()).result).toEqual({
        kind: "unanswered",
        reason: "protocol_error",
        detail,
        seen: { status, body },
      });
    }
  },
);

test.each<[string, Operation[], { reason: string; seen: { status: number } | undefined }]>([
  [
    "a head beyond 16 KiB",
    [
      { op: "send", data: "HTTP/1.1 500 X\r\nX-A: " },
      { op: "send_repeat", data: "a", times: 40_000 },
    ],
    { reason: "headers_too_large", seen: { status: 500 } },
  ],
  [
    "a head that ends too soon",
    [{ op: "send", data: "HTTP/1.1 502 X\r\nX-A: a" }, { op: "fin" }],
    { reason: "connection_closed", seen: { status: 502 } },
  ],
  [
    "a head that never ends",
    [
      { op: "send", data: "HTTP/1.1 200 X\r\n" },
      { op: "drip", data: "X: y\r\n", every_ms: 50 },
    ],
    { reason: "timeout", seen: { status: 200 } },
  ],
  [
    "a head in pieces, the last one bad",
    [
      { op: "send", data: "HTTP/1.1 20" },
      { op: "sleep", ms: 50 },
      { op: "send", data: "3 X\r\nX-A" },
      { op: "sleep", ms: 50 },
      { op: "send", data: " : b\r\n\r\n" },
    ],
    { reason: "protocol_error", seen: { status: 203 } },
  ],
  [
    "an empty line before a bad head of another version",
    [{ op: "send", data: "\r\nHTTP/2.0 503 X\r\nX-A : b\r\n\r\n" }],
    { reason: "protocol_error", seen: { status: 503 } },
  ],
  [
    "a switch of protocols",
    [{ op: "send", data: "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" }],
    { reason: "protocol_error", seen: { status: 101 } },
  ],
  [
    "no status line at all",
    [{ op: "send", data: "SSH-2.0-x\r\n\r\n200 OK" }],
    { reason: "protocol_error", seen: undefined },
  ],
  [
    "interim answers and no other",
    [{ op: "send", data: "HTTP/1.1 103 E\r\n\r\n" }, { op: "fin" }],
    { reason: "connection_closed", seen: undefined },
  ],
  ["silence", [{ op: "hold" }], { reason: "timeout", seen: undefined }],
])("of %s the status is kept if there was one", async (_what, script, expected) => {
  const { post } = await setup([readRequest, ...script]);
  const { result } = await post({ timeoutMs: 600 });
  expect(result).toMatchObject({ kind: "unanswered", reason: expected.reason });
  expect(result).toHaveProperty(
    "detail",
    expect.stringMatching(/^The [^.]+( HTTP\/1\.1)?[^.]*\.$/),
  );
  if (expected.seen) expect(result).toMatchObject({ seen: expected.seen });
  else expect(result).not.toHaveProperty("seen");
});

test("of a bad answer on a kept connection nothing of the one before is kept", async () => {
  const { post } = await setup([
    ...ok,
    readRequest,
    { op: "send", data: "HTTP/1.1 418 X\r\nX-A : b\r\n\r\nteapot" },
  ]);
  expect((await post()).result).toMatchObject({ status: 200 });
  expect((await post()).result).toMatchObject({ seen: { status: 418, body: "teapot" } });
});

test("of a bad answer no more than 16 KiB are kept, as of a good one", async () => {
  const { post } = await setup([
    readRequest,
    { op: "send", data: `HTTP/1.1 200 X\r\nX-A : b\r\n\r\n${"a".repeat(40_000)}` },
  ]);
  const { result } = await post();
  expect(result.kind === "unanswered" && result.seen?.body.length).toBeLessThanOrEqual(16_384);
});

test("of a bad answer no more than 64 KiB are looked at", () => {
  const start = new AnswerStart();
  const head = Buffer.from("HTTP/1.1 200 OK\r\n\r\n");
  expect(start.read()).toBeUndefined();
  start.add(head);
  expect(start.read()).toMatchObject({ status: 200 });
  start.clear();
  const interim = Buffer.from("HTTP/1.1 103 E\r\n\r\n".repeat(1_000));
  for (let n = 0; n < 5; n += 1) start.add(interim);
  start.add(head);
  expect(start.read()).toBeUndefined();
});

test("a good answer is let go of as soon as its head is complete", async () => {
  const clear = vi.spyOn(AnswerStart.prototype, "clear");
  const add = vi.spyOn(AnswerStart.prototype, "add");
  onTestFinished(() => void [clear, add].map((one) => one.mockRestore()));
  const { post } = await setup([
    readRequest,
    { op: "send", data: "HTTP/1.1 103 E\r\n\r\n" },
    { op: "sleep", ms: 20 },
    answerOk,
  ]);
  expect((await post()).result).toMatchObject({ status: 200 });
  expect(add).toHaveBeenCalledTimes(1);
  expect(clear.mock.invocationCallOrder.at(-1)).toBeGreaterThan(
    add.mock.invocationCallOrder.at(-1) ?? 0,
  );
});

test("the bounds of a body hold exactly: 64 KiB are read, 16 KiB kept", () => {
  const read = new ResponseBody(undefined);
  expect(read.add(Buffer.alloc(65_536, "a"))).toBe(true);
  expect(read.add(Buffer.alloc(1, "a"))).toBe(false);
  const whole = new ResponseBody(undefined);
  whole.add(Buffer.alloc(16_384, "a"));
  expect(whole.read(true)).toEqual({ text: "a".repeat(16_384), truncated: false });
  whole.add(Buffer.alloc(1, "a"));
  expect(whole.read(true)).toEqual({ text: "a".repeat(16_384), truncated: true });
});

test("a hundred interim responses and a head of 15 KiB are within the bounds, one more or 17 KiB are not", async () => {
  const answered = async (interimCount: number, headBytes: number) => {
    const { post } = await setup([
      readRequest,
      { op: "send_repeat", data: "HTTP/1.1 103 E\r\n\r\n", times: interimCount },
      {
        op: "send",
        data: `HTTP/1.1 200 OK\r\nX: ${"a".repeat(headBytes)}\r\nContent-Length: 0\r\n\r\n`,
      },
    ]);
    const { result } = await post();
    return result.kind === "responded" ? result.status : result.reason;
  };
  expect(await answered(100, 1)).toBe(200);
  expect(await answered(101, 1)).toBe("protocol_error");
  expect(await answered(0, 15 * 1_024)).toBe(200);
  expect(await answered(0, 17 * 1_024)).toBe("headers_too_large");
});

test("a connection that still holds part of a request is not used for the next one", async () => {
  const { receiver, post } = await setup([
    { op: "pause_reading" },
    { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
    { op: "hold" },
  ]);
  const body = Buffer.alloc(20_000_000, "x");
  for (let n = 0; n < 2; n += 1)
    expect((await post({ body })).result).toMatchObject({ status: 200 });
  expect(receiver.connectionCount()).toBe(2);
});
