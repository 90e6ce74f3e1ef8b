import { expect, test } from "vitest";
import { type ReceiverStanding, sumUpWaiting, surveyPauseMs } from "../../src/domain/survey.ts";

const waiting = (subscriptionId: string, deliveries: number, dueMs: number, failing = false) => ({
  subscriptionId,
  deliveries,
  dueMs,
  failing,
});

const standings: Record<string, ReceiverStanding> = {
  a: "quick",
  b: "slow",
  c: "quiet",
  e: "full",
};
const standingOf = (id: string) => standings[id] ?? "new";

test("waiting deliveries are counted by reason, and a failing endpoint is the first reason", () => {
  const { backlog } = sumUpWaiting(
    [
      waiting("a", 1, 10),
      waiting("b", 2, 10),
      waiting("c", 4, 10),
      waiting("d", 8, 10),
      waiting("e", 32, 10),
    ],
    standingOf,
  );
  expect(backlog).toEqual({ quick: 1, slow: 2, quiet: 4, new: 8, full: 32, failing: 0 });
  expect(sumUpWaiting([waiting("a", 16, 10, true)], standingOf).backlog).toMatchObject({
    failing: 16,
    quick: 0,
  });
});

test("the oldest that waits for us counts, not the one whose receiver holds it up", () => {
  const { oldestDueMs } = sumUpWaiting(
    [
      waiting("a", 1, 40),
      waiting("d", 1, 30),
      waiting("b", 1, 1_000),
      waiting("c", 1, 2_000),
      waiting("e", 1, 2_500),
      waiting("a", 1, 3_000, true),
    ],
    standingOf,
  );
  expect(oldestDueMs).toBe(40);
  expect(sumUpWaiting([], standingOf).oldestDueMs).toBe(0);
});

test("a survey is taken every 5 s, and never takes more than a twentieth of the time", () => {
  expect(surveyPauseMs(3)).toBe(5_000);
  expect(surveyPauseMs(250)).toBe(5_000);
  expect(surveyPauseMs(1_000)).toBe(20_000);
});
