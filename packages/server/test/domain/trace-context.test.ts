import { expect, test } from "vitest";
import { readTraceContext, traceHeaders } from "../../src/domain/trace-context.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const valid = `00-${trace}-${parent}-01`;

test.each([
  [valid, valid],
  [`  ${valid} `, valid],
  [`00-${trace}-${parent}-00`, `00-${trace}-${parent}-00`],
  // Sampled and random are what version 00 knows; the rest has to be 0.
  [`00-${trace}-${parent}-ff`, `00-${trace}-${parent}-03`],
  // A later version is read as far as this one goes.
  [`cc-${trace}-${parent}-01`, valid],
  [`cc-${trace}-${parent}-01-what-comes-later`, valid],
])("a traceparent is read: %s", (given, kept) => {
  expect(readTraceContext({ traceparent: given })).toBe(kept);
});

test.each([
  "",
  `ff-${trace}-${parent}-01`,
  `00-${trace}-${parent}-01-more`,
  `cc-${trace}-${parent}-01more`,
  `00-${"0".repeat(32)}-${parent}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${parent}-01`,
  `00-${trace.slice(1)}-${parent}-01`,
  `00-${trace}-${parent.slice(1)}-01`,
  `00-${trace}-${parent}-1`,
  `00-${trace}-${parent}`,
  `0-${trace}-${parent}-01`,
  `00 ${trace} ${parent} 01`,
  `${valid}, ${valid}`,
])("a traceparent that is not valid counts as none: %j", (traceparent) => {
  expect(readTraceContext({ traceparent, tracestate: "a=1" })).toBeUndefined();
});

test("without a traceparent there is no trace, whatever the tracestate says", () => {
  expect(readTraceContext({ tracestate: "a=1" })).toBeUndefined();
});

const stateOf = (tracestate: string) =>
  readTraceContext({ traceparent: valid, tracestate })?.slice(valid.length + 1);
const members = (count: number) => Array.from({ length: count }, (_, at) => `k${at}=v`).join(",");

test.each([
  ["a=1", "a=1"],
  ["a=1,b=2", "a=1,b=2"],
  [" a=1 ,\t, b=2 ", "a=1,b=2"],
  ["tenant1@vendor=opaque value/=".replace("/=", "/"), "tenant1@vendor=opaque value/"],
  ["a_-*/0=x", "a_-*/0=x"],
  [members(32), members(32)],
  [members(33), ""],
  ["", ""],
  ["a=1,a=2", ""],
  ["A=1", ""],
  ["a", ""],
  ["a=", ""],
  ["=1", ""],
  ["a=1=2", ""],
  ["a=\u00e9", ""],
  [`a=${"x".repeat(257)}`, ""],
  [`a=${"x".repeat(256)}`, `a=${"x".repeat(256)}`],
])("a tracestate is kept as it is, or not at all: %j", (given, kept) => {
  expect(stateOf(given)).toBe(kept);
});

test("a tracestate that is too long loses long members first, and then the oldest", () => {
  const long = `long=${"x".repeat(200)}`;
  const short = Array.from({ length: 20 }, (_, at) => `k${at}=${"y".repeat(15)}`);
  expect(stateOf([short[0], long, ...short.slice(1)].join(","))).toBe(short.join(","));
  const many = Array.from(
    { length: 30 },
    (_, at) => `k${String(at).padStart(2, "0")}=${"y".repeat(16)}`,
  );
  const kept = stateOf(many.join(",")) ?? "";
  expect(kept.length).toBeLessThanOrEqual(512);
  expect(many.join(",").startsWith(kept)).toBe(true);
});

test("an attempt is a child: the same trace, flags and state, and a span of its own", () => {
  const span = "00f067aa0ba902b7";
  expect(traceHeaders(`${valid} a=1,b=2`, span)).toEqual([
    "traceparent",
    `00-${trace}-${span}-01`,
    "tracestate",
    "a=1,b=2",
  ]);
  expect(traceHeaders(valid, span)).toEqual(["traceparent", `00-${trace}-${span}-01`]);
});
