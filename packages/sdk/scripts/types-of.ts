/** The part of JSON Schema that our OpenAPI document uses. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  description?: string;
};

type Operation = {
  operationId?: string;
  parameters?: { name?: string; in?: string; required?: boolean; schema?: Schema }[];
  responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>;
};

/** What is read of an OpenAPI 3.1 document. */
export type OpenApi = {
  paths?: Record<string, Record<string, Operation>>;
  webhooks?: Record<
    string,
    { post: { requestBody: { content: { "application/json": { schema: Schema } } } } }
  >;
  components?: { schemas?: Record<string, Schema> };
};

const head =
  "// Written by packages/sdk/scripts/write-types.ts from packages/server/openapi.json; do not edit.\n";

/**
 * Writes a type for each named schema, and for each operation its query and those of its answers that have no name.
 *
 * `listRuns` becomes `ListRunsQuery` and `ListRunsAnswer`.
 */
export function typesOf({ paths = {}, components = {} }: OpenApi): string {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const named = new Map([
    ...Object.entries(components.schemas ?? {}),
    ...operations.flatMap(operationSchemas),
  ]);
  const types = [...named]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => {
      return `${comment(schema)}export type ${typeName(name)} = ${typeOf(schema)};\n`;
    });
  return [head, ...types].join("\n");
}

function operationSchemas({ operationId, parameters = [], responses = {} }: Operation) {
  if (operationId === undefined) return [];
  const stem = operationId.charAt(0).toUpperCase() + operationId.slice(1);
  const query = parameters.filter((parameter) => parameter.in === "query");
  const answer = ["200", "201", "202"].flatMap(
    (status) => responses[status]?.content?.["application/json"]?.schema ?? [],
  )[0];
  const schemas: [string, Schema][] = [];
  if (query.length > 0) schemas.push([`${stem}Query`, querySchema(query)]);
  if (answer && answer.$ref === undefined) schemas.push([`${stem}Answer`, answer]);
  return schemas;
}

const querySchema = (query: NonNullable<Operation["parameters"]>): Schema => ({
  type: "object",
  properties: Object.fromEntries(query.map(({ name = "", schema = {} }) => [name, schema])),
  required: query.flatMap(({ name = "", required }) => (required ? [name] : [])),
});

/** Writes the TypeScript type of a schema; what it does not know it refuses, so that no type is a guess. */
export function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return refName(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)));
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return union(alternatives.map(typeOf));
  if (schema.allOf) return schema.allOf.map((part) => `(${typeOf(part)})`).join(" & ");
  if (Array.isArray(schema.type)) {
    return union(schema.type.map((type) => typeOf({ ...schema, type })));
  }
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `(${typeOf(schema.items ?? {})})[]`;
    case "object":
      return objectType(schema);
    case undefined:
      return schema.properties ? objectType(schema) : "unknown";
    default:
      throw new Error(`write-types does not know the type ${JSON.stringify(schema.type)}`);
  }
}

function objectType(schema: Schema): string {
  const required = new Set(schema.required);
  const members = Object.entries(schema.properties ?? {}).map(
    ([name, member]) =>
      `${comment(member)}${JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${typeOf(member)};`,
  );
  const others = otherMembers(schema);
  if (members.length === 0) return `Record<string, ${others ?? "unknown"}>`;
  const own = `{\n${members.join("\n")}\n}`;
  // Members of the caller's own may have any type: an index signature would have to admit the named ones as well.
  return others === undefined ? own : `${own} & { [name: string]: unknown }`;
}

function otherMembers(schema: Schema): string | undefined {
  const patterns = Object.values(schema.patternProperties ?? {});
  if (patterns.length > 0) return union(patterns.map(typeOf));
  if (schema.additionalProperties === true) return "unknown";
  if (typeof schema.additionalProperties === "object") return typeOf(schema.additionalProperties);
  return undefined;
}

const union = (types: string[]): string => [...new Set(types)].join(" | ") || "never";

const refName = (ref: string): string => typeName(ref.slice(ref.lastIndexOf("/") + 1));

const typeName = (name: string): string => name.replace(/[^A-Za-z0-9_$]/g, "_");

const comment = ({ description }: Schema): string =>
  description === undefined ? "" : `/** ${description.replaceAll("*/", "* /")} */\n`;
