import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Expiring, openDeadlines } from "../../src/dispatcher/deadlines.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

class Clocked extends Expiring {
  readonly expired: number[] = [];

  expire() {
    this.expired.push(performance.now());
  }
}

function expiring() {
  const one = new Clocked();
  return { one, expired: one.expired };
}

test.each([0, 1, 24, 25, 26, 999, 60_000])(
  "a deadline of %i ms is never early and at most two ticks late",
  (delayMs) => {
    const deadlines = openDeadlines(25);
    vi.advanceTimersByTime(7);
    const { one, expired } = expiring();
    const startedMs = performance.now();
    deadlines.arm(one, delayMs);
    vi.advanceTimersByTime(delayMs + 50);
    expect(expired).toHaveLength(1);
    expect(expired[0]).toBeGreaterThanOrEqual(startedMs + delayMs);
  },
);

test("what is disarmed, or armed anew, does not expire at its first deadline", () => {
  const deadlines = openDeadlines(25);
  const [disarmed, moved] = [expiring(), expiring()];
  deadlines.arm(disarmed.one, 100);
  deadlines.arm(moved.one, 100);
  vi.advanceTimersByTime(50);
  deadlines.disarm(disarmed.one);
  deadlines.arm(moved.one, 1_000);
  vi.advanceTimersByTime(900);
  expect([disarmed.expired, moved.expired]).toEqual([[], []]);
  vi.advanceTimersByTime(150);
  expect(disarmed.expired).toEqual([]);
  expect(moved.expired).toHaveLength(1);
});

test("two deadlines a full turn of the wheel apart share a bucket and keep their times", () => {
  const deadlines = openDeadlines(25);
  const [near, far] = [expiring(), expiring()];
  deadlines.arm(near.one, 100);
  deadlines.arm(far.one, 100 + 1_024 * 25);
  vi.advanceTimersByTime(1_000);
  expect([near.expired.length, far.expired.length]).toEqual([1, 0]);
  vi.advanceTimersByTime(1_024 * 25);
  expect(far.expired).toHaveLength(1);
});

test("one that expires may arm itself again, even at once", () => {
  const deadlines = openDeadlines(25);
  let count = 0;
  class Stubborn extends Expiring {
    expire() {
      count += 1;
      if (count < 3) deadlines.arm(this, 0);
    }
  }
  deadlines.arm(new Stubborn(), 0);
  vi.advanceTimersByTime(100);
  expect(count).toBe(3);
});

test("the timer runs only while something is armed", () => {
  const deadlines = openDeadlines(25);
  expect(vi.getTimerCount()).toBe(0);
  const { one } = expiring();
  deadlines.arm(one, 1_000);
  expect(vi.getTimerCount()).toBe(1);
  deadlines.disarm(one);
  vi.advanceTimersByTime(25);
  expect(vi.getTimerCount()).toBe(0);
});

test("after a pause of the process everything overdue expires, each once", () => {
  const deadlines = openDeadlines(25);
  const all = Array.from({ length: 100 }, expiring);
  for (const [index, { one }] of all.entries()) deadlines.arm(one, index * 500);
  const later = performance.now() + 100_000;
  vi.spyOn(performance, "now").mockReturnValue(later);
  vi.advanceTimersToNextTimer();
  vi.advanceTimersToNextTimer();
  expect(all.map(({ expired }) => expired.length)).toEqual(all.map(() => 1));
});
