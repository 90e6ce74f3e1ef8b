import { expect, test } from "vitest";
import { type StreakAttempt, streakChanges } from "../../src/domain/failure-streaks.ts";

const attempt = (
  outcome: StreakAttempt["outcome"],
  createdAt = "2026-11-20 10:00:00+00",
  subscriptionId = "s",
): StreakAttempt => ({ teamId: "t", subscriptionId, outcome, createdAt });

const only = (attempts: StreakAttempt[]) => {
  const [change] = streakChanges(attempts);
  return change && [change.succeeded, change.failedFrom, change.exhausted];
};

test("only failures after the last success count", () => {
  const [early, late] = ["2026-11-20 10:00:00+00", "2026-11-20 10:00:00.5+00"];
  expect(only([attempt("delivered")])).toEqual([true, null, 0]);
  expect(only([attempt("retry", late)])).toEqual([false, late, 0]);
  expect(only([attempt("failed", late), attempt("failed", late)])).toEqual([false, late, 2]);
  expect(only([attempt("failed", early), attempt("delivered")])).toEqual([true, null, 0]);
  expect(only([attempt("failed", early), attempt("delivered"), attempt("failed", late)])).toEqual([
    true,
    late,
    1,
  ]);
  expect(only([attempt("delivered"), attempt("retry", late), attempt("delivered")])).toEqual([
    true,
    null,
    0,
  ]);
});

test("the oldest delivery that failed is kept, in whichever order they fail", () => {
  const times = ["2026-11-20 10:00:00.25+00", "2026-11-20 10:00:00+00", "2026-11-20 10:00:00.2+00"];
  expect(only(times.map((time) => attempt("retry", time)))).toEqual([false, times[1], 0]);
});

test("subscriptions are distinguished, and are ordered the same from any order", () => {
  const attempts = ["b", "a", "b"].map((id) => attempt("failed", undefined, id));
  const told = (given: StreakAttempt[]) =>
    streakChanges(given).map(({ subscriptionId, exhausted }) => [subscriptionId, exhausted]);
  expect(told(attempts)).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect(told([...attempts].reverse())).toEqual(told(attempts));
  expect(streakChanges([])).toEqual([]);
});
