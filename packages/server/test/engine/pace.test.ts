import { expect, test } from "vitest";
import { openPace } from "../../src/pace.ts";

/** A pace whose clock the test moves. */
function open() {
  let now = 0;
  const pace = openPace(() => now);
  const count = (times: number, atMs: number) => {
    now = atMs;
    for (let done = 0; done < times; done++) pace.count();
  };
  const at = (atMs: number) => {
    now = atMs;
    return pace.perSecond();
  };
  return { count, at };
}

test("a pace is what was counted in the last whole second", () => {
  const { count, at } = open();
  count(300, 500);
  expect(at(999)).toBe(0);
  expect(at(1_000)).toBe(300);
  count(40, 1_500);
  expect(at(1_999)).toBe(300);
  expect(at(2_000)).toBe(40);
});

test("a second that nobody ended in time counts as its average, and after two silent ones there is no pace", () => {
  const { count, at } = open();
  count(300, 500);
  expect(at(1_500)).toBe(200);
  count(10, 1_600);
  expect(at(3_600)).toBe(0);
});
