import { describe, expect, test } from "vitest";
import {
  factsOf,
  type HealthHistory,
  healthOf,
  healthStates,
  isFailing,
  stateOf,
} from "../../src/domain/endpoint-health.ts";

test.each([
  // attempts, failed, exhausted, failing
  [9, 9, 0, false],
  [10, 10, 0, true],
  [10, 9, 0, true],
  [10, 8, 0, false],
  [11, 9, 0, false],
  [19, 17, 0, false],
  [20, 18, 0, true],
  [1_000, 899, 2, false],
  [1_000, 900, 0, true],
  [0, 0, 0, false],
  [3, 3, 2, false],
  [3, 3, 3, true],
  [1_000, 1, 3, true],
  [0, 0, 4, true],
])(
  "of %i attempts in 10 minutes %i failed, and %i deliveries used up their retries: failing is %s",
  (attempts, failed, exhausted, failing) => {
    expect(isFailing({ attempts, failed, exhausted })).toBe(failing);
  },
);

test("a list by states gives each endpoint in exactly the state that it shows", () => {
  const both = [true, false];
  for (const enabled of both)
    for (const attemptedLately of both)
      for (const failing of both) {
        const facts = { enabled, attemptedLately, failing };
        const listed = healthStates.filter((state) =>
          Object.entries(factsOf[state]).every(
            ([fact, wanted]) => wanted === null || facts[fact as keyof typeof facts] === wanted,
          ),
        );
        expect([facts, listed]).toEqual([facts, [stateOf(facts)]]);
      }
});

const at = (hour: number) => new Date(Date.UTC(2026, 10, 20, hour));
const history = (given: Partial<HealthHistory> = {}): HealthHistory => ({
  enabled: true,
  attemptedLately: true,
  createdAt: at(0),
  switchedAt: null,
  lastSuccessAt: null,
  lastFailureAt: null,
  failingFrom: null,
  lastSpell: null,
  ...given,
});
const spell = { from: at(2), to: at(4) };

describe("since and last_failing", () => {
  test.each<[string, Partial<HealthHistory>, ReturnType<typeof healthOf>]>([
    [
      "a new endpoint is idle since it was made",
      { attemptedLately: false },
      { state: "idle", since: at(0), lastFailing: null },
    ],
    [
      "an endpoint that never failed is healthy since it was made",
      { lastSuccessAt: at(5) },
      { state: "healthy", since: at(0), lastFailing: null },
    ],
    [
      "one that fails does so since its first failed delivery was made; the spell before is kept",
      { failingFrom: at(6), lastFailureAt: at(7), lastSpell: spell },
      { state: "failing", since: at(6), lastFailing: spell },
    ],
    [
      "one that failed is healthy since the success that ended it",
      { lastSuccessAt: at(9), lastFailureAt: at(3), lastSpell: spell },
      { state: "healthy", since: at(4), lastFailing: spell },
    ],
    [
      "one that was enabled later is healthy since then",
      { lastSuccessAt: at(9), switchedAt: at(8), lastSpell: spell },
      { state: "healthy", since: at(8), lastFailing: spell },
    ],
    [
      "a disabled one is so since it was disabled; the spell that this cut short ends with its last failure",
      { enabled: false, switchedAt: at(8), failingFrom: at(6), lastFailureAt: at(7) },
      { state: "disabled", since: at(8), lastFailing: { from: at(6), to: at(7) } },
    ],
    [
      "one that was made disabled is so since it was made",
      { enabled: false, attemptedLately: false },
      { state: "disabled", since: at(0), lastFailing: null },
    ],
    [
      "an idle one is so since its last attempt, whatever came of it",
      { attemptedLately: false, lastSuccessAt: at(2), lastFailureAt: at(5), lastSpell: spell },
      { state: "idle", since: at(5), lastFailing: spell },
    ],
    [
      "one that failed and then fell silent is idle, and the spell ends with its last failure",
      { attemptedLately: false, failingFrom: at(6), lastFailureAt: at(7), lastSpell: spell },
      { state: "idle", since: at(7), lastFailing: { from: at(6), to: at(7) } },
    ],
  ])("%s", (_, given, health) => {
    expect(healthOf(history(given))).toEqual(health);
  });
});
