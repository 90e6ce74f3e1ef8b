import { expect, test } from "vitest";
import { bytes, count, counted, percent } from "../src/words/numbers.ts";
import { age, clock, dateTime, duration, moment } from "../src/words/times.ts";

test.each([
  [0, "0 ms"],
  [211.6, "212 ms"],
  [1_000, "1 s"],
  [1_240, "1.2 s"],
  [41_900, "41 s"],
  [72_000, "1 min 12 s"],
  [60_000, "1 min"],
  [3_660_000, "1 h 1 min"],
  [90_000_000, "1 d 1 h"],
])("%d ms are said as %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

const nowMs = Date.parse("2026-11-30T10:00:00.000Z");

test.each([
  ["2026-11-30T09:59:58Z", "now"],
  ["2026-11-30T10:00:09Z", "now"],
  ["2026-11-30T09:59:48Z", "12 s"],
  ["2026-11-30T09:58:00Z", "2 min"],
  ["2026-11-30T05:00:00Z", "5 h"],
  ["2026-11-27T09:00:00Z", "3 d"],
])("%s is %s old", (at, text) => {
  expect(age(at, nowMs)).toBe(text);
});

test("times are told in UTC when that is chosen, and the date only where it is another", () => {
  expect(clock("2026-11-30T10:41:07.204Z", "utc")).toBe("10:41:07.204");
  expect(dateTime("2026-11-30T10:41:07.204Z", "utc")).toBe("2026-11-30 10:41:07");
  expect(moment("2026-11-30T09:41:07Z", "utc", nowMs)).toBe("09:41");
  expect(moment("2026-11-29T23:41:07Z", "utc", nowMs)).toBe("2026-11-29 23:41");
});

test("counts, shares and sizes are said as people read them, and not quite all is never all", () => {
  expect([count(184206), counted(1, "attempt"), counted(2, "delivery", "deliveries")]).toEqual([
    "184,206",
    "1 attempt",
    "2 deliveries",
  ]);
  expect([1, 0.99999, 0.9966, 0.0017, 0.00001, 0].map(percent)).toEqual([
    "100 %",
    "> 99.9 %",
    "99.7 %",
    "0.17 %",
    "< 0.01 %",
    "0 %",
  ]);
  expect([475, 12_700, 1_048_576].map(bytes)).toEqual(["475 bytes", "12.4 KiB", "1.0 MiB"]);
});
