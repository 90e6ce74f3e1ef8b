import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRetryAfter } from "../../src/domain/retry-after.ts";

const nowMs = Date.UTC(2026, 0, 1); // a Thursday

test.each([
  ["0", 0],
  ["1", 1],
  ["120", 120],
  ["007", 7],
  [" \t30 \t", 30],
  ["86400", 86_400],
  ["86401", 86_400],
  ["99999999999999999999", 86_400],
  ["9".repeat(400), 86_400],
])("delta-seconds %j are %d s", (value, seconds) => {
  expect(parseRetryAfter(value, nowMs)).toBe(seconds);
});

test.each([
  ["Thu, 01 Jan 2026 00:02:00 GMT", 120],
  ["Thursday, 01-Jan-26 00:02:00 GMT", 120],
  ["Thu Jan  1 00:02:00 2026", 120],
  ["Thu Jan 01 00:02:00 2026", 120],
  ["  Thu, 01 Jan 2026 00:00:01 GMT ", 1],
  ["Thu, 01 Jan 2026 23:59:60 GMT", 86_400],
  ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["Sunday, 06-Nov-94 08:49:37 GMT", 0],
  ["Sun Nov  6 08:49:37 1994", 0],
  ["Fri, 01 Jan 2100 00:00:00 GMT", 86_400],
  ["Friday, 01-Jan-27 00:00:00 GMT", 86_400],
  ["Thu, 29 Feb 2024 00:00:00 GMT", 0],
  ["Wed, 01 Jan 1969 00:00:00 GMT", 0],
])("the HTTP-date %j is %d s away", (value, seconds) => {
  expect(parseRetryAfter(value, nowMs)).toBe(seconds);
});

test("a two-digit year is in the past when it would be more than 50 years ahead", () => {
  expect(parseRetryAfter("Wednesday, 01-Jan-76 00:00:00 GMT", nowMs)).toBe(86_400); // 2076
  expect(parseRetryAfter("Saturday, 01-Jan-77 00:00:00 GMT", nowMs)).toBe(0); // 1977
  const in2099 = Date.UTC(2099, 11, 31, 23, 59);
  expect(parseRetryAfter("Friday, 01-Jan-00 00:00:00 GMT", in2099)).toBe(60); // 2100
});

test.each([
  ...["", " ", "-5", "+5", "1.5", "1e3", "0x10", "5s", "10, 20", "5,", "٣", "\u00a030", "30\n"],
  ...["2026-01-01T00:02:00Z", "Thu, 1 Jan 2026 00:02:00 GMT", "Thu, 01 Jan 2026 00:02:00 UTC"],
  ...[
    "Thu, 01 Jan 2026 00:02:00 +0000",
    "Thu, 01 Jan 2026 00:02:00",
    "thu, 01 jan 2026 00:02:00 gmt",
  ],
  ...[
    "Thu, 01 Jan 2026 24:00:00 GMT",
    "Thu, 01 Jan 2026 00:60:00 GMT",
    "Thu, 01 Jan 2026 00:00:61 GMT",
    "Thu, 01 Jan 2026 0:2:0 GMT",
  ],
  ...[
    "Thu, 00 Jan 2026 00:02:00 GMT",
    "Sat, 29 Feb 2025 00:02:00 GMT",
    "Fri, 31 Apr 2026 00:00:00 GMT",
  ],
  ...[
    "Fri, 01 Jan 2026 00:02:00 GMT",
    "Thu, 01 Foo 2026 00:02:00 GMT",
    "Thu,01 Jan 2026 00:02:00 GMT",
  ],
  ...[
    "Thu, 01-Jan-26 00:02:00 GMT",
    "Thursday, 01 Jan 2026 00:02:00 GMT",
    "Thu Jan 1 00:02:00 2026",
  ],
  ...[
    "Thu, 01 Jan 2026 00:02:00 GMT, Thu, 01 Jan 2026 00:03:00 GMT",
    "Thu, 01 Jan 2026 00:02:00 GMTx",
  ],
])("%j is not in the grammar", (value) => {
  expect(parseRetryAfter(value, nowMs)).toBeUndefined();
});

test("every date that toUTCString writes is read back to the second", () => {
  const ahead = fc.integer({ min: -1_000_000, max: 86_400 });
  const now = fc.integer({ min: Date.UTC(1995, 0) / 1000, max: Date.UTC(2199, 0) / 1000 });
  fc.assert(
    fc.property(now, ahead, (nowSeconds, seconds) => {
      const date = new Date((nowSeconds + seconds) * 1000).toUTCString();
      expect(parseRetryAfter(date, nowSeconds * 1000)).toBe(Math.max(0, seconds));
    }),
  );
});

test("no text gives anything but whole seconds of one day, or undefined", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const seconds = parseRetryAfter(value, nowMs) ?? 0;
      expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400).toBe(true);
    }),
  );
});
