import { expect, test } from "vitest";
import { quotaLeft, type Standing, takenInAll } from "../../src/dispatcher/standing.ts";

const nobody = () => ({ slow: 0, new: 0, quick: 0 });

const fill = (taken: Record<Standing, number>, standing: Standing, max: number): number => {
  let count = 0;
  for (; quotaLeft(standing, max, taken) > 0; count++) taken[standing]++;
  return count;
};

test("slow receivers get half of all, with new ones three quarters, and quick ones the rest", () => {
  const taken = nobody();
  expect(fill(taken, "slow", 1_000)).toBe(500);
  expect(fill(taken, "new", 1_000)).toBe(250);
  expect(fill(taken, "quick", 1_000)).toBe(250);
  expect(takenInAll(taken)).toBe(1_000);
});

test("whoever comes first, slow and new ones leave a quarter, and quick ones may have everything", () => {
  const unproven = nobody();
  expect([fill(unproven, "new", 1_000), fill(unproven, "slow", 1_000)]).toEqual([750, 0]);
  expect(quotaLeft("quick", 1_000, unproven)).toBe(250);
  const quick = nobody();
  expect(fill(quick, "quick", 1_000)).toBe(1_000);
  expect(quotaLeft("slow", 1_000, quick)).toBe(0);
});

test("a single one is for everybody, or a receiver that is slow or new would never be asked", () => {
  for (const standing of ["slow", "new", "quick"] as const) {
    expect(fill(nobody(), standing, 1)).toBe(1);
  }
});

test("what was taken as quick and became slow is more than those may have: nothing is left", () => {
  const taken = { slow: 900, new: 0, quick: 0 };
  expect(quotaLeft("slow", 1_000, taken)).toBeLessThan(0);
  expect(quotaLeft("new", 1_000, taken)).toBeLessThan(0);
  expect(quotaLeft("quick", 1_000, taken)).toBe(100);
});
