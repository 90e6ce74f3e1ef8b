import fc from "fast-check";
import { expect, test } from "vitest";
import { heldOf, type Lane, Lanes } from "../../src/dispatcher/lanes.ts";
import { type Standing, standings } from "../../src/dispatcher/standing.ts";
import type { LeasedDelivery } from "../../src/domain/delivery.ts";
import { leasedDelivery } from "../support/leased.ts";

const names = ["a", "b", "c"];

type Stepper = {
  lanes: Lanes;
  /** What is reserved, begun and answered, as a caller knows it. */
  reserved: Map<Lane, LeasedDelivery[]>;
  begun: Map<Lane, LeasedDelivery[]>;
  answered: Map<Lane, LeasedDelivery[]>;
};

const takeFrom = (deliveries: Map<Lane, LeasedDelivery[]>, lane: Lane) =>
  deliveries.get(lane)?.shift();
const putInto = (
  deliveries: Map<Lane, LeasedDelivery[]>,
  lane: Lane,
  delivery: LeasedDelivery,
): void => {
  deliveries.set(lane, [...(deliveries.get(lane) ?? []), delivery]);
};

const bytes = (length: number) => leasedDelivery({ payload: Buffer.alloc(length) });

/** Each step as the dispatcher takes it, when there is something to take it with. */
const steps: Record<string, (stepper: Stepper, lane: Lane, size: number) => void> = {
  reserve({ lanes, reserved }, lane, size) {
    lanes.reserve(lane, 1, size);
    putInto(reserved, lane, bytes(size));
  },
  cancel({ lanes, reserved }, lane) {
    const delivery = takeFrom(reserved, lane);
    if (delivery) lanes.cancel(lane, 1, delivery.payload.length);
  },
  accept({ lanes, reserved }, lane) {
    const delivery = takeFrom(reserved, lane);
    if (delivery) lanes.arrive(lane, { delivery, leasedAtMs: 0 });
  },
  start({ lanes, begun }, lane) {
    const held = lanes.start(lane);
    if (held) putInto(begun, lane, held.delivery);
  },
  answer({ lanes, begun, answered }, lane) {
    const delivery = takeFrom(begun, lane);
    if (!delivery) return;
    lanes.answer(lane);
    putInto(answered, lane, delivery);
  },
  lose({ lanes, begun }, lane) {
    const delivery = takeFrom(begun, lane);
    if (delivery) lanes.leave(lane, "inFlight", delivery);
  },
  commit({ lanes, answered }, lane) {
    const delivery = takeFrom(answered, lane);
    if (delivery) lanes.leave(lane, "unwritten", delivery);
  },
  giveBack({ lanes }, lane) {
    lanes.clear(lane, "all");
  },
  demote: ({ lanes }, lane) => lanes.setStanding(lane, "slow"),
  promote: ({ lanes }, lane) => lanes.setStanding(lane, "quick"),
};

const sum = (lanes: Lanes, standing: Standing, count: (lane: Lane) => number): number =>
  [...lanes]
    .filter((lane) => lane.standing === standing)
    .reduce((all, lane) => all + count(lane), 0);

test("after any sequence of steps each count of a standing is the sum over its lanes, and nothing held is nothing counted", () => {
  const step = fc.record({
    step: fc.constantFrom(...Object.keys(steps)),
    name: fc.constantFrom(...names),
    size: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (taken) => {
      const lanes = new Lanes(16);
      const stepper = { lanes, reserved: new Map(), begun: new Map(), answered: new Map() };
      const take = (step: string, name: string, size: number) => {
        steps[step]?.(stepper, lanes.of(name), size);
        for (const standing of standings) {
          expect(lanes.held[standing]).toBe(sum(lanes, standing, heldOf));
          expect(lanes.inFlight[standing]).toBe(sum(lanes, standing, ({ at }) => at.inFlight));
        }
        const unrecorded = [...lanes].map(({ at }) => at.inFlight + at.unwritten);
        expect(lanes.unrecorded).toBe(unrecorded.reduce((all, count) => all + count, 0));
        for (const { at } of lanes)
          expect(Math.min(...Object.values(at))).toBeGreaterThanOrEqual(0);
      };
      for (const { step, name, size } of taken) take(step, name, size);
      // Everything takes its last steps.
      for (const name of names) {
        for (const step of ["cancel", "start", "answer", "commit"]) {
          for (let times = 0; times < taken.length; times++) take(step, name, 0);
        }
      }
      expect(lanes.held).toEqual({ slow: 0, new: 0, quick: 0 });
      expect([lanes.unrecorded, lanes.heldBytes]).toEqual([0, 0]);
    }),
  );
});

test("what is held counts as many bytes as its payloads have, from the reservation on", () => {
  const lanes = new Lanes(16);
  const lane = lanes.of("a");
  const held = [bytes(10), bytes(200)].map((delivery) => ({ delivery, leasedAtMs: 0 }));
  for (const { delivery } of held) lanes.reserve(lane, 1, delivery.payload.length);
  expect(lanes.heldBytes).toBe(210);
  for (const one of held) lanes.arrive(lane, one);
  const first = lanes.start(lane);
  expect(first).toBe(held[0]);
  lanes.answer(lane);
  expect(lanes.heldBytes).toBe(210);
  lanes.leave(lane, "unwritten", bytes(10));
  expect(lanes.heldBytes).toBe(200);
  expect(lanes.clear(lane, "all")).toEqual([held[1]]);
  expect(lanes.heldBytes).toBe(0);
});

test("empty lanes are forgotten when there are too many; lanes that hold something or are quiet are kept", () => {
  const lanes = new Lanes(16);
  lanes.reserve(lanes.of("holds"), 1);
  lanes.of("quiet").quietUntilMs = performance.now() + 60_000;
  for (let made = 2; made < 20_000; made++) lanes.of(`idle ${made}`);
  expect([...lanes]).toHaveLength(20_000);
  lanes.of("one more");
  expect([...lanes].map(({ subscriptionId }) => subscriptionId)).toEqual([
    "holds",
    "quiet",
    "one more",
  ]);
});
