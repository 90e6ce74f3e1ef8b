import fc from "fast-check";
import type { Schema } from "../../src/api/explain.ts";
import { callIdPattern, objectIdPattern } from "../../src/ids.ts";
import { hostileNumbers, hostileText } from "./hostile-values.ts";

/** Stands for an id of something that exists when the request is made; `filled` puts one in its place. */
export type Someone = { someone: number; of: string };

const isSomeone = (value: unknown): value is Someone =>
  typeof value === "object" && value !== null && "someone" in value && "of" in value;

const depthMax = 4;

/**
 * Makes values that a schema takes, and in one of thirty places something it does not: of another type, out of bounds,
 * left out, unknown or hostile. A field is filled with ids of what its name or pattern says.
 */
export function arbitraryOf(schema: Schema, field = "", depth = 0): fc.Arbitrary<unknown> {
  const fitting = fittingOf(schema, field, depth);
  return fc.oneof({ arbitrary: fitting, weight: 29 }, { arbitrary: strange, weight: 1 });
}

const strange: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(...hostileNumbers),
  fc.constantFrom(null, true, [], {}, [[]], [null], { __proto__: null, constructor: 1 }),
  fc.jsonValue({ maxDepth: 2 }),
);

function fittingOf(schema: Schema, field: string, depth: number): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => fittingOf(one, field, depth)));
  switch ([schema.type].flat()[0]) {
    case "string":
      return textOf(schema, field);
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1_000, max: schema.maximum ?? 1_000_000 });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(arbitraryOf(schema.items ?? {}, field, depth + 1), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, (schema.minItems ?? 0) + 4),
      });
    case "object":
      return objectOf(schema, depth);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, own]) => {
    const value = depth > depthMax ? strange : arbitraryOf(own, name, depth + 1);
    const required = schema.required?.includes(name) ?? false;
    return fc.tuple(fc.constant(name), value, fc.nat(required ? 39 : 1));
  });
  const more = fc.oneof(
    { arbitrary: fc.constant([]), weight: schema.additionalProperties === false ? 29 : 2 },
    {
      arbitrary: fc.array(fc.tuple(hostileText, fc.jsonValue({ maxDepth: 1 })), { maxLength: 2 }),
      weight: 1,
    },
  );
  return fc
    .tuple(fc.tuple(...fields), more)
    .map(([own, others]) =>
      Object.fromEntries([
        ...own.flatMap(([name, value, left]) => (left === 0 ? [] : [[name, value]])),
        ...(others as [string, unknown][]),
      ]),
    );
}

const urls = ["https://example.com/hook", "https://example.org:8443/a?b=c", "https://10.0.0.1/"];

function textOf(schema: Schema, field: string): fc.Arbitrary<unknown> {
  const { pattern, minLength = 0, maxLength = 1_000 } = schema;
  if (pattern === objectIdPattern || pattern === callIdPattern) return someone(field);
  if (field === "url") return fc.constantFrom(...urls);
  const times = fc
    .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
    .map((at) => at.toISOString());
  const words = fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 12) });
  const long = fc.constant("x".repeat(maxLength));
  const form = pattern === undefined ? undefined : new RegExp(pattern, "u");
  const samples = fc.oneof(
    { arbitrary: words, weight: 4 },
    { arbitrary: times, weight: /_at$|At$|timestamp|start|end/.test(field) ? 8 : 1 },
    { arbitrary: long, weight: 1 },
    { arbitrary: fc.constantFrom("a", "step-1", "1"), weight: 2 },
  );
  // What the pattern refuses is as good a try: the server is to say so.
  return form ? samples.map((text) => (form.test(text) ? text : "a")) : samples;
}

/** An id of what a field or a parameter of this name stands for. */
export const someone = (of: string): fc.Arbitrary<Someone> =>
  fc.nat(1_000).map((number) => ({ someone: number, of }));

/** Puts ids in the places that stand for some. */
export function filled(value: unknown, pick: (one: Someone) => unknown): unknown {
  if (isSomeone(value)) return pick(value);
  if (Array.isArray(value)) return value.map((one) => filled(one, pick));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, pick)]));
}
