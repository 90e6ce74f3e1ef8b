import { expect, onTestFinished, test, vi } from "vitest";
import { type Lane, Lanes } from "../../src/dispatcher/lanes.ts";
import { openRoom } from "../../src/dispatcher/room.ts";
import type { Standing } from "../../src/dispatcher/standing.ts";
import { leasedDelivery } from "../support/leased.ts";

/** Room for 8 attempts in flight, and for 16 deliveries unless they go faster. */
function openWorld({ bestPerSecond = 0 } = {}) {
  const lanes = new Lanes(16);
  const pace = { count() {}, perSecond: () => 0, bestPerSecond: () => bestPerSecond };
  const room = openRoom(lanes, pace, 8);
  /** A lane that holds so many, of which so many are in flight. */
  function open(name: string, standing: Standing, held = 0, inFlight = 0): Lane {
    const lane = lanes.of(name);
    lanes.setStanding(lane, standing);
    lanes.reserve(lane, held);
    for (let count = 0; count < inFlight; count++) {
      lanes.arrive(lane, { delivery: leasedDelivery(), leasedAtMs: 0 });
      lanes.start(lane);
    }
    return lane;
  }
  return { lanes, room, open };
}

test("as many again may wait as may be in flight, and six seconds of work when all goes faster", () => {
  expect(openWorld().room.capacity()).toBe(16);
  expect(openWorld({ bestPerSecond: 2 }).room.capacity()).toBe(16);
  expect(openWorld({ bestPerSecond: 10 }).room.capacity()).toBe(60);
});

test.each<[standing: Standing, held: number, left: number]>([
  ["quick", 0, 16],
  ["quick", 15, 1],
  ["quick", 16, 0],
  ["quick", 20, 0],
  ["new", 0, 12],
  ["new", 13, 0],
  ["slow", 0, 8],
  ["slow", 9, 0],
])("of 16 places, %s receivers that hold %i have %i left", (standing, held, left) => {
  const { room, open } = openWorld();
  open("a", standing, held);
  expect(room.of(standing)).toBe(left);
});

test("what is held is less than 64 MiB, but for the last payload", () => {
  const { lanes, room, open } = openWorld();
  const lane = open("a", "quick");
  lanes.reserve(lane, 1, 64 * 1024 * 1024 - 1);
  expect([room.of("quick"), room.ofLane(lane)]).toEqual([15, 15]);
  lanes.reserve(lane, 1, 1);
  expect([room.of("quick"), room.ofLane(lane), room.toStart(lane)]).toEqual([0, 0, 0]);
});

test("a lane holds two before its receiver has answered, and then twice its slots", () => {
  const { room, open } = openWorld({ bestPerSecond: 1_000 });
  const unproven = open("new", "new");
  expect([room.capacityOf(unproven), room.ofLane(unproven)]).toEqual([2, 2]);
  const quick = open("quick", "quick", 5);
  expect([room.capacityOf(quick), room.ofLane(quick)]).toEqual([32, 27]);
  quick.slots = 4;
  expect([room.capacityOf(quick), room.ofLane(quick)]).toEqual([4, -1]);
});

test("a lane holds six seconds of its own pace", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { room, open } = openWorld({ bestPerSecond: 1_000 });
  const lane = open("a", "quick");
  for (let count = 0; count < 10; count++) lane.pace.count();
  vi.advanceTimersByTime(250);
  expect(room.capacityOf(lane)).toBe(240);
});

test.each<{ it: string; standing: Standing; held: number; inFlight: number; starts: number }>([
  { it: "a new one starts one", standing: "new", held: 0, inFlight: 0, starts: 1 },
  { it: "a new one that holds one starts none", standing: "new", held: 1, inFlight: 0, starts: 0 },
  { it: "a quick one fills the places", standing: "quick", held: 0, inFlight: 0, starts: 8 },
  { it: "what is in flight has its place", standing: "quick", held: 3, inFlight: 3, starts: 5 },
  { it: "what waits has its slot", standing: "quick", held: 12, inFlight: 2, starts: 4 },
  { it: "slow ones have half", standing: "slow", held: 0, inFlight: 0, starts: 4 },
])("of what begins at once, $it", ({ standing, held, inFlight, starts }) => {
  const { room, open } = openWorld();
  expect(room.toStart(open("a", standing, held, inFlight))).toBe(starts);
});

test("what begins at once needs a place in memory as well", () => {
  const { room, open } = openWorld();
  open("others", "quick", 15);
  expect(room.toStart(open("a", "quick"))).toBe(1);
});

test("while a receiver wants no request there is no room for it", () => {
  const { room, open } = openWorld();
  const lane = open("a", "quick");
  lane.quietUntilMs = performance.now() + 60_000;
  expect([room.ofLane(lane), room.toStart(lane)]).toEqual([0, 0]);
  lane.quietUntilMs = performance.now() - 1;
  expect([room.ofLane(lane), room.toStart(lane)]).toEqual([16, 8]);
});

test("beside slow ones that hang, one that answers late has a place for its only one, and not for a second", () => {
  const { room, open } = openWorld();
  open("hangs", "slow", 8, 4);
  const silent = open("silent", "slow");
  expect([room.ofLane(silent), room.toStart(silent)]).toEqual([0, 0]);
  const answers = open("answers", "slow");
  answers.answered = true;
  expect([room.ofLane(answers), room.toStart(answers)]).toEqual([1, 1]);
  open("answers", "slow", 1, 1);
  expect(Math.max(room.ofLane(answers), room.toStart(answers))).toBe(0);
});

test("one that answers late has the whole share of the slow ones when that is free", () => {
  const { room, open } = openWorld();
  const lane = open("a", "slow");
  lane.answered = true;
  expect([room.ofLane(lane), room.toStart(lane)]).toEqual([8, 4]);
});
