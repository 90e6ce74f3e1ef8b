import { expect, test } from "vitest";
import { ConnectError } from "../../src/dispatcher/failures.ts";
import { type Request, requestText } from "../../src/dispatcher/request-text.ts";

const text = (request: Partial<Request>) =>
  requestText("a.example.com", {
    ...{ method: "POST", path: "/", headers: [], body: Buffer.from("{}") },
    ...request,
  });
const head = "POST / HTTP/1.1\r\nhost: a.example.com\r\nconnection: keep-alive\r\n";

test("a request is its line, its headers in their order, and the length of its body", () => {
  expect(text({ headers: ["x-b", "1", "X-A", "\t \xe9"] })).toBe(
    `${head}x-b: 1\r\nX-A: \t \xe9\r\ncontent-length: 2\r\n\r\n`,
  );
  expect(text({ body: Buffer.alloc(0) })).toBe(`${head}content-length: 0\r\n\r\n`);
  expect(text({ method: "HEAD", path: "/a?b=%20", body: null })).toBe(
    `${head.replace("POST / ", "HEAD /a?b=%20 ")}\r\n`,
  );
});

test.each<[string, Partial<Request>]>([
  ["an empty path", { path: "" }],
  ["a path that is a URL", { path: "http://b.example.com/" }],
  ["a path of an asterisk", { path: "*" }],
  ...[" ", "\t", "\0", "\r", "\n", "\x7f", "\u010a", "\u4e2d"].map(
    (one): [string, Partial<Request>] => [
      `a path with ${JSON.stringify(one)}`,
      { path: `/${one}` },
    ],
  ),
  ["a header without a name", { headers: ["", "a"] }],
  ...[" ", ":", "\0", "\r", "\n", "(", "\xe9", "\u010a"].map((one): [string, Partial<Request>] => [
    `a name with ${JSON.stringify(one)}`,
    { headers: [`x${one}`, "a"] },
  ]),
  // U+010A would be written as a line feed: only its lower byte is.
  ...["\0", "\r", "\n", "\x0b", "\x7f", "\u010a", "\u4e2d"].map(
    (one): [string, Partial<Request>] => [
      `a value with ${JSON.stringify(one)}`,
      { headers: ["x", `a${one}`] },
    ],
  ),
])("%s is refused", (_what, request) => {
  expect(() => text(request)).toThrow(ConnectError);
});
