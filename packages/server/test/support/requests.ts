import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { expect } from "vitest";
import type { Schema } from "../../src/api/explain.ts";
import type { Scope } from "../../src/api-keys.ts";
import { describeError, type ErrorCode } from "../../src/errors.ts";
import { callIdPattern, objectIdPattern } from "../../src/ids.ts";
import type { CallAnswer, CallOptions, TestApi } from "./api.ts";
import { type Names, wholeBody } from "./furnish.ts";

/** One operation of openapi.json, with every reference resolved. */
export type Operation = {
  /** As in `PATCH /workflows/v1/workflows/{workflow_id}`. */
  name: string;
  method: string;
  path: string;
  scope: Scope | "any" | "none";
  query: Record<string, Schema>;
  body: Schema | undefined;
  /** What `body` describes is only a part of what is sent where this puts something around it. */
  wrap: (body: unknown) => unknown;
  mediaType: string;
  /** The schema of each 2xx answer; undefined for an answer without a body. */
  answers: Map<number, TSchema | undefined>;
};

type Media = Record<string, { schema: TSchema }>;
type Described = {
  security: { apiKey: [Scope?] }[];
  parameters?: { name?: string; in?: string; schema?: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Media }>;
};

/** Reads the operations that the running API describes, so that a new route is walked from its first day. */
export async function readOperations(api: TestApi): Promise<Operation[]> {
  const { body: document } = await api.call("GET", "/openapi.json", { key: null });
  const paths = resolve(document.paths, document) as Record<string, Record<string, Described>>;
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, one]) => operationsOf(method, path, one)),
    )
    .sort((one, other) => Number(takesAll(one)) - Number(takesAll(other)));
}

/** What takes everything away, the calling key too, comes last: the others find what they need. */
const takesAll = ({ name }: Operation): boolean => name === "DELETE /v1/teams/{team_id}";

function operationsOf(method: string, path: string, described: Described): Operation[] {
  const bodies = Object.entries(described.requestBody?.content ?? {});
  const [mediaType, first] = bodies[0] ?? ["application/json"];
  const [security] = described.security;
  const operation: Operation = {
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    scope: security === undefined ? "none" : (security.apiKey[0] ?? "any"),
    query: Object.fromEntries(
      (described.parameters ?? []).flatMap((parameter) =>
        parameter.in === "query" ? [[parameter.name, parameter.schema]] : [],
      ),
    ),
    body: first?.schema,
    wrap: (body) => body,
    mediaType,
    answers: new Map(
      Object.entries(described.responses).flatMap(([status, { content }]) =>
        status.startsWith("2") ? [[Number(status), Object.values(content ?? {})[0]?.schema]] : [],
      ),
    ),
  };
  const others = bodies.slice(1).map(([otherType, { schema }]): Operation => {
    const name = `${operation.name} as ${otherType}`;
    const own = { ...operation, name, mediaType: otherType, body: firstOf(schema) };
    return schema.items ? { ...own, body: firstOf(schema.items), wrap: (one) => [one] } : own;
  });
  return [operation, ...others, ...factOperations(operation)];
}

/** Of the types of facts that one body can be, the first: factOperations() walks all of them. */
const firstOf = (schema: Schema): Schema => schema.anyOf?.[0] ?? schema;

/** One operation for each type of fact that can be reported in bulk: its body is the fact's `data`. */
function factOperations(bulk: Operation): Operation[] {
  const types = bulk.body?.properties?.facts?.items?.anyOf ?? [];
  return types.map(({ properties }): Operation => {
    const type = properties?.type?.const;
    return {
      ...bulk,
      name: `${bulk.name} ${type}`,
      body: properties?.data,
      wrap: (data) => ({ facts: [{ type, data }] }),
    };
  });
}

/** Puts what references point at in their place, and closes objects: an answer may hold nothing undescribed. */
function resolve(node: unknown, document: object): unknown {
  if (Array.isArray(node)) return node.map((one) => resolve(one, document));
  if (typeof node !== "object" || node === null) return node;
  const { $ref } = node as { $ref?: unknown };
  if (typeof $ref === "string") {
    const keys = $ref.slice(2).split("/");
    const found = keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
    return resolve(found, document);
  }
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, resolve(value, document)]),
  );
  return "properties" in copy ? { additionalProperties: false, ...copy } : copy;
}

/** Sorts operations so that those that change nothing come first. */
export const readingFirst = (one: Operation, other: Operation): number =>
  Number(other.method === "GET") - Number(one.method === "GET");

/** Fills a path's parameters; one that `names` does not know must be made known there. */
export function fill(path: string, names: Names): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
    const [name] = names[parameter] ?? [];
    if (name === undefined) throw new Error(`furnish() must tell what {${parameter}} stands for`);
    return encodeURIComponent(name);
  });
}

/** Says whether a field or parameter holds the id of something else. */
export const isId = ({ pattern, items }: Schema): boolean =>
  pattern === objectIdPattern || pattern === callIdPattern || (items !== undefined && isId(items));

/** Sends an operation's own request: its path filled, its body whole; `more` is put over it. */
export async function send(
  api: TestApi,
  operation: Operation,
  names: Names,
  more: CallOptions & { query?: string } = {},
): Promise<CallAnswer> {
  const { query = "", ...options } = more;
  const body = "body" in options ? options.body : operation.body && wholeBody(operation, names);
  const raw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
  const answer = await api.call(operation.method, `${fill(operation.path, names)}${query}`, {
    ...options,
    body: raw ? body : operation.wrap(body),
    headers: {
      ...(body === undefined ? {} : { "content-type": operation.mediaType }),
      ...options.headers,
    },
  });
  return unwrapped(answer);
}

/** Makes the refusal of a bulk request's only fact look like that of a request of its own. */
function unwrapped(answer: CallAnswer): CallAnswer {
  const results = answer.status === 200 ? answer.body?.results : undefined;
  if (results?.length !== 1 || results[0].status !== "refused") return answer;
  const { error } = results[0];
  const { status } = describeError(error.code as ErrorCode);
  const errors = error.errors?.map((fault: { loc: unknown[] }) => ({
    ...fault,
    // Where it stands in the list is left out: `body.facts.0.data.name` is `body.name`.
    loc: fault.loc.filter((part, at) => at === 0 || !isFrame(part, at)),
  }));
  return {
    status,
    headers: { ...answer.headers, "content-type": "application/problem+json" },
    body: { ...error, status, ...(errors && { errors }) },
    text: JSON.stringify(error),
  };
}

const isFrame = (part: unknown, at: number): boolean =>
  (part === "facts" && at === 1) || (part === 0 && at <= 2) || (part === "data" && at === 3);

/** Holds any answer to its promises: never a 5xx, a refusal is a helpful problem, and a success is as described. */
export function judge(operation: Operation, answer: CallAnswer, what: unknown = ""): void {
  const about = `${operation.name} ${JSON.stringify(what)?.slice(0, 500)} → ${answer.status} ${answer.text.slice(0, 500)}`;
  if (answer.status >= 400) {
    expect(answer.status, about).toBeLessThan(500);
    expect(String(answer.headers["content-type"]), about).toContain("application/problem+json");
    expect(answer.body, about).toMatchObject({ status: answer.status });
    expect(answer.body.code, about).toMatch(/^[a-z_]+$/);
    expect(answer.body.detail, about).toMatch(/^[\w`].{8,}\.$/su);
    return;
  }
  expect(operation.answers.has(answer.status), about).toBe(true);
  const schema = operation.answers.get(answer.status);
  if (schema === undefined) expect(answer.text, about).toBe("");
  else expect(faultsOf(schema, answer.body), about).toEqual([]);
}

const validators = new WeakMap<TSchema, ReturnType<typeof Compile>>();

function faultsOf(schema: TSchema, value: unknown): unknown[] {
  const validator = validators.get(schema) ?? Compile(schema);
  validators.set(schema, validator);
  return validator.Check(value) ? [] : validator.Errors(value);
}

/** What one sees of an answer but for the request's own id, times and the names that were sent. */
export function withoutNames(answer: CallAnswer, sent: readonly string[]): string {
  const text = answer.text
    .replace(/"request_id":"[^"]+"/, "")
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, "<time>");
  return `${answer.status} ${sent.reduce((rest, name) => rest.replaceAll(name, "<name>"), text)}`;
}

/** What the framework says that it routes, one `GET /path/{name}` each; HEAD comes along with GET. */
export function servedOperations({ app }: TestApi): string[] {
  const trail: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods] =
        /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (part === "") return [];
      trail.splice(indent.length / 4, Number.POSITIVE_INFINITY, part);
      const path = trail.join("").replaceAll(/:(\w+)/g, "{$1}");
      return (methods?.split(", ") ?? [])
        .filter((method) => method !== "HEAD")
        .map((method) => `${method} ${path}`);
    });
}
