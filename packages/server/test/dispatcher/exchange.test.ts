import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AnswerStart } from "../../src/dispatcher/answer-start.ts";
import type { Connection, Connections } from "../../src/dispatcher/connections.ts";
import type { Deadlines } from "../../src/dispatcher/deadlines.ts";
import { Exchange, type SendReport } from "../../src/dispatcher/exchange.ts";
import {
  AnswerError,
  ConnectError,
  lookUpFailure,
  malformed,
} from "../../src/dispatcher/failures.ts";
import type { Request } from "../../src/dispatcher/request-text.ts";
import { armFaultPoints } from "../../src/fault-points.ts";

const way = { address: null, dns: null, connect: null, tls: null };

const timeoutMs = 5_000;
const body = Buffer.from("{}");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An exchange that has started, on connections that only write down what becomes of them. */
function start({ kept = false, acquire = (_fresh: boolean) => {} } = {}) {
  const log: string[] = [];
  const reports: SendReport[] = [];
  const sent: Request[] = [];
  const given: Connection[] = [];
  const connections: Connections = {
    acquire(origin, { fresh }) {
      log.push(`acquire ${fresh ? "fresh " : ""}${origin}`);
      acquire(fresh);
      const connection = { kept: kept && !fresh, answer: new AnswerStart() } as Connection;
      given.push(connection);
      return connection;
    },
    dispatch(_connection, request) {
      sent.push(request);
    },
    release: (connection) => void log.push(`release ${given.indexOf(connection)}`),
    discard: (connection) => void log.push(`discard ${given.indexOf(connection)}`),
    close: () => {},
  };
  const deadlines: Deadlines = {
    arm: (_one, delayMs) => void log.push(`arm ${delayMs}`),
    disarm: () => void log.push("disarm"),
    close: () => {},
  };
  const onEnd = () => void log.push("end");
  const exchange = new Exchange(
    { connections, deadlines, onEnd },
    { origin: "https://a.example.com", path: "/hook?a=1", headers: ["x", "y"], body, timeoutMs },
    (report) => reports.push(report),
  );
  exchange.start();
  const connection = () => given.at(-1) as Connection;
  return {
    exchange,
    log,
    reports,
    sent,
    connection,
    results: () => reports.map((one) => one.result),
  };
}

const started = ["arm 5000", "acquire https://a.example.com"];
/** What comes at the end of an exchange whose connection cannot be used again. */
const spoiled = ["disarm", "discard 0", "end"];

const responded = {
  kind: "responded",
  status: 200,
  body: "",
  bodyTruncated: false,
  retryAfter: undefined,
} as const;
const reset = Object.assign(new Error(""), { code: "ECONNRESET" });
const connectionReset = {
  kind: "unanswered",
  reason: "connection_reset",
  detail: "The receiver reset the connection before it answered.",
};

test("a good exchange gives its connection back and is reported once", () => {
  const { exchange, log, sent, results } = start();
  expect(sent).toEqual([{ path: "/hook?a=1", method: "POST", headers: ["x", "y"], body }]);
  exchange.onWriting();
  exchange.onHeaders(200, []);
  exchange.onData(Buffer.from("o"));
  exchange.onData(Buffer.from("k"));
  expect(results()).toEqual([]);
  exchange.onComplete();
  expect(results()).toEqual([{ ...responded, body: "ok" }]);
  expect(log).toEqual([...started, "arm 1000", "disarm", "release 0", "end"]);
});

test("an answer without a body is whole when it ended and cut when it did not", () => {
  const whole = start();
  whole.exchange.onHeaders(204, []);
  whole.exchange.onComplete();
  expect(whole.results()).toEqual([{ ...responded, status: 204 }]);
  const cut = start();
  cut.exchange.onHeaders(503, []);
  cut.exchange.expire();
  expect(cut.results()).toEqual([{ ...responded, status: 503, bodyTruncated: true }]);
});

type Ending = [string, (exchange: Exchange) => void];
const endings: Ending[] = [
  ["a head", (exchange) => exchange.onHeaders(500, [])],
  ["a body", (exchange) => exchange.onData(Buffer.alloc(100_000))],
  ["an end", (exchange) => exchange.onComplete()],
  ["an error", (exchange) => exchange.onError(reset)],
  ["the deadline", (exchange) => exchange.expire()],
];

test.each(endings)("after it has ended %s changes nothing", (_what, goOn) => {
  for (const [, end] of endings.slice(2)) {
    const { exchange, log, reports } = start();
    if (end !== endings[3]?.[1]) exchange.onHeaders(200, []);
    end(exchange);
    const [before, [report]] = [[...log], reports];
    goOn(exchange);
    expect(log).toEqual(before);
    expect(reports).toEqual([report]);
  }
});

test.each<Ending>([
  ["it breaks off", (exchange) => exchange.onError(reset)],
  ["it does not end in time", (exchange) => exchange.expire()],
  ["it is too long", (exchange) => exchange.onData(Buffer.alloc(65_536))],
])("an answer whose head came counts although %s, and its connection does not", (_what, end) => {
  const { exchange, log, results } = start({ kept: true });
  exchange.onHeaders(200, []);
  exchange.onData(Buffer.from("a"));
  end(exchange);
  expect(results()).toMatchObject([{ kind: "responded", status: 200, bodyTruncated: true }]);
  expect(log).toEqual([...started, "arm 1000", ...spoiled]);
});

test.each<[string, boolean, (exchange: Exchange) => void]>([
  ["that is new", false, () => {}],
  ["that may have carried the request away", true, (exchange) => exchange.onWriting()],
])("an error on a connection %s is what became of the request", (_what, kept, before) => {
  const { exchange, log, results } = start({ kept });
  before(exchange);
  exchange.onError(reset);
  expect(results()).toEqual([connectionReset]);
  expect(log).toEqual([...started, ...spoiled]);
});

test("a kept connection that was dead is replaced by a fresh one, once, within the same time", () => {
  const { exchange, log, sent, results } = start({ kept: true });
  exchange.onError(reset);
  expect(results()).toEqual([]);
  const replaced = [...started, "discard 0", "acquire fresh https://a.example.com"];
  expect(log).toEqual(replaced);
  expect(sent).toHaveLength(2);
  expect(sent[1]).toEqual(sent[0]);
  exchange.onError(reset);
  expect(results()).toEqual([connectionReset]);
  expect(log).toEqual([...replaced, "disarm", "discard 1", "end"]);
});

test("what the connector says is final, also on a kept connection", () => {
  const { exchange, log, results } = start({ kept: true });
  exchange.onError(new ConnectError(lookUpFailure("ENOTFOUND")));
  expect(results()).toMatchObject([{ reason: "dns_error" }]);
  expect(log).toEqual([...started, ...spoiled]);
});

test("an origin that is none is reported, at first and when a connection is replaced", () => {
  const invalid = Object.assign(new Error(""), { code: "ERR_INVALID_URL" });
  const first = start({
    acquire: () => {
      throw invalid;
    },
  });
  expect(first.results()).toMatchObject([{ reason: "blocked_url" }]);
  expect(first.log).toEqual([...started, "disarm", "end"]);
  const later = start({
    kept: true,
    acquire: (fresh) => {
      if (fresh) throw invalid;
    },
  });
  later.exchange.onError(reset);
  expect(later.results()).toMatchObject([{ reason: "blocked_url" }]);
});

test.each([
  [undefined, "timeout", "The receiver did not answer within 5000 ms."],
  ["connecting", "timeout", "The receiver did not accept the connection within 5000 ms."],
  ["resolving", "dns_error", "The name server did not answer within 5000 ms (TIMEOUT)."],
] as const)("who runs out of time in the stage %s is told so", (stage, reason, detail) => {
  const { exchange, log, results, connection } = start();
  if (stage) connection().connecting = { stage, way, cancel() {} };
  exchange.expire();
  expect(results()).toEqual([{ kind: "unanswered", reason, detail }]);
  expect(log).toEqual([...started, ...spoiled]);
});

test("of a bad answer the status and the body are reported with the reason", () => {
  const { exchange, connection, results } = start();
  connection().answer.add(Buffer.from("HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\nok"));
  exchange.onError(new AnswerError(malformed("a reason")));
  const detail = "The answer is not valid HTTP/1.1 (a reason).";
  const seen = { status: 200, body: "ok" };
  expect(results()).toEqual([{ kind: "unanswered", reason: "protocol_error", detail, seen }]);
});

test("the latency ends with the head of the answer, or with the failure", () => {
  const answered = start();
  vi.advanceTimersByTime(70);
  answered.exchange.onHeaders(200, []);
  vi.advanceTimersByTime(500);
  answered.exchange.onComplete();
  expect(answered.reports).toMatchObject([{ latencyMs: 70 }]);
  const failed = start();
  vi.advanceTimersByTime(30);
  vi.advanceTimersByTime(50);
  failed.exchange.onError(reset);
  expect(failed.reports).toMatchObject([{ latencyMs: 80 }]);
});

test.each<[string[], string | undefined]>([
  [[], undefined],
  [["Retry-After", "120"], "120"],
  [["rEtRY-aFTER", "120", "x", "y"], "120"],
  [["X-Elevenxxx", "5", "Date", "x", "Retry-After", "120"], "120"],
  [["Retry-After", "", "retry-after", "1", "RETRY-AFTER", "2"], ", 1, 2"],
  [["Retry-After", "\xe9"], "\xe9"],
  [["X-Elevenxxx", "Retry-After", "Retry-Afte", "1", "Retry-After2", "2"], undefined],
])("of the fields %j the value of Retry-After is %j", (texts, retryAfter) => {
  const { exchange, results } = start();
  exchange.onHeaders(503, texts);
  exchange.onComplete();
  expect(results()).toEqual([{ ...responded, status: 503, retryAfter }]);
});

test("a body that is encoded is not shown", () => {
  const { exchange, results } = start();
  exchange.onHeaders(200, ["X-Sixteen-Letter", "gzip", "Content-Encoding", "br"]);
  exchange.onData(Buffer.from("\x01\x02"));
  exchange.onComplete();
  expect(results()).toMatchObject([{ body: "[br-encoded body not shown]" }]);
});

test("a process can be ended when the request is written and when the head has come", () => {
  const points: string[] = [];
  armFaultPoints((point) => points.push(point));
  const { exchange } = start();
  exchange.onWritten();
  expect(points).toEqual(["after_request_written"]);
  exchange.onHeaders(200, []);
  expect(points).toEqual(["after_request_written", "after_response_head"]);
});
