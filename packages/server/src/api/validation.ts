import type { FastifyInstance, FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { AppError, type FieldError } from "../errors.ts";
import { explain, type Schema } from "./explain.ts";

type Verdict = { value: unknown } | { error: Error };

/**
 * Validates requests against their TypeBox schemas. Bodies are never coerced, trimmed or filled with defaults; 422 lists every fault.
 *
 * In queries, whole numbers and booleans are read from their text. A path parameter that does not fit is a 404: an
 * object whose id has another form cannot exist.
 */
export function useSchemas(app: FastifyInstance): void {
  // Probes of an open route may send any parameters. On other routes, a parameter without effect is a mistake of the caller.
  app.addHook("preValidation", async ({ query, routeOptions }) => {
    const { schema, config } = routeOptions;
    const given = Object.entries(query as Record<string, unknown>);
    if (given.length === 0 || schema?.querystring || config.scope === "none") return;
    throw invalidRequest(explain(noParameters, query, ["query"]));
  });
}

const compileValidator: FastifySchemaCompiler<unknown> = ({ schema, httpPart }) => {
  const shape = schema as Schema;
  const fits = checkOf(shape as TSchema);
  return (given: unknown): Verdict => {
    const [value, unread] = read(shape, given, httpPart);
    if (unread.length === 0 && fits(value)) return { value };
    if (httpPart === "params") return { error: new AppError("not_found") };
    return {
      error: invalidRequest([
        ...unread,
        ...explain(shape, value, [places[httpPart ?? ""] ?? "body"]),
      ]),
    };
  };
};

/** Compiles a schema at its first use: to compile those of all routes would be a tenth of the service's start. */
function checkOf(schema: TSchema): (value: unknown) => boolean {
  let compiled: ReturnType<typeof Compile> | undefined;
  return (value) => {
    compiled ??= Compile(schema);
    return compiled.Check(value);
  };
}

/**
 * Makes fastify use these compilers from the start; otherwise it would load its own first, which are never used.
 *
 * Response schemas only describe; they never remove fields from an answer. A string is an answer that is already serialised.
 */
export const schemaController = {
  compilersFactory: {
    buildValidator: () => compileValidator as never, // Its type knows only Ajv's.
    buildSerializer: () => () => (answer: unknown) =>
      typeof answer === "string" ? answer : JSON.stringify(answer),
  },
};

const noParameters: Schema = { type: "object", additionalProperties: false };

const places: Record<string, string> = { querystring: "query", headers: "header" };

/** Makes a function that lists the faults of a value inside a body; their locations start with `loc`. */
export function openJudge(
  schema: TSchema,
): (value: unknown, loc: FieldError["loc"]) => FieldError[] {
  const fits = checkOf(schema);
  return (value, loc) => (fits(value) ? [] : explain(schema as Schema, value, loc));
}

/** Makes the 422 for these faults. `detail` states the first fault in a sentence. */
export function invalidRequest(errors: FieldError[]): AppError {
  const [first] = errors;
  if (!first) return new AppError("invalid_request");
  const [place, ...path] = first.loc;
  const name = path.length > 0 ? path.map(told).join(".") : whole(place);
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const separator = first.type === "unknown_field" ? ":" : "";
  return new AppError("invalid_request", `${name}${separator} ${first.msg}${more}.`, errors);
}

/** Shows an empty name in quotes: `{"": 1}`, `?=1`. */
const told = (part: string | number): string => (part === "" ? '""' : String(part));

const whole = (place: unknown): string => (place === "body" ? "The body" : "The query");

function read(schema: Schema, given: unknown, httpPart?: string): [unknown, FieldError[]] {
  if (httpPart === "querystring") return readQuery(schema, given as Record<string, unknown>);
  // No body counts as an empty object: its required fields are then named one by one.
  return [httpPart === "body" && given === null ? {} : given, []];
}

function readQuery(schema: Schema, given: Record<string, unknown>): [unknown, FieldError[]] {
  const errors: FieldError[] = [];
  const query: [string, unknown][] = [];
  for (const [name, value] of Object.entries(given)) {
    const own = Object.hasOwn(schema.properties ?? {}, name)
      ? schema.properties?.[name]
      : undefined;
    const loc = ["query", name.slice(0, 64)];
    if (Array.isArray(value) && own?.type !== "array")
      errors.push({ loc, msg: "is given more than once", type: "repeated" });
    else if ([value].flat().some((text) => String(text).includes("\0")))
      errors.push({ loc, msg: "must not hold U+0000", type: "pattern" });
    else query.push([name, readParameter(own, value)]);
  }
  return [Object.fromEntries(query), errors];
}

function readParameter(schema: Schema | undefined, value: unknown): unknown {
  if (schema?.type === "array") {
    return [value].flat().map((item) => readParameter(schema.items, item));
  }
  if (typeof value !== "string") return value;
  if (schema?.type === "integer" && /^-?\d{1,15}$/.test(value)) return Number(value);
  if (schema?.type === "boolean" && /^(true|false)$/.test(value)) return value === "true";
  return value;
}
