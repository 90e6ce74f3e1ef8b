import { expect, test } from "vitest";
import { allFaultKinds, planFaults } from "../schedule.ts";

const plan = (seed: number, seconds = 90) =>
  planFaults({ seed, seconds, kinds: allFaultKinds, receivers: ["fickle 1", "fickle 2"] });

test("the same seed plans the same faults, another one others", () => {
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7).faults).not.toEqual(plan(8).faults);
});

test("every seed has every kind of fault, within the time, and receivers end well", () => {
  for (let seed = 0; seed < 50; seed++) {
    const { faults, moods } = plan(seed);
    expect(new Set(faults.map(({ kind }) => kind)).size, `seed ${seed}`).toBe(allFaultKinds.length);
    expect(faults.every(({ atMs }) => atMs > 0 && atMs < 90_000)).toBe(true);
    for (const changes of moods.values()) expect(changes.at(-1)?.mood).toBe("well");
  }
});
