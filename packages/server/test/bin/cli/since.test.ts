import { expect, test } from "vitest";
import { parseSince, since } from "../../../bin/cli/since.ts";

/** Half past twelve by the clock of whatever machine this runs on. */
const now = new Date(2026, 10, 30, 12, 30, 0, 0);
const local = (...at: [number, number, number, number?, number?, number?]) =>
  new Date(...at).toISOString();

test.each([
  ["90s", new Date(now.getTime() - 90_000).toISOString()],
  ["30m", new Date(now.getTime() - 1_800_000).toISOString()],
  ["30min", new Date(now.getTime() - 1_800_000).toISOString()],
  ["1h", new Date(now.getTime() - 3_600_000).toISOString()],
  ["2d", new Date(now.getTime() - 172_800_000).toISOString()],
  ["1w", new Date(now.getTime() - 604_800_000).toISOString()],
  ["10:41", local(2026, 10, 30, 10, 41)],
  ["9:05", local(2026, 10, 30, 9, 5)],
  ["10:41:07", local(2026, 10, 30, 10, 41, 7)],
  ["2026-11-29", local(2026, 10, 29)],
  ["2026-11-29T10:41:07Z", "2026-11-29T10:41:07.000Z"],
  ["2026-11-29T10:41:07.204Z", "2026-11-29T10:41:07.204Z"],
  ["2026-11-29T10:41+02:00", "2026-11-29T08:41:00.000Z"],
  ["2026-11-29 10:41", local(2026, 10, 29, 10, 41)],
])("%s is %s", (text, at) => {
  expect(parseSince(text, now.getTime())).toBe(at);
});

test("a time of day that is still to come was yesterday's", () => {
  expect(parseSince("23:10", now.getTime())).toBe(local(2026, 10, 29, 23, 10));
  const january = new Date(2027, 0, 1, 0, 10);
  expect(parseSince("23:10", january.getTime())).toBe(local(2026, 11, 31, 23, 10));
});

test.each([
  "",
  "yesterday",
  "1",
  "-1h",
  "1y",
  "25:00",
  "10:60",
  "10:41:60",
  "2026-02-30",
  "2026-13-01",
  "2026-11-29T25:00Z",
  "1e3s",
  "10:4",
])("%j is no point in time, and the option says what one is", (text) => {
  expect(parseSince(text, now.getTime())).toBeUndefined();
  expect(() => since(text)).toThrow(/30m, 1h or 2d ago, a time of day as 10:41/);
});
