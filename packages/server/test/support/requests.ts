import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { expect } from "vitest";
import type { Schema } from "../../src/api/explain.ts";
import type { Scope } from "../../src/api-keys.ts";
import { workflowActions } from "../../src/domain/contracts/workflow-webhooks.ts";
import { newId, objectIdPattern } from "../../src/ids.ts";
import type { CallAnswer, CallOptions, TestApi } from "./api.ts";

/** One operation of openapi.json, with every reference resolved. */
export type Operation = {
  /** As in `PATCH /workflows/v1/workflows/{workflow_id}`. */
  name: string;
  method: string;
  path: string;
  scope: Scope | "none";
  query: Record<string, Schema>;
  body: Schema | undefined;
  /** The schema of each 2xx answer; undefined for an answer without a body. */
  answers: Map<number, TSchema | undefined>;
};

/** What each parameter of a path can be filled with; a resource may have several names. */
export type Names = Record<string, readonly [string, ...string[]]>;

type Media = Record<string, { schema: TSchema }>;
type Described = {
  security: { apiKey: [Scope] }[];
  parameters?: { name?: string; in?: string; schema?: Schema }[];
  requestBody?: { content: { "application/json": { schema: Schema } } };
  responses: Record<string, { content?: Media }>;
};

/** Reads the operations that the running API describes, so that a new route is walked from its first day. */
export async function readOperations(api: TestApi): Promise<Operation[]> {
  const { body: document } = await api.call("GET", "/openapi.json", { key: null });
  const paths = resolve(document.paths, document) as Record<string, Record<string, Described>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      scope: described.security[0]?.apiKey[0] ?? "none",
      query: Object.fromEntries(
        (described.parameters ?? []).flatMap((parameter) =>
          parameter.in === "query" ? [[parameter.name, parameter.schema]] : [],
        ),
      ),
      body: described.requestBody?.content["application/json"].schema,
      answers: new Map(
        Object.entries(described.responses).flatMap(([status, { content }]) =>
          status.startsWith("2") ? [[Number(status), Object.values(content ?? {})[0]?.schema]] : [],
        ),
      ),
    })),
  );
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

/** Fills a path's parameters; one that `names` does not know must be made known there. */
export function fill(path: string, names: Names): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
    const [name] = names[parameter] ?? [];
    if (name === undefined) throw new Error(`furnish() must tell what {${parameter}} stands for`);
    return encodeURIComponent(name);
  });
}

/** Makes one of everything a team can have: a webhook, a workflow, a run, a delivery with an attempt. */
export async function furnish(
  api: TestApi,
  { teamId, key, secret }: { teamId: string; key: string; secret: string },
): Promise<Names> {
  const make = async (path: string, body: object) => {
    const made = await api.call("POST", `/workflows/v1/${path}`, { key, body });
    expect(made.status, made.text).toBe(201);
    return made.body;
  };
  const url = `https://example.com/${secret}`;
  const webhook = await make("workflow-webhooks", { name: secret, url, actions: workflowActions });
  const { workflow } = await make("workflows", { name: secret, settings: { secret } });
  const input = { workflow_id: workflow.id, trigger: "manual", input: { [secret]: 1 } };
  const { run } = await make("workflow-runs", input);
  const { sql } = api.database;
  const [delivery] = await sql<{ id: string; eventId: string }>`
    select id, event_id as "eventId" from deliveries
    where subscription_id = ${webhook.id} and event_type = 'workflow_run_started'`;
  if (!delivery) throw new Error("the run's start made no delivery");
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
      status_code, response_body, latency_ms, will_retry)
    select id, 1, created_at, ${newId()}, ${teamId}, ${url}, true, 200, ${secret}, 12, false
    from deliveries where id = ${delivery.id}`;
  return {
    webhook_id: [webhook.id],
    workflow_id: [workflow.id],
    run_id: [run.id],
    event_id: [delivery.id, `event_${delivery.eventId}`],
    number: ["1"],
  };
}

/** Makes names that stand for nothing, of the same forms. */
export function unknownNames(names: Names): Names {
  const other = (name: string) =>
    name.startsWith("event_") ? `event_${crypto.randomUUID()}` : name.length > 1 ? newId() : name;
  return Object.fromEntries(
    Object.entries(names).map(([parameter, [first, ...rest]]) => [
      parameter,
      [other(first), ...rest.map(other)],
    ]),
  );
}

/** Makes a body that names every field an operation takes, acceptably. */
export function wholeBody({ body }: Operation, names: Names): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body?.properties ?? {}).map(([field, schema]) => [
      field,
      field === "_id" ? newId() : (names[field]?.[0] ?? exampleOf(field, schema)),
    ]),
  );
}

function exampleOf(field: string, schema: Schema): unknown {
  const texts = ["a text", "https://example.com/hook", "2026-11-21T10:30:00Z", "token"];
  const candidates = [...choices(schema), ...texts, false, 1, {}, ["workflow_created"]];
  // A URL is any text to its schema; the rest is asked of the schema itself.
  const fitting = field === "url" ? texts.slice(1) : candidates;
  const validator = Compile(schema as TSchema);
  const example = fitting.find((candidate) => validator.Check(candidate));
  if (example === undefined) throw new Error(`exampleOf() must learn a value for ${field}`);
  return example;
}

const choices = (schema: Schema): unknown[] => [
  ...(schema.enum ?? []),
  ...("const" in schema ? [schema.const] : []),
  ...(schema.anyOf ?? []).flatMap(choices),
];

/** Says whether a field or parameter holds the id of something else. */
export const isId = (schema: Schema): boolean => schema.pattern === objectIdPattern;

/** Sends an operation's own request: its path filled, its body whole; `more` is put over it. */
export async function send(
  api: TestApi,
  operation: Operation,
  names: Names,
  more: CallOptions & { query?: string } = {},
): Promise<CallAnswer> {
  const { query = "", ...options } = more;
  return await api.call(operation.method, `${fill(operation.path, names)}${query}`, {
    ...(operation.body ? { body: wholeBody(operation, names) } : {}),
    ...options,
  });
}

/** Holds any answer to its promises: never a 5xx, a refusal is a helpful problem, and a success is as described. */
export function judge(operation: Operation, answer: CallAnswer, what: unknown = ""): void {
  const about = `${operation.name} ${JSON.stringify(what)?.slice(0, 500)} → ${answer.status} ${answer.text.slice(0, 500)}`;
  if (answer.status >= 400) {
    expect(answer.status, about).toBeLessThan(500);
    expect(String(answer.headers["content-type"]), about).toContain("application/problem+json");
    expect(answer.body, about).toMatchObject({ status: answer.status });
    expect(answer.body.code, about).toMatch(/^[a-z_]+$/);
    expect(answer.body.detail, about).toMatch(/^[\w`].{10,}\.$/su);
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

/** What one sees of a refusal but for the request's own id and the names that were sent. */
export function withoutNames(answer: CallAnswer, sent: readonly string[]): string {
  const text = answer.text.replace(/"request_id":"[^"]+"/, "");
  return `${answer.status} ${sent.reduce((rest, name) => rest.replaceAll(name, "<name>"), text)}`;
}
