import type { FastifyInstance, RouteOptions } from "fastify";
import { describeError, type ErrorCode, errorCodes } from "../errors.ts";
import { publishedPattern } from "./characters.ts";
import type { ApiDeps } from "./deps.ts";
import { type Json, type JsonObject, printDocsPage } from "./docs-page.ts";
import { bodyExamples, idExample, pathExamples } from "./examples.ts";
import { problemType } from "./problem.ts";
import { webhookSections } from "./webhook-sections.ts";

/**
 * Describes every route from its own schemas (OpenAPI 3.1) and serves the description at /openapi.json and, as a page without scripts, at /docs/api/plain.
 *
 * Call it before the routes that it describes are added.
 */
export function describeRoutes(app: FastifyInstance, { config }: ApiDeps): void {
  const described: RouteOptions[] = [];
  app.addHook("onRoute", (route) => {
    if (route.schema && !route.schema.hide && route.method !== "HEAD") described.push(route);
  });

  let document: JsonObject | undefined;
  const describe = (): JsonObject => {
    document ??= documentOf(described, config.version);
    return document;
  };
  const hidden = { config: { scope: "none" }, schema: { hide: true } } as const;
  app.get("/openapi.json", hidden, async () => describe());
  app.get("/docs/api/plain", hidden, async (_request, reply) => {
    reply
      .type("text/html; charset=utf-8")
      .header(
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      );
    return printDocsPage(describe());
  });
}

function documentOf(routes: readonly RouteOptions[], version: string): JsonObject {
  const schemas: JsonObject = { Problem: problemSchema() };
  const name = (schema: unknown) => nameSchemas(JSON.parse(JSON.stringify(schema)), schemas);
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, "{$1}");
    const operations = paths[path] ?? {};
    paths[path] = operations;
    for (const method of [route.method].flat()) {
      operations[method.toLowerCase()] = operationOf(route, method, name);
    }
  }
  const webhooks: JsonObject = {};
  for (const { takers, unanswered, payloads } of webhookSections) {
    for (const [eventType, payload] of Object.entries(payloads)) {
      webhooks[eventType] = {
        post: {
          operationId: `on_${eventType.replaceAll(/\W/g, "_")}`,
          summary: `Posted to ${takers} ${eventType}`,
          tags: ["Webhooks"],
          requestBody: {
            required: true,
            content: { "application/json": { schema: name(payload) } },
          },
          responses: { "2XX": { description: `Received. ${unanswered}` } },
        },
      };
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Postrider",
      version,
      description: "Turns facts about workflows, runs and calls into webhooks, and delivers them.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths: sortKeys(paths),
    webhooks,
    components: {
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "An API key, `prk_…`." },
      },
      parameters: commonParameters,
      schemas: sortKeys(schemas),
    },
  };
}

function operationOf(
  route: RouteOptions,
  method: string,
  name: (schema: unknown) => Json,
): JsonObject {
  const { schema = {}, config } = route;
  const open = config?.scope === "none";
  const parameters = [
    ...parametersIn("path", schema.params, name),
    ...parametersIn("query", schema.querystring, name),
    ...parametersIn("header", schema.headers, name),
    ...(open ? [] : [{ $ref: "#/components/parameters/OrganizationId" }]),
    ...(method === "POST" && !open ? [{ $ref: "#/components/parameters/IdempotencyKey" }] : []),
  ];
  const answers: JsonObject = {};
  for (const [status, answer] of Object.entries((schema.response ?? {}) as object)) {
    answers[status] = {
      description: (answer as { description?: string }).description ?? "Success",
      ...(status === "204" ? {} : { content: { [answerType(answer)]: { schema: name(answer) } } }),
    };
  }
  for (const status of refusalsOf(method, open)) {
    answers[status] ??= refusal(status);
  }
  return {
    operationId: schema.operationId ?? "",
    summary: schema.summary ?? "",
    ...(schema.description ? { description: schema.description } : {}),
    tags: [...(schema.tags ?? [])],
    security: open ? [] : [{ apiKey: config?.scope === "any" ? [] : [config?.scope ?? ""] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(schema.body
      ? {
          requestBody: {
            required: needsBody(schema.body),
            content: contentOf(name(schema.body), bodyExamples[schema.operationId ?? ""]),
          },
        }
      : {}),
    responses: answers,
  };
}

/** A missing body counts as an empty object, which is valid when nothing is required. */
const needsBody = (body: unknown): boolean => {
  const { content, required, published } = body as Record<string, unknown>;
  return [content, required, published].some((demand) => demand !== undefined);
};

/** A body is one JSON schema, or lists its media types itself. */
const contentOf = (body: Json, example: object | undefined): Json =>
  (body as { content?: Json }).content ?? {
    "application/json": { schema: body, ...(example ? { example: example as JsonObject } : {}) },
  };

function answerType(answer: unknown): string {
  const { type, contentMediaType = "text/plain" } = answer as Record<string, string | undefined>;
  return type === "string" ? contentMediaType : "application/json";
}

/** The refusals of an operation besides those that its route declares. */
function refusalsOf(method: string, open: boolean): string[] {
  const writes = method !== "GET";
  // Operations without authentication; a sign-in has its key in the body.
  if (open && !writes) return ["503"];
  return [
    ...(writes ? ["400"] : []),
    "401",
    "403",
    "404",
    ...(writes ? ["409", "413", "415"] : []),
    "422",
    "429",
    "503",
  ];
}

/** Lists the error codes of a status, so that a client can distinguish them. */
function refusal(status: string): JsonObject {
  const codes = errorCodes().filter((code) => String(describeError(code).status) === status);
  return {
    description: codes.map((code) => `\`${code}\`: ${titleOf(code)}`).join(" "),
    content: { [problemType]: { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

const titleOf = (code: ErrorCode): string => describeError(code).title;

function parametersIn(
  place: "path" | "query" | "header",
  schema: unknown,
  name: (schema: unknown) => Json,
): JsonObject[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([parameter, { description, ...own }]) => ({
    name: parameter,
    in: place,
    required: place === "path" || required.includes(parameter),
    ...(description ? { description } : {}),
    schema: name(own),
    ...(place === "path" ? { example: pathExamples[parameter] ?? idExample } : {}),
  }));
}

const commonParameters: JsonObject = {
  OrganizationId: {
    name: "X-Org-Id",
    in: "header",
    required: false,
    description:
      "Selects one of the teams that the key reaches. Default: the key's default team. `teamid` is an alias of this header.",
    schema: { type: "string", pattern: "^[0-9a-f]{24}$" },
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    required: false,
    description:
      "For 24 hours, the same request with the same key is executed once and gets the same answer.",
    schema: {
      type: "string",
      minLength: 1,
      maxLength: 255,
      pattern: "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$",
    },
  },
};

function problemSchema(): JsonObject {
  const text: JsonObject = { type: "string" };
  const fault: JsonObject = {
    type: "object",
    required: ["loc", "msg", "type"],
    properties: {
      loc: { type: "array", items: { type: ["string", "integer"] } },
      msg: text,
      type: text,
    },
  };
  return {
    type: "object",
    title: "Problem",
    description: "An error answer (RFC 9457).",
    required: ["type", "title", "status", "detail", "code", "request_id"],
    properties: {
      type: text,
      title: text,
      status: { type: "integer" },
      detail: text,
      code: { type: "string", enum: [...errorCodes()].sort() },
      request_id: text,
      errors: { type: "array", items: fault },
    },
  };
}

/** Moves every titled object to `components.schemas`, once, and leaves a reference. */
function nameSchemas(schema: Json, schemas: JsonObject): Json {
  if (Array.isArray(schema)) return schema.map((one) => nameSchemas(one, schemas));
  if (schema === null || typeof schema !== "object") return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, nameSchemas(value, schemas)]),
  );
  // A member that the handler validates itself is described by `published`.
  Object.assign(inner, inner.published);
  delete inner.published;
  if (typeof inner.pattern === "string") {
    const pattern = publishedPattern(inner.pattern);
    if (pattern === undefined) delete inner.pattern;
    else inner.pattern = pattern;
  }
  const { title } = inner;
  if (inner.type !== "object" || typeof title !== "string") return inner;
  const known = schemas[title];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(inner)) {
    throw new Error(`two different schemas are titled ${title}`);
  }
  schemas[title] = inner;
  return { $ref: `#/components/schemas/${title}` };
}

const sortKeys = (object: Record<string, Json>): JsonObject =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
