import { expect, test } from "vitest";
import { type Lane, Lanes } from "../../src/dispatcher/lanes.ts";
import type { Standing } from "../../src/dispatcher/standing.ts";
import { openTurns } from "../../src/dispatcher/turns.ts";
import { leasedDelivery } from "../support/leased.ts";

/** Lanes and their turns; what starts is noted, and ends when the test says so. */
function openWorld(concurrency: number) {
  const lanes = new Lanes(16);
  const turns = openTurns(lanes, concurrency);
  /** A lane in which so many wait. */
  function open(name: string, standing: Standing, ready: number): Lane {
    const lane = lanes.of(name);
    turns.setStanding(lane, standing);
    for (let count = 0; count < ready; count++) {
      lanes.reserve(lane, 1, 2);
      lanes.arrive(lane, { delivery: leasedDelivery(), leasedAtMs: 0 });
      turns.offer(lane);
    }
    return lane;
  }
  /** The lanes whose attempts begin now, in order. */
  function start(): string {
    const started: string[] = [];
    turns.startWhatMay((lane) => started.push(lane.subscriptionId));
    return started.join(" ");
  }
  function end(lane: Lane): void {
    lanes.leave(lane, "inFlight", leasedDelivery());
    turns.offer(lane);
  }
  return { lanes, turns, open, start, end };
}

test("lanes of a standing take turns, one delivery each, whoever came first with many", () => {
  const { open, start } = openWorld(100);
  open("a", "quick", 3);
  open("b", "quick", 2);
  open("c", "quick", 1);
  expect(start()).toBe("a b c a b a");
});

test("the standings take turns, so that none waits for another to be through", () => {
  const { open, start } = openWorld(100);
  open("quick", "quick", 3);
  open("slow", "slow", 3);
  open("new", "new", 1);
  expect(start()).toBe("slow new quick slow quick slow quick");
});

test("a lane begins as many as it has slots, a new one a single attempt, and the next when one is over", () => {
  const { open, start, end } = openWorld(100);
  const quick = open("quick", "quick", 6);
  quick.slots = 4;
  const unproven = open("new", "new", 2);
  expect(start()).toBe("new quick quick quick quick");
  expect(start()).toBe("");
  end(quick);
  end(unproven);
  expect(start()).toBe("new quick");
});

test.each<{ standing: Standing; among: number; begin: number }>([
  { standing: "quick", among: 4, begin: 4 },
  { standing: "new", among: 4, begin: 3 },
  { standing: "slow", among: 4, begin: 2 },
])(
  "among $among places, $standing receivers begin $begin attempts",
  ({ standing, among, begin }) => {
    const { lanes, open, start } = openWorld(among);
    for (const name of ["a", "b", "c", "d", "e"]) open(name, standing, 1);
    start();
    expect(lanes.inFlight[standing]).toBe(begin);
  },
);

test("no more than twice what may be in flight is unwritten, or a crash would send all of it again", () => {
  const { lanes, turns, open, start } = openWorld(4);
  const lane = open("a", "quick", 20);
  const answerAll = () => {
    while (lane.at.inFlight > 0) lanes.answer(lane);
    turns.offer(lane);
  };
  expect(start()).toBe("a a a a");
  answerAll();
  expect(start()).toBe("a a a a");
  answerAll();
  expect(start()).toBe("");
  lanes.leave(lane, "unwritten", leasedDelivery());
  expect(start()).toBe("a");
});

test("a lane whose deliveries were given back is passed over, and the next one begins", () => {
  const { lanes, open, start } = openWorld(100);
  const emptied = open("a", "quick", 2);
  open("b", "quick", 1);
  lanes.clear(emptied, "all");
  expect(start()).toBe("b");
});

test("a lane that stays what it is keeps its turn", () => {
  const { turns, open, start } = openWorld(100);
  const first = open("a", "quick", 1);
  open("b", "quick", 1);
  turns.setStanding(first, "quick");
  expect(start()).toBe("a b");
});

test("what waits in a lane that becomes slow begins among the slow ones, and in their share only", () => {
  const { turns, open, start } = openWorld(4);
  const lane = open("a", "quick", 4);
  turns.setStanding(lane, "slow");
  expect(start()).toBe("a a");
  const other = open("b", "quick", 1);
  turns.setStanding(other, "slow");
  expect(start()).toBe("");
});

test("beside slow receivers that hang, one that answers late begins its only attempt, and a silent one none", () => {
  const { lanes, open, start } = openWorld(8);
  open("hangs", "slow", 4);
  expect(start()).toBe("hangs hangs hangs hangs");
  open("silent", "slow", 1);
  lanes.of("late").answered = true;
  open("late", "slow", 2);
  expect(start()).toBe("late");
});

test("when its attempt is over, one that answers late begins another one and not two", () => {
  const { lanes, open, start, end } = openWorld(8);
  open("hangs", "slow", 3);
  expect(start()).toBe("hangs hangs hangs");
  lanes.of("late").answered = true;
  const late = open("late", "slow", 3);
  expect(start()).toBe("late");
  end(late);
  expect(start()).toBe("late");
});
