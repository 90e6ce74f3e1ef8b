import { describe, expect, test } from "vitest";
import {
  afterFailedProbe,
  breakerOf,
  hasBreaker,
  probePauseMs,
  waitedSinceSecondsAgo,
} from "../../src/domain/breaker.ts";
import { allContracts } from "../../src/domain/contracts/all-contracts.ts";

const day = 86_400;

test("the pauses between probes double from one second to a minute", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 1_000].map(probePauseMs)).toEqual(
    [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000),
  );
});

test("every contract has a breaker but that of assistants", () => {
  expect(allContracts.map(({ name }) => name).filter((name) => !hasBreaker(name))).toEqual([
    "assistant",
  ]);
});

test.each([
  // days of failures, the team's setting, disabled
  [4.99, null, false],
  [5, null, true],
  [100, null, true],
  [100, 0, false],
  [0.99, 1, false],
  [1, 1, true],
  [5, 30, false],
])(
  "after %d days of failures, with %s as the setting, a probe that fails disables its endpoint: %s",
  (days, disableAfterDays, disabled) => {
    const next = afterFailedProbe(
      { probesFailed: 3, failingSeconds: days * day },
      { disableAfterDays },
    );
    expect(next).toEqual(disabled ? { kind: "disable" } : { kind: "pause", pauseMs: 16_000 });
  },
);

describe("how long a delivery may wait for a breaker", () => {
  test.each([
    // the team's days, disabled [from, to] in days ago, since so many days ago
    [null, [], 3],
    [7, [], 7],
    [3, [[2, 1]], 4],
    [3, [[1, 0]], 4],
    // It lasts beyond the three days: only then is the time used up.
    [3, [[10, 2]], 11],
    // Over before: it does not matter.
    [3, [[5, 4]], 3],
    [3, [[5, 3]], 3],
    [
      3,
      [
        [9, 5],
        [2, 1],
      ],
      4,
    ],
    [
      3,
      [
        [9, 3.5],
        [2, 1],
      ],
      9.5,
    ],
    // In whichever order they come.
    [
      3,
      [
        [2, 1],
        [9, 3.5],
      ],
      9.5,
    ],
  ] as [number | null, [number, number][], number][])(
    "%s days, disabled %j days ago: since %d days ago",
    (days, disabled, since) => {
      const times = disabled.map(([from, to]) => ({
        fromSecondsAgo: from * day,
        toSecondsAgo: to * day,
      }));
      expect(waitedSinceSecondsAgo(days, times) / day).toBeCloseTo(since, 9);
    },
  );
});

const probeAt = new Date("2026-11-21T10:30:00Z");
test.each([
  ["workflow", true, null, false, "closed", null],
  ["workflow", true, probeAt, false, "open", probeAt],
  ["organisation", true, probeAt, true, "probing", null],
  // Nothing is sent to it.
  ["workflow", false, probeAt, false, "open", null],
  ["assistant", true, probeAt, false, "closed", null],
] as const)(
  "contract %s, enabled %s, next probe at %s, one on its way %s: the breaker is %s",
  (contract, enabled, at, probing, state, nextProbeAt) => {
    expect(breakerOf({ contract, enabled, probeAt: at, probing })).toEqual({ state, nextProbeAt });
  },
);
