import { expect, test } from "vitest";
import { findInJson, jsonRows, parseJson } from "../src/words/json-rows.ts";

const none = { toggled: new Set<string>(), reveal: new Set<string>() };
const value = { a: { b: [1, "two"] }, "x/y~z": null, list: Array.from({ length: 101 }, () => 0) };

test("a tree lists its members in order, with their depth, and large lists are closed", () => {
  const rows = jsonRows(value, none).map(({ path, depth, kind, open }) => [
    path,
    depth,
    kind,
    open,
  ]);
  expect(rows).toEqual([
    ["/a", 0, "object", true],
    ["/a/b", 1, "list", true],
    ["/a/b/0", 2, "number", false],
    ["/a/b/1", 2, "string", false],
    ["/x~1y~0z", 0, "null", false],
    ["/list", 0, "list", false],
  ]);
});

test("what somebody toggles closes or opens", () => {
  expect(jsonRows(value, { ...none, toggled: new Set(["/a"]) })).toHaveLength(3);
  expect(jsonRows(value, { ...none, toggled: new Set(["/list"]) })).toHaveLength(6 + 101);
});

test("a search finds names and values whatever their case, and opens the way to them", () => {
  const found = findInJson(
    { deep: Array.from({ length: 200 }, (_, n) => ({ Name: `N${n}` })) },
    "n199",
  );
  expect(found.paths).toEqual(["/deep/199/Name"]);
  const rows = jsonRows(
    { deep: Array.from({ length: 200 }, (_, n) => ({ Name: `N${n}` })) },
    {
      ...none,
      reveal: found.reveal,
    },
  );
  expect(rows.some(({ path }) => path === "/deep/199/Name")).toBe(true);
  expect(findInJson(value, "  ").paths).toEqual([]);
  expect(findInJson({ key: true }, "KEY").paths).toEqual(["/key"]);
});

test("a megabyte of JSON is listed and searched well within a second", () => {
  const large = {
    rows: Array.from({ length: 20_000 }, (_, n) => ({ id: n, text: "x".repeat(30) })),
  };
  const startedAt = performance.now();
  findInJson(large, "nothing of the kind");
  jsonRows(large, { ...none, toggled: new Set(["/rows"]) });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test("a text that is no JSON is none", () => {
  expect(parseJson("<html>")).toBeUndefined();
  expect(parseJson("null")).toEqual({ value: null });
});
