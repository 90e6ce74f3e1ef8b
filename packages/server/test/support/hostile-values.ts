import fc from "fast-check";
import type { Schema } from "../../src/api/explain.ts";
import type { Names } from "./furnish.ts";

/** The same requests on every run; another seed finds others. fast-check prints it with what it finds. */
export const seed = 20_261_121;

/** The types of JSON, whole numbers told from others. */
export const kinds = ["null", "boolean", "integer", "number", "string", "array", "object"] as const;
type Kind = (typeof kinds)[number];

/** The types of JSON that a schema takes; a whole number is a number too. */
export function kindsOf(schema: Schema): Set<Kind> {
  const constants = [...(schema.enum ?? []), ...("const" in schema ? [schema.const] : [])];
  const own = [schema.type ?? []].flat() as Kind[];
  const all = [
    ...own,
    ...own.flatMap((kind): Kind[] => (kind === "number" ? ["integer"] : [])),
    ...constants.map((constant) => typeof constant as Kind),
    ...(schema.anyOf ?? []).flatMap((branch) => [...kindsOf(branch)]),
  ];
  return new Set(all.length === 0 ? kinds : all);
}

/** Values of each type. */
export const valuesOf: Record<Kind, fc.Arbitrary<unknown>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  integer: fc.integer(),
  number: fc.double({ noNaN: true, noInteger: true, noDefaultInfinity: true }),
  string: fc.string({ unit: "binary" }),
  array: fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }),
  object: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
};

/** Times at the edges of what can be one. */
export const instants = [
  "0001-01-01T00:00:00Z",
  "1970-01-01T00:00:00Z",
  "1970-01-01T00:00:00+23:59",
  "2016-12-31T23:59:60Z",
  "2026-02-30T00:00:00Z",
  "2026-11-21T10:30:00.999999999z",
  "9999-12-31T23:59:59.999Z",
  "9999-12-31T23:59:59-23:59",
  "10000-01-01T00:00:00Z",
];

/** Texts that have broken something somewhere, and any other. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\udc00a",
    "a\r\nb: c",
    "\u202eabc",
    "😀".repeat(150),
    "a".repeat(1000),
    "__proto__",
    "%",
    "_",
    "\\",
    "' or 1=1 --",
    "true",
    "0",
    "-1",
    "1e400",
    "2147483648",
    "9007199254740993",
    "event_00000000-0000-0000-0000-000000000000",
    "https://169.254.169.254/",
    ...instants,
  ),
);

/** Numbers at the edges of what fields take. */
export const hostileNumbers = [0, -0, -1, 1.5, 60, 61, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324];

/** Any JSON value, more often one that means something here. */
export const anything = (...known: Names[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    hostileText,
    fc.constantFrom(...hostileNumbers),
    fc.constantFrom(...known.flatMap(idsOf)),
    fc.boolean(),
    fc.constantFrom(
      ...["workflow_created", "manual", "running", "paused", "completed", "failed", "cancelled"],
    ),
    fc.array(fc.oneof(hostileText, fc.constantFrom("workflow_created", null, 1)), { maxLength: 6 }),
    fc.dictionary(hostileText, fc.oneof(hostileText, fc.constantFrom(...hostileNumbers, null)), {
      maxKeys: 4,
    }),
    fc.constantFrom(null, {}, []),
  );

/** All names that tell one resource from others. */
export const idsOf = (names: Names): string[] =>
  Object.values(names)
    .flat()
    .filter((name) => name.length > 1);

/** Percent-encodes, halves of surrogate pairs too: as the bytes that UTF-8 would have for them. */
export const encodeText = (text: string): string =>
  text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80";

/** Query values that are odd before they are decoded. */
export const rawQueryValues = ["%", "%zz", "%ff", "%c0%80", "%00", "+", "1;2", "=", "[]", "%F0%9F"];

/** What may stand in a path where a name belongs. */
export const hostilePathParts = [
  ...rawQueryValues.map((part) => part.replaceAll("=", "")).filter((part) => part !== ""),
  "..",
  "%2e%2e",
  "%2f",
  "*",
  ":id",
  "__proto__",
  "A".repeat(24),
  "0".repeat(24),
  "a".repeat(128),
  "a".repeat(5_000),
  "2147483648",
  "999999999",
  "event_",
];

/** Headers that the API reads, with values nobody would send. */
export const hostileHeaders: [string, string][] = [
  ...["", "\u00e9", "a".repeat(256), "a, b", "'", "\t"].flatMap((value): [string, string][] => [
    ["idempotency-key", value],
    ["x-org-id", value],
    ["teamid", value],
  ]),
  ["accept", "text/html"],
];
