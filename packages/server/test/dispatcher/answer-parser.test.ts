import fc from "fast-check";
import { expect, test } from "vitest";
import { AnswerParser } from "../../src/dispatcher/answer-parser.ts";
import type { AnswerError } from "../../src/dispatcher/failures.ts";

/** What a parser said of an answer. */
type Read = {
  status?: number;
  headers?: readonly string[];
  body: string;
  complete: boolean;
  keptMs?: number;
  failure?: string;
};

/** Reads an answer that comes in these parts; `ends`: the receiver then closes the connection. */
function read(
  parts: readonly string[],
  { isHead = false, ends = false, parser = new AnswerParser() } = {},
): Read {
  const seen: Read = { body: "", complete: false };
  const events = {
    onHeaders(status: number, headers: readonly string[]) {
      expect(seen.status).toBeUndefined();
      Object.assign(seen, { status, headers });
    },
    onData(chunk: Buffer) {
      expect(seen.status).toBeDefined();
      seen.body += chunk.toString("latin1");
    },
    onComplete() {
      expect(seen.complete).toBe(false);
      seen.complete = true;
      seen.keptMs = parser.keptMs;
    },
  };
  try {
    parser.begin(events, isHead);
    for (const part of parts) parser.feed(Buffer.from(part, "latin1"));
    if (ends && !seen.complete) parser.end();
  } catch (error) {
    seen.failure = (error as AnswerError).failure.detail;
  }
  return seen;
}

const answer = (head: string, body = "") => [`HTTP/1.1 ${head}\r\n\r\n${body}`];
const invalid = (what: string) => `The answer is not valid HTTP/1.1 (${what}).`;
const statusLine = invalid("an invalid status line");
const fieldName = invalid("an invalid field name");
const fieldValue = invalid("an invalid field value");
const lineEnd = invalid("a line does not end in CR LF");
const size = invalid("an invalid size of a chunk");
const length = invalid("an invalid Content-Length");
const closed = "The receiver closed the connection before it answered.";

test.each<[string, string, Partial<Read>]>([
  ["200 OK\r\nContent-Length: 2", "ok", { body: "ok", complete: true, keptMs: 60_000 }],
  ["200 OK\r\nContent-Length: 2", "o", { body: "o", complete: false }],
  ["200 OK\r\nContent-Length: 0", "", { body: "", complete: true, keptMs: 60_000 }],
  ["200\r\nContent-Length: 0", "", { status: 200, complete: true }],
  ["200 \r\nContent-Length: 0", "", { status: 200, complete: true }],
  ["204 No Content", "", { complete: true, keptMs: 60_000 }],
  ["304 X\r\nContent-Length: 10", "", { complete: true, keptMs: 60_000 }],
  ["999 X\r\nContent-Length: 0", "", { status: 999 }],
  ["200 OK\r\nContent-Length: 2\r\nContent-Length: 2", "ok", { body: "ok", complete: true }],
  ["200 OK\r\nContent-Length: 002", "ok", { body: "ok", complete: true }],
  ["200 OK\r\nContent-Length: 00000000000000000002", "ok", { body: "ok", complete: true }],
  ["200 OK", "endless", { body: "endless", complete: false }],
  ["200 OK\r\nTransfer-Encoding: gzip", "x", { body: "x", complete: false }],
  ["200 OK\r\nTransfer-Encoding: chunked, gzip", "x", { body: "x", complete: false }],
  ["200 OK\r\nTransfer-Encoding: gzip, CHUNKED", "0\r\n\r\n", { complete: true, keptMs: 60_000 }],
  [
    "200 OK\r\nTransfer-Encoding: gzip\r\ntransfer-encoding: chunked",
    "0\r\n\r\n",
    { complete: true },
  ],
  [
    "200 OK\r\nTransfer-Encoding: chunked",
    "2\r\nok\r\nA ;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    { body: "ok0123456789", complete: true, keptMs: 60_000 },
  ],
  [
    "200 OK\r\nTransfer-Encoding: chunked",
    `000000000000002\r\nok\r\n${"0".repeat(20)};x\r\n\r\n`,
    { body: "ok", complete: true, keptMs: 60_000 },
  ],
  // A reason is read by nobody.
  ["200 \x01a\x1b\x7f\t\xe9\r\nContent-Length: 0", "", { status: 200, complete: true }],
  [
    "200 OK\r\nX-A:\t a \t\r\nContent-Length: 0",
    "",
    { headers: ["X-A", "a", "Content-Length", "0"] },
  ],
  [
    "200 OK\r\nX-A: \xff\xfe\r\nContent-Length: 0",
    "",
    { headers: ["X-A", "\xff\xfe", "Content-Length", "0"] },
  ],
  ["200 OK\r\nX-A:\r\nContent-Length: 0", "", { headers: ["X-A", "", "Content-Length", "0"] }],
])("%j, %j is read as RFC 9112 says", (head, body, expected) => {
  const seen = read(answer(head, body));
  expect(seen).not.toHaveProperty("failure");
  expect(seen).toMatchObject(expected);
});

test.each<[string, string]>([
  ["<html>hi</html>", statusLine],
  ["220 mail.example.com ESMTP\r\n", statusLine],
  ["SSH-2.0-x\r\n", statusLine],
  ["\x15\x03\x03\x00\x02\x02\x28", statusLine],
  ["HTTP/2 200 OK\r\n", statusLine],
  ["HTTP/2.1 200 OK\r\n", statusLine],
  ["HTTP/3.0 200 OK\r\n", statusLine],
  ["HTTP/0.9 200 OK\r\n", statusLine],
  ["HTTP 200 OK\r\n", statusLine],
  ["HTTP/1.2 200 OK\r\n", statusLine],
  ["http/1.1 200 OK\r\n", statusLine],
  ["HTTP/1.1 20 OK\r\n", statusLine],
  ["HTTP/1.1 2000 OK\r\n", statusLine],
  ["HTTP/1.1 2OO OK\r\n", statusLine],
  ["HTTP/1.1 099 OK\r\n", statusLine],
  ["HTTP/1.1  200 OK\r\n", statusLine],
  ["HTTP/1.1\t200 OK\r\n", statusLine],
  ["HTTP/1.1 200\tOK\r\n", statusLine],
  ["HTTP/1.1 200 a\0b\r\n", statusLine],
  ["HTTP/1.1 200 a\rb\r\n", statusLine],
  ["HTTP/1.1 200 OK\n", lineEnd],
  ["HTTP/1.1 200 OK\r\nX-A: b\n", lineEnd],
  ["HTTP/1.1 200 OK\r\nX-A : b\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\n: b\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\nX-A\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\nX(A): b\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\nX-\xe9: b\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\n X-A: b\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\nX-A: a\r\n b: c\r\n", fieldName],
  ["HTTP/1.1 200 OK\r\nX-A: a\0b\r\n", fieldValue],
  ["HTTP/1.1 200 OK\r\nX-A: a\rb\r\n", fieldValue],
  ["HTTP/1.1 200 OK\r\nX-A: a\x7f\r\n", fieldValue],
  ["HTTP/1.1 200 OK\r\nContent-Length: x\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: +1\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1.0\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length:\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n", length],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456\r\n", length],
  [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n",
    invalid("two Content-Lengths that differ"),
  ],
  [
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
    "The answer has both Content-Length and Transfer-Encoding.",
  ],
  [
    "HTTP/1.1 204 X\r\nTransfer-Encoding: x\r\nContent-Length: 0\r\n\r\n",
    "The answer has both Content-Length and Transfer-Encoding.",
  ],
  [
    "HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n",
    "The receiver switched protocols, which nobody asked for.",
  ],
])("%j fails at once, before anything was said of it", (text, failure) => {
  expect(read([text])).toEqual({ body: "", complete: false, failure });
});

const chunked = (body: string) => answer("200 OK\r\nTransfer-Encoding: chunked", body);

test.each<[string, string]>([
  ["x\r\n", size],
  ["\r\n", size],
  ["-1\r\n", size],
  ["0x1\r\n", size],
  [" 1\r\n", size],
  ["ffffffffffffffffff\r\n", size],
  ["1 1\r\n", size],
  ["1;\0\r\n", size],
  ["1\n", lineEnd],
  ["1\r\nxy\r\n", invalid("a chunk is longer than its size")],
  ["1\r\nx\n", lineEnd],
  ["0\r\nX : y\r\n", fieldName],
  ["0\r\nX: y\n", lineEnd],
  [`1;${"x".repeat(16_384)}`, "The head of the answer is larger than 16 KiB."],
  [`1;${"x".repeat(6_000)}\r\ny\r\n`.repeat(3), "The head of the answer is larger than 16 KiB."],
  [`0\r\n${"X: y\r\n".repeat(3_000)}`, "The head of the answer is larger than 16 KiB."],
])("the chunk %j fails behind a head that stands", (body, failure) => {
  expect(read(chunked(body))).toMatchObject({ status: 200, complete: false, failure });
});

test("of interim answers a hundred are skipped, and no more", () => {
  const interim = "HTTP/1.1 103 E\r\nLink: x\r\nContent-Length: 5\r\n\r\n";
  const [final] = answer("200 OK\r\nContent-Length: 0");
  expect(read([interim.repeat(100), final ?? ""])).toMatchObject({ status: 200, complete: true });
  expect(read([interim.repeat(101)])).toEqual({
    body: "",
    complete: false,
    failure: "The receiver sent too many interim responses.",
  });
});

test("a head may have 16 KiB, however it arrives", () => {
  const bare = "HTTP/1.1 204 X\r\nA: \r\n\r\n";
  const head = (bytes: number) => bare.replace("A: ", `A: ${"x".repeat(bytes - bare.length)}`);
  const tooLarge = "The head of the answer is larger than 16 KiB.";
  expect(read([head(16_384)])).toMatchObject({ status: 204, complete: true });
  expect(read([...head(16_384)])).toMatchObject({ status: 204, complete: true });
  expect(read([head(16_385)])).toMatchObject({ complete: false, failure: tooLarge });
  expect(read([...head(16_385)])).toMatchObject({ complete: false, failure: tooLarge });
  expect(read(["HTTP/1.1 200 ", "x".repeat(20_000)])).toMatchObject({ failure: tooLarge });
});

test("an answer without a length ends with the connection, one with a length does not", () => {
  expect(read(answer("200 OK", "abc"), { ends: true })).toMatchObject({
    body: "abc",
    complete: true,
    keptMs: 0,
  });
  for (const parts of [
    [],
    ["HTTP/1.1 200 OK\r\n"],
    answer("103 E"),
    answer("200 OK\r\nContent-Length: 4", "abc"),
    chunked("3\r\nabc\r\n"),
    chunked("5\r\nabc"),
    chunked("0\r\n"),
  ]) {
    expect(read(parts, { ends: true })).toMatchObject({ complete: false, failure: closed });
  }
});

test("the answer to a HEAD has no body, whatever its length says", () => {
  const parts = answer("200 OK\r\nContent-Length: 10");
  expect(read(parts, { isHead: true })).toMatchObject({ complete: true, keptMs: 60_000 });
});

test.each<[string, number]>([
  ["HTTP/1.1 204 X", 60_000],
  ["HTTP/1.1 204 X\r\nConnection: keep-alive", 60_000],
  ["HTTP/1.1 204 X\r\nConnection: close", 0],
  ["HTTP/1.1 204 X\r\nconnection: foo, Close", 0],
  ["HTTP/1.1 204 X\r\nConnection: foo\r\nConnection: close", 0],
  ["HTTP/1.1 204 X\r\nConnection: closed", 60_000],
  ["\r\n\r\nHTTP/1.1 204 X", 60_000],
  ["\n\nHTTP/1.1 204 X", 60_000],
  // A body that must not be there may come later, and would be read as the next answer.
  ["HTTP/1.1 204 X\r\nContent-Length: 2", 0],
  ["HTTP/1.1 204 X\r\nTransfer-Encoding: chunked", 0],
  ["HTTP/1.1 204 X\r\nContent-Length: 0", 60_000],
  // Proxies write this in front of what they received over HTTP/2; the rest is HTTP/1.
  ["HTTP/2.0 204 X", 0],
  ["HTTP/2.0 204 X\r\nConnection: keep-alive", 60_000],
  ["HTTP/1.0 204 X", 0],
  ["HTTP/1.0 204 X\r\nConnection: Keep-Alive", 60_000],
  ["HTTP/1.1 204 X\r\nKeep-Alive: timeout=5", 3_000],
  ["HTTP/1.1 204 X\r\nKeep-Alive: max=100, timeout=75", 73_000],
  ["HTTP/1.1 204 X\r\nKeep-Alive: timeout=99999", 600_000],
  ["HTTP/1.1 204 X\r\nKeep-Alive: timeout=2", 0],
  ["HTTP/1.1 204 X\r\nKeep-Alive: timeout=0", 0],
  ["HTTP/1.1 204 X\r\nKeep-Alive: 5", 60_000],
])("%j may carry another request within %i ms", (head, keptMs) => {
  expect(read([`${head}\r\n\r\n`])).toMatchObject({ complete: true, keptMs });
});

test("small extensions of any number of chunks are read over", () => {
  const chunk = "1;ieof=1\r\nx\r\n";
  expect(read(chunked(`${chunk.repeat(10_000)}0\r\n\r\n`))).toMatchObject({
    body: "x".repeat(10_000),
    complete: true,
  });
});

test("a connection on which more came than the answer carries no other request", () => {
  for (const parts of [
    answer("200 OK\r\nContent-Length: 2", "okGARBAGE"),
    answer("204 X", "x"),
    chunked("0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
  ]) {
    expect(read(parts)).toMatchObject({ complete: true, keptMs: 0 });
  }
  expect(read(answer("200 OK\r\nContent-Length: 2", "okGARBAGE")).body).toBe("ok");
});

test("nothing of an answer is left for the next one on the connection", () => {
  const parser = new AnswerParser();
  const first = answer(
    "200 OK\r\nContent-Length: 2\r\nConnection: close\r\nKeep-Alive: timeout=5",
    "ok",
  );
  expect(read(first, { parser })).toMatchObject({ body: "ok", keptMs: 0 });
  read(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"], { parser });
  read(["HTTP/1.1 2"], { parser });
  expect(read(["\r\n", ...answer("200 OK\r\nX: y", "ok")], { parser, ends: true })).toEqual({
    status: 200,
    headers: ["X", "y"],
    body: "ok",
    complete: true,
    keptMs: 0,
  });
});

test("a parser that was stopped says nothing more", () => {
  const parser = new AnswerParser();
  const heard: number[] = [];
  const events = {
    onHeaders(status: number) {
      heard.push(status);
      parser.stop();
    },
    onData: () => heard.push(0),
    onComplete: () => heard.push(1),
  };
  parser.begin(events, false);
  parser.feed(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  parser.feed(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
  expect(heard).toEqual([200]);
});

/** Pieces of answers, good and bad, from which texts are made that reach deep into the parser. */
const piece = fc.oneof(
  fc.constantFrom(
    ...["HTTP/1.1 200 OK\r\n", "HTTP/1.0 204\r\n", "HTTP/1.1 103 E\r\n", "HTTP/1.1 500 X\r\n"],
    ...["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n"],
    ...["X: y\r\n", "X : y\r\n", " folded\r\n", "\r\n", "\n", "\r", "5\r\nhello\r\n", "0\r\n\r\n"],
  ),
  fc.string({ maxLength: 5 }),
);
const start = fc.constantFrom(
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "",
);
const text = fc
  .tuple(start, fc.array(piece, { maxLength: 12 }))
  .map(([first, rest]) => first + rest.join(""));
const cuts = fc.array(fc.nat(200), { maxLength: 8 });

/** The text in parts that end at these places. */
function cut(whole: string, at: readonly number[]): string[] {
  const places = [...new Set(at)].filter((one) => one < whole.length).sort((a, b) => a - b);
  return [...places, whole.length].map((end, index) => whole.slice(places[index - 1] ?? 0, end));
}

test("an answer says the same whether it arrives in one piece or in many", () => {
  fc.assert(
    fc.property(text, cuts, fc.boolean(), fc.boolean(), (whole, places, isHead, ends) => {
      const inOne = read([whole], { isHead, ends });
      const { keptMs, ...rest } = read(cut(whole, places), { isHead, ends });
      // Bytes behind the answer may come later: then the connection is found spoiled when they come.
      expect(rest).toEqual({ ...inOne, keptMs: undefined });
      if (inOne.keptMs) expect(keptMs).toBe(inOne.keptMs);
    }),
    { numRuns: 2_000 },
  );
});

test("every good answer is read as it was made", () => {
  const name = fc.stringMatching(/^X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
  const value = fc.stringMatching(
    /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/,
  );
  const fields = fc.array(fc.tuple(name, value), { maxLength: 5 });
  const body = fc.array(
    fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((bytes) => Buffer.from(bytes).toString("latin1")),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(
      ...([
        fc.integer({ min: 200, max: 599 }),
        fields,
        body,
        fc.constantFrom("length", "chunks", "end"),
        cuts,
      ] as const),
      (status, named, chunks, way, places) => {
        const whole = status === 204 || status === 304 ? "" : chunks.join("");
        const lines = named.map((pair) => `${pair.join(": ")}\r\n`).join("");
        const framed = {
          length: `Content-Length: ${whole.length}\r\n\r\n${whole}`,
          chunks: `Transfer-Encoding: chunked\r\n\r\n${whole === "" ? "" : chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join("")}${status === 204 || status === 304 ? "" : "0\r\n\r\n"}`,
          end: `\r\n${whole}`,
        }[way];
        const seen = read(cut(`HTTP/1.1 ${status} X\r\n${lines}${framed}`, places), { ends: true });
        expect(seen).toMatchObject({ status, body: whole, complete: true });
        expect(seen.headers?.slice(0, named.length * 2)).toEqual(named.flat());
      },
    ),
    { numRuns: 1_000 },
  );
});
