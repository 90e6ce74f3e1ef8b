import { expect, test } from "vitest";
import {
  adaptSlots,
  firstSlots,
  heldAtPace,
  holdMax,
  slotsMin,
} from "../../src/dispatcher/slots.ts";

const good = { healthy: true, overburdened: false };
const overburdened = { healthy: false, overburdened: true };

test("slots grow by one with each good answer, halve with each bad one, and stay within their bounds", () => {
  expect(adaptSlots(16, good, 256)).toBe(17);
  expect(adaptSlots(256, good, 256)).toBe(256);
  expect(adaptSlots(17, overburdened, 256)).toBe(8);
  expect(adaptSlots(slotsMin, overburdened, 256)).toBe(slotsMin);
  expect(adaptSlots(16, { healthy: false, overburdened: false }, 256)).toBe(16);
  expect(firstSlots(8)).toBe(8);
});

test("what is held in memory follows the pace, and a receiver that was found slow gets no queue", () => {
  expect(holdMax(16, 0)).toBe(32);
  expect(holdMax(16, 1_000)).toBe(heldAtPace(1_000));
  // Six seconds of work: an attempt is begun only while its lease outlasts it, and a lease has 15 to spare.
  expect(heldAtPace(1_000)).toBe(6_000);
  expect(holdMax(slotsMin, 1_000)).toBe(slotsMin);
});
