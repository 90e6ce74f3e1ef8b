import { expect, test } from "vitest";
import { crashesMax, decideClaim } from "../../src/domain/crash-policy.ts";

const found = { lost: false, crashCount: 0, ordered: false, payloadHeld: true };
const leased = { kind: "lease", suspect: false };
const suspect = { kind: "lease", suspect: true };
const ended = (errorCode: string) => ({ kind: "give_up", errorCode });

test.each([
  ["due for the first time", {}, leased],
  ["lost once", { lost: true }, leased],
  ["lost twice in a row", { lost: true, crashCount: 1 }, suspect],
  ["lost three times in a row", { lost: true, crashCount: 2 }, suspect],
  ["lost four times", { lost: true, crashCount: 3 }, ended("crash_loop")],
  ["lost four times, but since then an attempt was recorded", { crashCount: 3 }, leased],
  ["with an order", { ordered: true }, leased],
  ["with an order, lost once", { lost: true, ordered: true }, ended("unknown_outcome")],
  ["without a payload", { payloadHeld: false }, ended("payload_expired")],
  ["without a payload, lost", { lost: true, payloadHeld: false }, ended("payload_expired")],
  [
    "without a payload, with an order, lost four times",
    { lost: true, crashCount: 3, ordered: true, payloadHeld: false },
    ended("payload_expired"),
  ],
])("a claim of a delivery %s", (_, given, expected) => {
  expect(decideClaim({ ...found, ...given })).toEqual(expected);
});

test("a delivery is leased again after three crashes, and not after four", () => {
  expect(crashesMax).toBe(3);
});
