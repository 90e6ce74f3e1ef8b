import { expect, test } from "vitest";
import { keptResponseHeaders } from "../../src/dispatcher/response-headers.ts";

const kept = (...headers: string[]): string =>
  keptResponseHeaders(headers.map((text) => Buffer.from(text, "latin1")));

test.each([
  [[], {}],
  [["Date", "now", "X-A", ""], { date: "now", "x-a": "" }],
  [["X-A", "1", "x-a", "2"], { "x-a": "1, 2" }],
  [["Set-Cookie", "a=1, 2", "set-cookie", "b"], { "set-cookie": "***" }],
  [["x-name", 'caf\u00e9 "quoted"'], { "x-name": 'caf\u00e9 "quoted"' }],
  [["Constructor", "1"], { constructor: "1" }],
])("%j is kept as %j", (headers, expected) => {
  expect(JSON.parse(kept(...headers))).toEqual(expected);
});

test("a header named __proto__ is kept as any other", () => {
  expect(kept("__proto__", "1")).toBe('{"__proto__":"1"}');
});

test("what is kept has at most 4 KiB, in whole headers and in their order", () => {
  const headers = Array.from({ length: 100 }, (_, n) => [`x-${n}`, "v".repeat(90)]).flat();
  const text = kept(...headers);
  expect(text.length).toBeLessThanOrEqual(4_096);
  expect(text.length).toBeGreaterThan(4_096 - 110);
  expect(Object.keys(JSON.parse(text))[0]).toBe("x-0");
  expect(kept("x-a", "v".repeat(5_000), "x-b", "1")).toBe("{}");
  // In JSON a quotation mark takes two bytes, and so does a letter beyond ASCII.
  expect(kept("x-a", '"'.repeat(2_100))).toBe("{}");
  expect(kept("x-a", "\u00e9".repeat(2_100))).toBe("{}");
  expect(Buffer.byteLength(kept("x-a", "v".repeat(4_085)))).toBe(4_095);
});
