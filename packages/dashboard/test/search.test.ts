import { expect, test } from "vitest";
import {
  deliveriesSpec,
  idTyped,
  isFiltered,
  replayFilterOf,
  soughtOf,
} from "../src/pages/deliveries/sought.ts";
import { many, one, parseSearch, printSearch } from "../src/search.ts";

const spec = { status: many("failed", "retrying"), search: one(), state: one("a", "b") } as const;

test("an address is read by its spec; what the page does not understand counts as not said", () => {
  expect(
    parseSearch(spec, "status=failed&status=nonsense&status=failed&state=c&search=%26x&y=1"),
  ).toEqual({
    status: ["failed"],
    search: "&x",
    state: undefined,
  });
});

test("what is printed is read back the same", () => {
  const values = { status: ["failed", "retrying"], search: "a b&c=d", state: undefined } as const;
  expect(parseSearch(spec, printSearch(values).slice(1))).toEqual(values);
  expect(printSearch({ a: undefined, b: [], c: "" })).toBe("");
});

test("filters become the API's words, and a replay's filter has no word for what is not filtered", () => {
  const sought = soughtOf(parseSearch(deliveriesSpec, "status=failed&about=x&delivery=1"));
  expect(replayFilterOf(sought)).toEqual({ status: ["failed"], subject_id: "x" });
  expect(isFiltered(sought)).toBe(true);
  expect(isFiltered(soughtOf(parseSearch(deliveriesSpec, "delivery=1")))).toBe(false);
});

test.each([
  [
    "event_6b01200f-a9f6-8a2c-92d8-19fbcd6334f5",
    { event: "event_6b01200f-a9f6-8a2c-92d8-19fbcd6334f5" },
  ],
  [" 6b0be32f0000000040317700 ", { about: "6b0be32f0000000040317700" }],
  [
    "6b0be32f0000000040317700:check-insurance",
    { about: "6b0be32f0000000040317700:check-insurance" },
  ],
  ["CC-0c5b4c8e-8f0a-4f0e-9b0a-2f1f2f6f9a10", { about: "CC-0c5b4c8e-8f0a-4f0e-9b0a-2f1f2f6f9a10" }],
  ["6b0be32f", undefined],
  ["Billing system", undefined],
  ["", undefined],
])("%j is told apart", (text, expected) => {
  expect(idTyped(text)).toEqual(expected);
});
