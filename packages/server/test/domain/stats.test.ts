import { expect, test } from "vitest";
import { bucketsMax, bucketsOf, type StatsStep } from "../../src/domain/stats.ts";

const now = new Date("2026-11-29T20:17:31.250Z");
const at = (text: string) => new Date(text);

function read(from: string | null, to: string | null, step: StatsStep) {
  const buckets = bucketsOf({ from: from ? at(from) : null, to: to ? at(to) : null }, step, now);
  if (typeof buckets === "string") return buckets;
  const { beginnings, end } = buckets;
  return [beginnings.length, beginnings[0]?.toISOString(), end.toISOString()];
}

test.each([
  [null, null, "hour", [25, "2026-11-28T20:00:00.000Z", "2026-11-29T21:00:00.000Z"]],
  [null, null, "day", [2, "2026-11-28T00:00:00.000Z", "2026-11-30T00:00:00.000Z"]],
  [
    null,
    "2026-11-02T00:00:00Z",
    "hour",
    [24, "2026-11-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z"],
  ],
  [
    "2026-11-29T20:16:00Z",
    null,
    "minute",
    [2, "2026-11-29T20:16:00.000Z", "2026-11-29T20:18:00.000Z"],
  ],
  // Whole buckets stay what they are, and a millisecond more takes one more, at either end.
  [
    "2026-11-01T10:00:00Z",
    "2026-11-01T11:00:00Z",
    "hour",
    [1, "2026-11-01T10:00:00.000Z", "2026-11-01T11:00:00.000Z"],
  ],
  [
    "2026-11-01T10:00:00Z",
    "2026-11-01T11:00:00.001Z",
    "hour",
    [2, "2026-11-01T10:00:00.000Z", "2026-11-01T12:00:00.000Z"],
  ],
  [
    "2026-11-01T09:59:59.999Z",
    "2026-11-01T11:00:00Z",
    "hour",
    [2, "2026-11-01T09:00:00.000Z", "2026-11-01T11:00:00.000Z"],
  ],
  [
    "2026-11-01T23:00:00-05:00",
    "2026-11-02T05:00:00Z",
    "day",
    [1, "2026-11-02T00:00:00.000Z", "2026-11-03T00:00:00.000Z"],
  ],
] as const)("from %s to %s by the %s are whole buckets of UTC", (from, to, step, expected) => {
  expect(read(from, to, step)).toEqual(expected);
});

test("a span that ends where it begins, or before, has no buckets", () => {
  expect(read("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z", "hour")).toBe("backwards");
  expect(read("2026-11-01T10:00:00.001Z", "2026-11-01T10:00:00Z", "minute")).toBe("backwards");
  expect(read("2026-11-29T20:17:31.250Z", null, "minute")).toBe("backwards");
});

test("as many buckets as are allowed are given, and one more is too many", () => {
  const from = at("2026-11-01T00:00:00Z");
  const to = new Date(from.getTime() + bucketsMax * 60_000);
  expect(bucketsOf({ from, to }, "minute", now)).toMatchObject({ end: to });
  expect(bucketsOf({ from, to: new Date(to.getTime() + 1) }, "minute", now)).toBe("too_many");
});
