import { expect, test } from "vitest";
import { type Arrival, arrive, emptyFeed, release, shown, waitingMax } from "../src/live/feed.ts";
import { aDelivery } from "./support/a-delivery.ts";

const at = (id: string, second: number) =>
  aDelivery({ id, created_at: `2026-11-30T10:00:${String(second).padStart(2, "0")}.000Z` });
const arrival = (told: Partial<Arrival> = {}): Arrival => ({
  hold: false,
  isLoaded: () => false,
  belongs: () => true,
  ...told,
});
const ids = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);

test("new rows slide in at their place among the loaded ones, each once", () => {
  const loaded = [at("d", 40), at("b", 20)];
  const isLoaded = (id: string) => ids(loaded).includes(id);
  const feed = arrive(emptyFeed, [at("c", 30), at("e", 50), at("a", 10)], arrival({ isLoaded }));
  expect(ids(shown(feed, loaded))).toEqual(["e", "d", "c", "b", "a"]);
  expect(ids(shown(arrive(feed, [at("e", 50)], arrival({ isLoaded })), loaded))).toHaveLength(5);
});

test("a list that is empty shows what arrives", () => {
  expect(ids(shown(arrive(emptyFeed, [at("a", 1)], arrival()), []))).toEqual(["a"]);
});

test("while somebody reads, new rows wait and nothing moves; then all of them are shown", () => {
  const loaded = [at("a", 10)];
  const held = arrive(emptyFeed, [at("b", 20), at("c", 30)], arrival({ hold: true }));
  expect(ids(shown(held, loaded))).toEqual(["a"]);
  expect(held.waiting).toHaveLength(2);
  const free = release(held);
  expect(ids(shown(free, loaded))).toEqual(["c", "b", "a"]);
  expect(free.waiting).toEqual([]);
});

test("a row that is shown changes in place, even when it matches the filters no more", () => {
  const loaded = [at("a", 10)];
  const none = arrival({ hold: true, isLoaded: (id) => id === "a", belongs: () => false });
  const changed = arrive(emptyFeed, [{ ...at("a", 10), status: "failed" }], none);
  expect(shown(changed, loaded)).toMatchObject([{ id: "a", status: "failed" }]);
  const headed = arrive(emptyFeed, [at("b", 20)], arrival());
  const again = arrive(
    headed,
    [{ ...at("b", 20), status: "retrying" }],
    arrival({ belongs: () => false }),
  );
  expect(shown(again, loaded)[0]).toMatchObject({ id: "b", status: "retrying" });
});

test("a row that waits changes where it waits, and one that does not belong is not taken in", () => {
  const held = arrive(emptyFeed, [at("a", 10)], arrival({ hold: true }));
  const changed = arrive(held, [{ ...at("a", 10), status: "failed" }], arrival({ hold: true }));
  expect(changed.waiting).toMatchObject([{ id: "a", status: "failed" }]);
  expect(arrive(emptyFeed, [at("x", 1)], arrival({ belongs: () => false }))).toEqual(emptyFeed);
});

test("what waits is bounded: beyond the bound rows are counted and not kept", () => {
  const many = Array.from({ length: waitingMax + 7 }, (_, index) => at(`row-${index}`, 1));
  const feed = arrive(emptyFeed, many, arrival({ hold: true }));
  expect([feed.waiting.length, feed.more]).toEqual([waitingMax, 7]);
});
