import { expect, test } from "vitest";
import { namesIn, shortId, singleNamesMax, unnamedOf } from "../src/words/names.ts";

test("names that are not known are asked for once each, and never more than a bounded number of them", () => {
  const known = new Map([["w1", "Patient intake"]]);
  expect(unnamedOf(["w2", "w1", "w2", "w3"], known)).toEqual(["w2", "w3"]);
  expect(unnamedOf(["w1"], known)).toEqual([]);
  const many = Array.from({ length: 1_000 }, (_, number) => `w${number}`);
  expect(unnamedOf(many, known)).toEqual(many.filter((id) => id !== "w1").slice(0, singleNamesMax));
});

test("only ids and names are kept of a list", () => {
  const workflow = {
    id: "w1",
    name: "Patient intake",
    configuration: { large: "x".repeat(1_000) },
  };
  expect(namesIn([workflow])).toEqual([{ id: "w1", name: "Patient intake" }]);
});

test("an id without a name is recognised by its end", () => {
  expect(shortId("6b0d94965e42183f0612fbce")).toBe("…12fbce");
});
