import { expect, onTestFinished, test, vi } from "vitest";
import type { Lane } from "../../src/dispatcher/lanes.ts";
import { openReceiverStandings } from "../../src/dispatcher/receiver-standing.ts";

type Given = { standing: Lane["standing"]; inFlight?: number; quietUntilMs?: number };

/** A lane of a receiver that can take two attempts at once. */
const laneOf = ({ standing, inFlight = 2, quietUntilMs = 0 }: Given) =>
  ({ standing, at: { inFlight }, slots: 2, quietUntilMs }) as Lane;

function setup() {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  return openReceiverStandings();
}

test("a receiver with all slots in use is full for two seconds, unless it is slow", () => {
  const standings = setup();
  const quick = laneOf({ standing: "quick" });
  const slow = laneOf({ standing: "slow" });
  for (const lane of [quick, slow]) standings.began(lane);
  expect([quick, slow].map(standings.of)).toEqual(["full", "slow"]);
  vi.advanceTimersByTime(1_999);
  expect([quick, slow].map(standings.of)).toEqual(["full", "slow"]);
  vi.advanceTimersByTime(1);
  expect([quick, slow].map(standings.of)).toEqual(["quick", "slow"]);
});

test("a receiver with a free slot is not full, one that asked for a pause is quiet, and one without a lane is new", () => {
  const standings = setup();
  const free = laneOf({ standing: "quick", inFlight: 1 });
  const quiet = laneOf({ standing: "quick", quietUntilMs: performance.now() + 1 });
  for (const lane of [free, quiet]) standings.began(lane);
  expect([free, quiet, undefined].map(standings.of)).toEqual(["quick", "quiet", "new"]);
});
