import { expect, test } from "vitest";
import { Places, type Standing } from "../../src/dispatcher/standing.ts";

const fill = (places: Places, standing: Standing, max: number): number => {
  let count = 0;
  for (; places.left(standing, max) > 0; count++) places.take(standing, 1);
  return count;
};

test("slow receivers get half of the places, with new ones three quarters, and quick ones the rest", () => {
  const places = new Places();
  expect(fill(places, "slow", 1_000)).toBe(500);
  expect(fill(places, "new", 1_000)).toBe(250);
  expect(fill(places, "quick", 1_000)).toBe(250);
  expect(places.taken).toBe(1_000);
});

test("whoever comes first, slow and new ones leave a quarter, and quick ones may have everything", () => {
  const unproven = new Places();
  expect([fill(unproven, "new", 1_000), fill(unproven, "slow", 1_000)]).toEqual([750, 0]);
  expect(unproven.left("quick", 1_000)).toBe(250);
  const quick = new Places();
  expect(fill(quick, "quick", 1_000)).toBe(1_000);
  expect(quick.left("slow", 1_000)).toBe(0);
});

test("a single place is for everybody, or a receiver that is slow or new would never be asked", () => {
  for (const standing of ["slow", "new", "quick"] as const) {
    expect(fill(new Places(), standing, 1)).toBe(1);
  }
});

test("places that were taken as quick and became slow ones are more than those may have: none is left", () => {
  const places = new Places();
  places.take("slow", 900);
  expect(places.left("slow", 1_000)).toBeLessThan(0);
  expect(places.left("new", 1_000)).toBeLessThan(0);
  expect(places.left("quick", 1_000)).toBe(100);
});
