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
    return [pace.perSecond(), pace.bestPerSecond()];
  };
  return { count, at };
}

test("a pace is the count of the last complete window of 250 ms, as a rate per second", () => {
  const { count, at } = open();
  count(300, 100);
  expect(at(249)).toEqual([0, 0]);
  expect(at(250)).toEqual([1_200, 1_200]);
  count(10, 400);
  expect(at(499)[0]).toBe(1_200);
  expect(at(500)[0]).toBe(40);
});

test("a window that was not ended in time counts as its average, and after two silent windows the pace is 0", () => {
  const { count, at } = open();
  count(300, 100);
  expect(at(300)[0]).toBe(1_000);
  count(10, 400);
  expect(at(900)[0]).toBe(0);
});

test("the best pace of late halves every ten seconds in which it is not reached again", () => {
  const { count, at } = open();
  count(250, 100);
  expect(at(250)[1]).toBe(1_000);
  expect(at(10_250)[1]).toBe(500);
  count(500, 10_300);
  expect(at(10_500)[1]).toBe(2_000);
});
