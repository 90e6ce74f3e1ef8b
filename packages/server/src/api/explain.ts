import type { FieldError } from "../errors.ts";

/** The part of JSON Schema that this API's schemas use. */
export type Schema = {
  type?: string | string[];
  title?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  maxProperties?: number;
};

type Loc = (string | number)[];

const errorsMax = 20;

/**
 * Lists the faults of a value against its schema, in words: at most 20, and none quotes the value.
 *
 * Written by hand because the validator's own list grows with the square of a list's length (60,000 entries took it
 * 23 seconds) and reports faults of union branches that the caller did not mean.
 */
export function explain(schema: Schema, value: unknown, loc: Loc): FieldError[] {
  const errors: FieldError[] = [];
  collect(schema, value, loc, errors);
  return errors;
}

function collect(schema: Schema, value: unknown, loc: Loc, errors: FieldError[]): void {
  if (errors.length >= errorsMax) return;
  const refuse = (type: string, msg: string) => {
    if (errors.length < errorsMax) errors.push({ loc, msg, type });
  };
  const choices = choicesOf(schema);
  if (choices) {
    if (!choices.includes(value))
      refuse("choice", `must be one of ${choices.map(word).join(", ")}`);
    return;
  }
  if (schema.anyOf) {
    collectUnion(schema.anyOf, value, loc, errors);
    return;
  }
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => hasType(value, type))) {
    refuse("type", `must be ${types.map(typeWord).join(" or ")}`);
  } else if (typeof value === "string") {
    collectText(schema, value, refuse);
  } else if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum)
      refuse("minimum", `must be at least ${schema.minimum}`);
    if (schema.maximum !== undefined && value > schema.maximum)
      refuse("maximum", `must be at most ${schema.maximum}`);
  } else if (Array.isArray(value)) {
    collectList(schema, value, loc, errors, refuse);
  } else if (typeof value === "object" && value !== null) {
    collectObject(schema, value as Record<string, unknown>, loc, errors, refuse);
  }
}

type Refuse = (type: string, msg: string) => void;

/** For a nullable value, lists the faults of the value. For another union, says only that no branch fits. */
function collectUnion(branches: Schema[], value: unknown, loc: Loc, errors: FieldError[]): void {
  const faults = branches.map((branch) => explain(branch, value, loc));
  if (faults.some((list) => list.length === 0)) return;
  const meant = faults.filter((_, index) => branches[index]?.type !== "null");
  const [only] = meant;
  const nullable = meant.length < faults.length;
  if (meant.length === 1 && only) {
    for (const error of only) {
      const msg = nullable && error.type === "type" ? `${error.msg} or null` : error.msg;
      if (errors.length < errorsMax) errors.push({ ...error, msg });
    }
    return;
  }
  const kinds = branches.flatMap((branch) => [branch.type ?? []].flat()).map(typeWord);
  const msg =
    kinds.length > 0
      ? `must be ${[...new Set(kinds)].join(" or ")}`
      : "does not have an accepted form";
  errors.push({ loc, msg, type: "type" });
}

function collectText(schema: Schema, value: string, refuse: Refuse): void {
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) {
    refuse(
      "min_length",
      schema.minLength === 1
        ? "must not be empty"
        : `must have at least ${schema.minLength} characters`,
    );
    return;
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    refuse("max_length", `must have at most ${schema.maxLength} characters`);
    return;
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) {
    refuse("pattern", schema.title ? `must be ${schema.title}` : `must match ${schema.pattern}`);
  }
}

function collectList(
  schema: Schema,
  list: unknown[],
  loc: Loc,
  errors: FieldError[],
  refuse: Refuse,
): void {
  if (schema.minItems !== undefined && list.length < schema.minItems)
    refuse("min_items", `must have at least ${count(schema.minItems, "entry", "entries")}`);
  // A list that is too long is not checked further: the work must not grow with the size of the request.
  if (schema.maxItems !== undefined && list.length > schema.maxItems) {
    refuse("max_items", `must have at most ${count(schema.maxItems, "entry", "entries")}`);
    return;
  }
  if (schema.uniqueItems && new Set(list.map((item) => JSON.stringify(item))).size < list.length)
    refuse("unique", "must not contain duplicates");
  for (const [index, item] of list.entries()) {
    if (errors.length >= errorsMax) return;
    if (schema.items) collect(schema.items, item, [...loc, index], errors);
  }
}

function collectObject(
  schema: Schema,
  object: Record<string, unknown>,
  loc: Loc,
  errors: FieldError[],
  refuse: Refuse,
): void {
  const { properties = {} } = schema;
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(object, name))
      errors.push({ loc: [...loc, name], msg: "is required", type: "missing" });
  }
  if (schema.maxProperties !== undefined && Object.keys(object).length > schema.maxProperties) {
    refuse("max_properties", `must have at most ${schema.maxProperties} members`);
    return;
  }
  for (const [name, value] of Object.entries(object)) {
    if (errors.length >= errorsMax) return;
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (own) collect(own, value, [...loc, name], errors);
    else collectOther(schema, name, value, loc, errors);
  }
}

function collectOther(
  schema: Schema,
  name: string,
  value: unknown,
  loc: Loc,
  errors: FieldError[],
): void {
  const here = [...loc, name.slice(0, 64)];
  for (const [pattern, rule] of Object.entries(schema.patternProperties ?? {})) {
    if (!new RegExp(pattern, "u").test(name)) continue;
    collect(rule, value, here, errors);
    return;
  }
  if (typeof schema.additionalProperties === "object") {
    collect(schema.additionalProperties, value, here, errors);
    return;
  }
  if (schema.additionalProperties !== false) return;
  const allowed = Object.keys(schema.properties ?? {});
  const kind = loc[0] === "query" ? "parameter" : "field";
  const what = name === "" ? `a ${kind} without a name` : `unknown ${kind}`;
  const msg = allowed.length > 0 ? `${what}; allowed: ${allowed.join(", ")}` : what;
  errors.push({ loc: here, msg, type: "unknown_field" });
}

/** Gives the allowed values if the schema only lists constants. */
function choicesOf(schema: Schema): unknown[] | undefined {
  if (schema.enum) return schema.enum;
  if ("const" in schema) return [schema.const];
  if (!schema.anyOf) return undefined;
  const inner = schema.anyOf.map((branch) => (branch.type === "null" ? [null] : choicesOf(branch)));
  return inner.every((choices) => choices !== undefined) ? inner.flat() : undefined;
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

const typeWords: Record<string, string> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  null: "null",
};

const typeWord = (type: string): string => typeWords[type] ?? type;
const word = (choice: unknown): string => (choice === null ? "null" : String(choice));
const count = (number: number, one: string, many: string): string =>
  `${number} ${number === 1 ? one : many}`;
