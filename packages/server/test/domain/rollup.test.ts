import { expect, test } from "vitest";
import { bucketOf } from "../../src/domain/latencies.ts";
import { type CountedAttempt, rollUp } from "../../src/domain/rollup.ts";

const attempt = (given: Partial<CountedAttempt> = {}): CountedAttempt => ({
  teamId: "t",
  subscriptionId: "s",
  eventType: "e",
  outcome: "delivered",
  latencyMs: 1,
  errorCode: null,
  ...given,
});

test("each outcome is counted by kind, and each as an attempt", () => {
  const attempts = (["delivered", "delivered", "failed", "retry", "retry", "retry"] as const).map(
    (outcome) => attempt({ outcome }),
  );
  expect(rollUp(attempts)).toEqual([
    {
      teamId: "t",
      subscriptionId: "s",
      eventType: "e",
      attempts: 6,
      delivered: 2,
      failed: 1,
      retried: 3,
      latencies: [6],
      lastErrorCode: null,
    },
  ]);
});

test("the last error is kept, whatever succeeds after it", () => {
  const [rollup] = rollUp([
    attempt({ outcome: "retry", errorCode: "timeout" }),
    attempt({ outcome: "failed", errorCode: "http_status" }),
    attempt(),
  ]);
  expect(rollup?.lastErrorCode).toBe("http_status");
});

test("durations are counted in their buckets, without gaps", () => {
  const [rollup] = rollUp([4, 1, 4, 0].map((latencyMs) => attempt({ latencyMs })));
  expect(rollup?.latencies).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 2]);
  expect(bucketOf(4)).toBe(8);
});

test("teams, subscriptions and event types are counted apart, and come in the same order from any order", () => {
  const attempts = [
    attempt({ eventType: "f" }),
    attempt({ teamId: "u" }),
    attempt(),
    attempt({ subscriptionId: "r" }),
    attempt(),
  ];
  const keys = (given: CountedAttempt[]) =>
    rollUp(given).map((r) => [r.teamId, r.subscriptionId, r.eventType, r.attempts]);
  const expected = [
    ["t", "r", "e", 1],
    ["t", "s", "e", 2],
    ["t", "s", "f", 1],
    ["u", "s", "e", 1],
  ];
  expect(keys(attempts)).toEqual(expected);
  expect(keys([...attempts].reverse())).toEqual(expected);
  expect(rollUp([])).toEqual([]);
});
