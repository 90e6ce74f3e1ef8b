import { expect, test } from "vitest";
import {
  type FoundDelivery,
  heldMax,
  type InHand,
  nextStepMs,
  planStep,
  slotsLeft,
} from "../../src/domain/replay.ts";

const nothingInHand: InHand = { held: [], due: new Map() };
/** Deliveries named by their endpoint and a number: `a1` goes to `a`; `a1!` cannot be made again. */
const found = (...names: string[]): FoundDelivery[] =>
  names.map((name) => ({
    id: name.replace("!", ""),
    subscriptionId: name[0] ?? "",
    possible: !name.endsWith("!"),
  }));
const idsOf = (deliveries: readonly { id: string }[]) => deliveries.map(({ id }) => id);
const plan = (
  inHand: InHand,
  deliveries: readonly FoundDelivery[],
  { allowance = 100, free = {} }: { allowance?: number; free?: Record<string, number> },
) => {
  const { taken, putAside, ...rest } = planStep(inHand, deliveries, {
    allowance,
    freeSlots: (id) => free[id] ?? 0,
  });
  return { taken: idsOf(taken), putAside: idsOf(putAside), ...rest };
};

test.each([
  [0, 0, 0],
  [-3, 0, 0],
  [1, 0, 1],
  [1, 1, 0],
  [4, 0, 2],
  [5, 0, 3],
  [4, 3, 0],
  [50, 5, 20],
])("of %i free places, with %i due, a replay may take %i", (free, due, left) => {
  expect(slotsLeft(free, due)).toBe(left);
});

test("a step takes half of an endpoint's free places, and puts aside what has none, so that other endpoints go on", () => {
  const all = found("a1", "a2", "b1", "a3", "b2");
  expect(plan(nothingInHand, all, { free: { a: 4, b: 2 } })).toEqual({
    taken: ["a1", "a2", "b1"],
    putAside: ["a3", "b2"],
    skipped: 0,
    passed: "b2",
  });
});

test("due deliveries of an endpoint count as used slots", () => {
  const inHand = { held: [], due: new Map([["a", 3]]) };
  expect(plan(inHand, found("a1", "a2"), { free: { a: 8 } })).toMatchObject({
    taken: ["a1"],
    putAside: ["a2"],
  });
});

test("held deliveries of an endpoint come before found ones", () => {
  const inHand = { held: found("a1", "a2"), due: new Map() };
  expect(plan(inHand, found("a3", "b1"), { free: { a: 2, b: 2 } })).toEqual({
    taken: ["a1", "b1"],
    putAside: ["a3"],
    skipped: 0,
    passed: "b1",
  });
});

test("a step takes at most its allowance, and the next step continues where it stopped", () => {
  const free = { a: 100 };
  const all = found("a1", "a2!", "a3", "a4!", "a5");
  expect(plan(nothingInHand, all, { allowance: 2, free })).toEqual({
    taken: ["a1", "a3"],
    putAside: [],
    skipped: 2,
    passed: "a4",
  });
  const inHand = { held: found("a1", "a2"), due: new Map() };
  expect(plan(inHand, found("a3"), { allowance: 1, free })).toEqual({
    taken: ["a1"],
    putAside: [],
    skipped: 0,
    passed: undefined,
  });
});

test("a delivery that cannot be retried is skipped, and uses no slot", () => {
  expect(plan(nothingInHand, found("a1!", "a2!", "a3"), { free: { a: 1 } })).toEqual({
    taken: ["a3"],
    putAside: [],
    skipped: 2,
    passed: "a3",
  });
});

test("at most the limit of deliveries is held: then the replay waits for their endpoints", () => {
  const names = Array.from({ length: heldMax + 5 }, (_, count) => `a${count}`);
  const full = plan(nothingInHand, found(...names, "b1"), { free: { b: 100 } });
  expect([full.putAside.length, full.passed, full.taken]).toEqual([heldMax, `a${heldMax - 1}`, []]);
  const inHand = { held: found(...names.slice(0, heldMax)), due: new Map() };
  expect(plan(inHand, found("a9"), {})).toMatchObject({ putAside: [], passed: undefined });
  // One that is taken makes room for another.
  expect(plan(inHand, found("a9"), { free: { a: 1 } })).toMatchObject({
    taken: ["a0"],
    putAside: ["a9"],
  });
});

test.each([
  ["moved", 100, 250],
  ["moved", 1_000, 100],
  ["moved", 10, 500],
  ["moved", 1, 1_000],
  ["blocked", 1_000, 500],
  ["blocked", 1, 1_000],
  ["only_retries", 1_000, 2_000],
] as const)(
  "after a step that %s, at %i a second, the next one is in %i ms",
  (progress, rate, ms) => {
    expect(nextStepMs(progress, rate)).toBe(ms);
  },
);
