import { expect, test } from "vitest";
import { findTrends, type Sample } from "../leaks.ts";

const steady: Sample = {
  atMs: 0,
  rssMiB: [120, 120],
  files: [60, 60],
  lagMs: [4, 4],
  connections: 36,
  deliveries: 100_000,
  deadRows: 5_000,
  deliveriesBytes: 40_000_000,
  dueIndexBytes: 400_000,
};

/** Thirty samples; `change` says how each differs from a steady one, its share of the time from 0 to 1 given. */
const run = (change: (share: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: 30 }, (_, index) => ({
    ...steady,
    atMs: index * 5_000,
    ...change(index / 29),
  }));

const broken = (samples: Sample[]) =>
  findTrends(samples)
    .filter(({ holds }) => !holds)
    .map(({ name }) => name);

test("a steady run breaks no bound, and neither does a warm-up", () => {
  expect(broken(run(() => ({})))).toEqual([]);
  expect(broken(run((share) => ({ rssMiB: [share < 0.15 ? 60 : 130, 120] })))).toEqual([]);
});

test("sockets that come and go with the faults are no leak", () => {
  const busy = (share: number) => (share > 0.5 && Math.round(share * 29) % 6 !== 0 ? 400 : 60);
  expect(broken(run((share) => ({ files: [busy(share), 60] })))).toEqual([]);
});

test("each thing that grows breaks the bound of its own", () => {
  const growths: [string, (share: number) => Partial<Sample>][] = [
    ["resident memory of service 1 (MiB)", (share) => ({ rssMiB: [120, 120 + 200 * share] })],
    ["open files of service 0", (share) => ({ files: [60 + 100 * share, 60] })],
    ["event loop lag of service 0 (ms)", (share) => ({ lagMs: [4 + 400 * share, 4] })],
    ["connections in PostgreSQL, at the most", (share) => ({ connections: share === 1 ? 51 : 36 })],
    ["dead rows of deliveries", (share) => ({ deadRows: 90_000 * share })],
    ["bytes a delivery, indexes included", (share) => ({ deliveriesBytes: 4e7 * (1 + 4 * share) })],
    ["bytes of the due index", (share) => ({ dueIndexBytes: 3e7 * share })],
  ];
  for (const [name, growth] of growths) expect(broken(run(growth)), name).toEqual([name]);
});

test("too few samples are no verdict", () => {
  expect(() => findTrends(run(() => ({})).slice(0, 6))).toThrow("too few");
});
