import type { Replay } from "@postrider/sdk";
import { expect, test } from "vitest";
import { progressOf, replayEnd, replayQuestion } from "../../../bin/cli/replay-progress.ts";

const replay: Replay = {
  id: "6b0c3f2a9d4e5f607182930a",
  state: "running",
  filter: {},
  only: "failed",
  rate_per_second: 50,
  matching: 312,
  replayed: 260,
  skipped: 0,
  delivered: 251,
  failed: 0,
  created_at: "2026-11-30T10:00:00.000Z",
  started_at: "2026-11-30T10:00:00.000Z",
  finished_at: null,
  actor: "system",
};
const pace = { ended: 200, ms: 5_000 };

test.each([
  [
    120,
    "Replaying  ████████████████░░░░  251 / 312   delivered 251, failed 0   2 s left   Ctrl-C leaves it running",
  ],
  [80, "Replaying  ████████████████░░░░  251 / 312   delivered 251, failed 0   2 s left"],
  [60, "Replaying  251 / 312   delivered 251, failed 0   2 s left"],
  [40, "251 / 312   delivered 251, failed 0"],
  [20, "251 / 312"],
])("at %d columns the line is as long as fits", (columns, line) => {
  expect(progressOf(replay, { columns, pace })).toBe(line);
  expect(line.length).toBeLessThan(columns);
});

test("before it has a pace it foretells no end", () => {
  const fresh = { ...replay, delivered: 0, replayed: 0 };
  expect(progressOf(fresh, { columns: 120, pace: { ended: 0, ms: 0 } })).not.toContain("left ");
  expect(progressOf({ ...fresh, matching: null }, { columns: 80, pace })).toMatch(/^Counting/);
});

test("what it will do is said in a sentence, and what it did in another", () => {
  const at = () => "10:41:07";
  const ask = (matching: number, ratePerSecond = 50, only: "failed" | "all" = "failed") =>
    replayQuestion({ matching, oldest: "2026-11-30T10:41:07Z" }, { only, ratePerSecond, at });
  expect(ask(312)).toBe(
    "312 failed deliveries, the oldest from 10:41:07. Replay them at 50 a second (about 7 s)?",
  );
  expect(ask(1, 50, "all")).toBe(
    "1 delivery, the oldest from 10:41:07. Replay it at 50 a second (about 1 s)?",
  );
  expect(ask(100_000, 10)).toContain("(about 3 h)");
  expect(replayEnd({ ...replay, delivered: 312 })).toBe("312 delivered.");
  expect(replayEnd({ ...replay, delivered: 300, failed: 12 })).toBe("300 delivered, 12 failed.");
  expect(replayEnd({ ...replay, state: "cancelled" })).toBe("Cancelled after 251 delivered.");
  expect(replayEnd({ ...replay, matching: 0, delivered: 0 })).toBe("Nothing matched any more.");
});
