import { expect, test } from "vitest";
import { keptResponseHeaders, shownResponseHeaders } from "../../src/domain/response-headers.ts";

const kept = (...headers: string[]): string => keptResponseHeaders(headers);

test.each([
  [[], {}],
  [["Date", "now: 10:30", "X-A", ""], { date: "now: 10:30", "x-a": "" }],
  [["X-A", "1", "x-a", "2"], { "x-a": "1, 2" }],
  [
    ["Set-Cookie", "a=1, 2", "set-cookie", "b", "SET-COOKIE2", "c"],
    { "set-cookie": "***", "set-cookie2": "***" },
  ],
  [["set-cooking", "a"], { "set-cooking": "a" }],
  [["x-name", 'caf\u00e9 "quoted"'], { "x-name": 'caf\u00e9 "quoted"' }],
  [["Constructor", "1"], { constructor: "1" }],
])("%j is shown as %j", (headers, expected) => {
  expect(shownResponseHeaders(kept(...headers))).toEqual(expected);
});

test("a header named __proto__ is shown as any other", () => {
  expect(JSON.stringify(shownResponseHeaders(kept("__proto__", "1")))).toBe('{"__proto__":"1"}');
});

test("no cookie is kept", () => {
  expect(kept("Set-Cookie", "session=1")).toBe("Set-Cookie: ***\n");
});

test("at most 4 KiB of headers are kept, whole and in order", () => {
  const headers = Array.from({ length: 100 }, (_, n) => [`x-${n}`, "v".repeat(90)]).flat();
  const text = kept(...headers);
  expect(text.length).toBeLessThanOrEqual(4_096);
  expect(text.length).toBeGreaterThan(4_096 - 110);
  expect(Object.keys(shownResponseHeaders(text))[0]).toBe("x-0");
  expect(kept("x-a", "v".repeat(5_000), "x-b", "1")).toBe("");
  expect(kept("x-a", "v".repeat(4_090))).toHaveLength(4_096);
  expect(kept("x-a", "v".repeat(4_091))).toBe("");
});
