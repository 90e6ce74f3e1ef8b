import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonText } from "../../src/domain/json-text.ts";
import { canonicalJson, sameJson } from "../../src/domain/same-json.ts";

const MEBIBYTE = 1024 * 1024;
const same = (a: string, b: string) => sameJson(a as JsonText, b as JsonText);

/** The same value, its members in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, one]) => [name, reversed(one)]));
}

test("white space and the order of members do not count", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const rewritten = JSON.stringify(reversed(value), undefined, "\n \t");
      expect(same(JSON.stringify(value), ` ${rewritten}\r\n`)).toBe(true);
    }),
  );
});

test("two texts are the same exactly when their values are", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
      const sorted = (value: unknown): unknown =>
        Array.isArray(value)
          ? value.map(sorted)
          : typeof value === "object" && value !== null
            ? Object.entries(value)
                .map(([name, one]) => [name, sorted(one)])
                .sort(([x], [y]) => (String(x) < String(y) ? -1 : 1))
                .concat([["an object"]])
            : value;
      expect(same(left, right)).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
    }),
  );
});

test.each([
  ['{"a":1,"b":[{"c":2,"d":3}]}', '{"b":[{"d":3,"c":2}],"a":1}', true],
  ["[1,2]", "[2,1]", false],
  ['{"a": "x y"}', '{"a":"xy"}', false],
  ['"\\" "', '"\\""', false],
  ['{"a":null}', "{}", false],
  ["1.0", "1", true],
  ["100", "1e2", true],
  ["0.10E+1", "1", true],
  ["-0", "0", true],
  ["-1", "1", false],
  ["1", '"1"', false],
  ["true", '"true"', false],
  ["[]", "{}", false],
  ["[[],[]]", "[[[]]]", false],
  ["12345678901234567890", "12345678901234567891", false],
  ["1e400", "1e401", false],
  ["0.00010", "1e-4", true],
  ['"\\ud83d"', '"\\uD83D"', true],
  ['{"b":1,"\\u0061":2}', '{"a":2,"b":1}', true],
  // An exponent of more than 15 characters is left as it is spelt.
  [`1e${"0".repeat(14)}1`, "10", true],
  [`1e${"0".repeat(15)}1`, "10", false],
  ['""', ' "" ', true],
  [`1e${"9".repeat(20)}`, `1e${"9".repeat(19)}8`, false],
])("%s and %s: %s", (a, b, expected) => {
  expect(same(a, b)).toBe(expected);
  expect(same(b, a)).toBe(expected);
});

test("no text is the same as no text only", () => {
  expect(sameJson(null, null)).toBe(true);
  expect(sameJson(null, "null" as JsonText)).toBe(false);
});

test.each([
  ["nested lists", "[".repeat(MEBIBYTE / 2) + "]".repeat(MEBIBYTE / 2)],
  ["nested objects", `${'{"a":'.repeat(150_000)}0${"}".repeat(150_000)}`],
  ["many keys", `{${Array.from({ length: 90_000 }, (_, i) => `"k${i}":0`).join()}}`],
  ["many items", `[${Array.from({ length: 200_000 }, (_, i) => i).join()}]`],
  ["escapes", `"${"\\\\".repeat(MEBIBYTE / 2)}"`],
  ["zeros in front", `0.${"0".repeat(MEBIBYTE)}1`],
  ["zeros inside", `1${"0".repeat(MEBIBYTE)}1`],
  ["zeros behind", `1.${"0".repeat(MEBIBYTE)}`],
  ["an exponent", `1e${"9".repeat(MEBIBYTE)}`],
  ["blanks", `{${" ".repeat(MEBIBYTE)}}`],
])("a mebibyte of %s takes linear time and overflows nothing", (_, text) => {
  const startedAt = performance.now();
  expect(same(text, ` ${text}`)).toBe(true);
  // Linear work takes some 100 ms here; quadratic work on a million characters takes minutes.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("a text that was wrongly called JSON ends in an error, not in an endless loop", () => {
  for (const text of ['"', '{"a', '"a\\"', '["']) {
    expect(() => canonicalJson(text as JsonText)).toThrow("does not end");
  }
  expect(canonicalJson("}]" as JsonText)).toBe("");
});
