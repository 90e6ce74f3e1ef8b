import { expect, test } from "vitest";
import { Fifo } from "../../src/dispatcher/fifo.ts";

test("what went in first comes out first, however long the queue and whatever came between", () => {
  const fifo = new Fifo<number>();
  const model: number[] = [];
  expect(fifo.shift()).toBeUndefined();
  let next = 0;
  // Grows to some 5,000, shrinks to nothing and grows again: the front moves up many times on the way.
  for (let step = 0; step < 60_000; step++) {
    const growing = Math.floor(step / 10_000) % 2 === 0;
    if (step % 4 === 0 ? !growing : growing) {
      fifo.push(next);
      model.push(next++);
    } else expect(fifo.shift()).toBe(model.shift());
    expect(fifo.length).toBe(model.length);
  }
});

test("draining gives all that waits in order, and leaves an empty queue that works", () => {
  const fifo = new Fifo<string>();
  for (const item of ["a", "b", "c"]) fifo.push(item);
  expect(fifo.shift()).toBe("a");
  expect(fifo.drain()).toEqual(["b", "c"]);
  expect(fifo.length).toBe(0);
  expect(fifo.shift()).toBeUndefined();
  fifo.push("d");
  expect(fifo.shift()).toBe("d");
});

test("the oldest comes out at the same cost however much waits behind it", () => {
  const fifo = new Fifo<number>();
  const count = 200_000;
  for (let item = 0; item < count; item++) fifo.push(item);
  const startedAtMs = performance.now();
  for (let item = 0; item < count; item++) fifo.shift();
  // Some 10 ms; were all that waits moved each time, it would be a minute.
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
});
