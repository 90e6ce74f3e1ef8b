import fc from "fast-check";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { expect, onTestFinished, test } from "vitest";
import { describeError, type ErrorCode, errorCodes } from "../../src/errors.ts";
import { newCallId, newId } from "../../src/ids.ts";
import type { CallAnswer, CallOptions } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names } from "../support/furnish.ts";
import {
  encodeText,
  hostilePathParts,
  hostileText,
  rawQueryValues,
} from "../support/hostile-values.ts";
import { type Operation, readOperations } from "../support/requests.ts";
import { arbitraryOf, filled, type Someone, someone } from "../support/schema-arbitrary.ts";

/** FUZZ_SEED makes it another run, FUZZ_REQUESTS a longer one; FUZZ_REPORT=1 prints what each operation answered. */
const seed = Number(process.env.FUZZ_SEED ?? 20_261_121);
const requestsInAll = Number(process.env.FUZZ_REQUESTS ?? 2_000);

test(`whatever is sent, every answer is one that the OpenAPI document describes (FUZZ_SEED=${seed})`, {
  timeout: 60_000 + requestsInAll * 40,
}, async () => {
  const world = await openWorld();
  const each = Math.ceil(requestsInAll / world.operations.length);
  const samples = world.operations.map((operation, index) => ({
    operation,
    requests: fc.sample(requestOf(operation), { seed: seed + index, numRuns: each }),
  }));
  const seen = new Map<string, Map<number, number>>();
  const faults: string[] = [];
  let slow = 0;
  // In turns, so that each operation meets what all the others have done by then.
  for (let round = 0; round < each; round++) {
    if (round % 2 === 0) await world.furnish();
    for (const { operation, requests } of samples) {
      const request = requests[round];
      if (!request) continue;
      const { sent, answer } = await world.send(operation, request);
      if (answer.body?.code === "query_too_slow") slow++;
      for (const fault of faultsOf(answer, world.answersOf(operation))) {
        faults.push(`${operation.name}: ${fault}\n  sent ${sent}\n  got ${shortOf(answer)}`);
      }
      const counts = seen.get(operation.name) ?? new Map<number, number>();
      seen.set(operation.name, counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1));
    }
  }
  const report = [...seen].map(([name, counts]) => `${name}: ${inWords(counts)}`).sort();
  const total = new Map<number, number>();
  for (const counts of seen.values()) {
    for (const [status, count] of counts) total.set(status, (total.get(status) ?? 0) + count);
  }
  console.log(
    `FUZZ_SEED=${seed}: ${seen.size} operations × ${checks.length} checks, ${each} requests each: ${inWords(total)}; query_too_slow ${slow}`,
  );
  if (process.env.FUZZ_REPORT) console.log(report.join("\n"));
  expect(faults.slice(0, 10).join("\n\n"), `${faults.length} faults`).toBe("");

  // A run that only ever meets refusals checks little; by chance a few operations do.
  const succeeded = [...seen].filter(([, counts]) => [...counts.keys()].some((one) => one < 300));
  expect(succeeded.length).toBeGreaterThan(seen.size * 0.9);
  expect([...total.keys()]).toEqual(
    expect.arrayContaining([200, 201, 204, 400, 401, 403, 404, 409, 415, 422]),
  );
});

test("a document that promises something else than the service does is found out", async () => {
  const world = await openWorld();
  const [operation] = world.operations.filter(({ name }) => name === "GET /v1/teams");
  if (!operation) throw new Error("there is no such operation");
  const { answer } = await world.send(operation, plainRequest);
  const answers = world.answersOf(operation);
  expect(faultsOf(answer, answers)).toEqual([]);
  const body = { ...answer.body, more: 1 };
  for (const [wrong, other] of [
    [{ ...answer, status: 418 }, answers],
    [{ ...answer, status: 500 }, answers],
    [{ ...answer, body, text: JSON.stringify(body) }, answers],
    [{ ...answer, body: {}, text: "{}" }, answers],
    [{ ...answer, headers: { ...answer.headers, "content-type": "text/html" } }, answers],
    [{ ...answer, headers: { "content-type": answer.headers["content-type"] } }, answers],
    [answer, new Map()],
  ] as const) {
    expect(faultsOf(wrong, other)).not.toEqual([]);
  }
});

type Request = {
  path: Record<string, unknown>;
  query: (readonly [string, unknown])[];
  body: unknown;
  headers: Record<string, unknown>;
  credentials: "own" | "reader" | "none" | "wrong";
};

const plainRequest: Request = {
  path: {},
  query: [],
  body: undefined,
  headers: {},
  credentials: "own",
};

function requestOf(operation: Operation): fc.Arbitrary<Request> {
  const parameters = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const odd = fc.oneof(hostileText.map(encodeText), fc.constantFrom(...hostilePathParts));
  const part = (name: string) => mostly(someone(name), odd);
  const pairs = Object.entries(operation.query).map(([name, schema]) =>
    mostly(
      arbitraryOf(schema, name).map((value) => [name, value] as const),
      fc.constantFrom(...rawQueryValues).map((raw) => [name, { raw }] as const),
    ),
  );
  const unknown = hostileText.map((name) => [name, "1"] as const);
  const pair = pairs.length === 0 ? unknown : mostly(fc.oneof(...pairs), unknown);
  const own = operation.body ? bodyOf(operation) : nothing;
  return fc.record({
    path: fc.record(Object.fromEntries(parameters.map((name) => [name, part(name)]))),
    query:
      pairs.length === 0
        ? mostly(fc.constant([]), fc.tuple(pair))
        : fc.array(pair, { maxLength: 3 }),
    body: mostly(
      own,
      fc.jsonValue({ maxDepth: 1 }).map((body) => ({ body })),
    ),
    headers: fc.record({
      "idempotency-key": fc.oneof(
        { arbitrary: nothing, weight: 8 },
        { arbitrary: fc.constantFrom("one", "two", "three", "", "x".repeat(256)), weight: 1 },
      ),
      "x-org-id": mostly(nothing, fc.oneof(someone("team_id"), fc.constantFrom("", "a"))),
      accept: mostly(nothing, fc.constantFrom("*/*", "text/html", "application/xml")),
      "content-type": mostly(
        nothing,
        fc.constantFrom("text/plain", "a", "application/json;charset=UTF-8"),
      ),
    }),
    credentials: mostly(
      fc.constant("own" as const),
      fc.constantFrom("reader" as const, "none" as const, "wrong" as const),
    ),
  });
}

const nothing = fc.constant(undefined);

/** The one, but for once in a while the other. */
const mostly = <A, B>(one: fc.Arbitrary<A>, other: fc.Arbitrary<B>): fc.Arbitrary<A | B> =>
  fc.oneof({ arbitrary: one, weight: 24 }, { arbitrary: other, weight: 1 });

const bodyOf = (operation: Operation) =>
  mostly(
    arbitraryOf(operation.body ?? {}).map((body) => ({ body })),
    fc.constantFrom("{", "", "[]", '{"a":1,"a":2}', "\ufeff{}").map((raw) => ({ raw })),
  );

/** What is said of each status: its media types, each with its schema. */
type Answers = ReadonlyMap<string, ReadonlyMap<string, TSchema>>;

async function openWorld() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const operations = await readOperations(api);
  const { key: reader } = await api.newKey({ scopes: ["read"] });
  const pool = new Map<string, string[]>();
  const furnishAnew = async () => {
    const given = {
      teamId: api.teamId,
      key: api.key,
      secret: `f${pool.get("run_id")?.length ?? 0}`,
    };
    const names: Names = await furnish(api, given);
    // Deleted, the team of the test would take everything else along.
    const { body } = await api.call("POST", "/v1/teams", { body: { name: "a spare one" } });
    pool.set("spare_team_id", [body.id]);
    for (const [name, ids] of Object.entries(names)) {
      pool.set(name, [...new Set([...(pool.get(name) ?? []).slice(-10), ...ids])]);
    }
  };
  await furnishAnew();
  const document = (await api.call("GET", "/openapi.json", { key: null })).body;

  const pick = ({ someone: number, of }: Someone): string => {
    const known = pool.get(otherWords[of] ?? of) ?? [];
    // One in ten is nobody's.
    if (number % 10 === 0 || known.length === 0)
      return /conversation|call/.test(of) || of === "id" ? newCallId("web") : newId();
    return known[number % known.length] ?? newId();
  };
  const keys = { own: api.key, reader, none: null, wrong: "prk_dev_nobody" };
  const send = async (operation: Operation, request: Request) => {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const given = request.path[name] ?? { someone: 1, of: name };
      const spared = operation.method === "DELETE" && name === "team_id";
      return String(filled(spared ? { someone: 1, of: "spare_team_id" } : given, pick));
    });
    const query = request.query
      .map(([name, value]) => `${encodeText(name)}=${queryText(filled(value, pick))}`)
      .join("&");
    const given = filled(request.body, pick) as { body?: unknown; raw?: string } | undefined;
    const headers = Object.fromEntries(
      Object.entries(filled(request.headers, pick) as object).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const body = given?.raw ?? (given && operation.wrap(given.body));
    const options: CallOptions = {
      key: keys[request.credentials],
      ...(body === undefined ? {} : { body }),
      headers: {
        ...(body === undefined ? {} : { "content-type": operation.mediaType }),
        ...(headers as Record<string, string>),
      },
    };
    const url = `${path}${query === "" ? "" : `?${query}`}`;
    const answer = await api.call(operation.method, url, options);
    remember(operation, answer);
    if (operation.method === "DELETE" && answer.status === 204) forget(path);
    return {
      sent: `${operation.method} ${url} ${JSON.stringify(options)}`.slice(0, 1_500),
      answer,
    };
  };
  const forget = (path: string) => {
    for (const [name, ids] of pool)
      pool.set(
        name,
        ids.filter((id) => !path.includes(id)),
      );
  };
  const remember = (operation: Operation, { status, body }: CallAnswer) => {
    const known = pool.get(parameters[operation.path] ?? "");
    if (status !== 201 || operation.method !== "POST" || !known) return;
    const id = body.id ?? body.run?.id ?? body.workflow?.id;
    if (typeof id === "string") known.push(id);
  };
  return {
    operations,
    send,
    /** Makes one more of everything: what is there may have been deleted by now. */
    furnish: furnishAnew,
    answersOf: (operation: Operation) => answersIn(document, operation),
  };
}

/** What a POST to a collection makes an id for. */
const parameters: Record<string, string> = {
  "/webhooks": "subscription_id",
  "/workflows/v1/workflow-webhooks": "webhook_id",
  "/workflows/v1/workflows": "workflow_id",
  "/workflows/v1/workflow-runs": "run_id",
  "/assistants/v1/assistants": "assistant_id",
  "/calls/v1/conversations": "conversation_id",
  "/v1/api-keys": "api_key_id",
};
/** Fields that name a resource by another word than paths do. */
const otherWords: Record<string, string> = {
  assistantId: "assistant_id",
  call_id: "conversation_id",
  id: "conversation_id",
  _id: "run_id",
  team_ids: "team_id",
  default_team_id: "team_id",
};

const queryText = (value: unknown): string => {
  if (typeof value === "object" && value !== null && "raw" in value) return String(value.raw);
  return encodeText(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
};

const checks = ["never 5xx", "status", "content-type", "body", "problem", "headers"] as const;

/** What an answer breaks of what is promised of its operation. */
function faultsOf(answer: CallAnswer, answers: Answers): string[] {
  const faults: string[] = [];
  const { status, headers, body, text } = answer;
  if (status >= 500 && body?.code !== "query_too_slow") faults.push(`never 5xx: ${status}`);
  const described = answers.get(String(status));
  if (!described) return [...faults, `status: ${status} is not described`];
  const type = String(headers["content-type"] ?? "").split(";")[0] ?? "";
  if (described.size === 0) {
    if (text !== "") faults.push("body: there is one, and none is described");
  } else {
    const schema = described.get(type);
    if (!schema) faults.push(`content-type: ${type} is not described`);
    else if (!validatorOf(schema).Check(body)) {
      faults.push(`body: ${JSON.stringify(validatorOf(schema).Errors(body)).slice(0, 400)}`);
    }
  }
  if (status >= 400) {
    const code = body?.code as ErrorCode;
    if (
      !errorCodes().includes(code) ||
      describeError(code).status !== status ||
      body.status !== status
    ) {
      faults.push(`problem: ${status} with the code ${code}`);
    }
    if (body?.request_id !== headers["x-request-id"]) faults.push("problem: another request's id");
  }
  if (!/^req_[0-9a-f]{24}$/.test(String(headers["x-request-id"])))
    faults.push("headers: x-request-id");
  if (headers["cache-control"] !== "no-store") faults.push("headers: cache-control");
  if (headers["x-content-type-options"] !== "nosniff") faults.push("headers: nosniff");
  if (status === 401 && headers["www-authenticate"] !== "Bearer")
    faults.push("headers: www-authenticate");
  if ((status === 429 || status === 503) && !/^[1-9]\d*$/.test(String(headers["retry-after"]))) {
    faults.push("headers: retry-after");
  }
  return faults;
}

const validators = new WeakMap<TSchema, ReturnType<typeof Compile>>();

function validatorOf(schema: TSchema): ReturnType<typeof Compile> {
  const validator = validators.get(schema) ?? Compile(schema);
  validators.set(schema, validator);
  return validator;
}

const answersByOperation = new WeakMap<Operation, Answers>();

/** The answers that the document has for an operation, closed: what is not described may not be there. */
function answersIn(document: Document, operation: Operation): Answers {
  const known = answersByOperation.get(operation);
  if (known) return known;
  const { responses } = document.paths[operation.path]?.[operation.method.toLowerCase()] ?? {
    responses: {},
  };
  const answers = new Map(
    Object.entries(responses).map(([status, { content = {} }]) => [
      status,
      new Map(
        Object.entries(content).map(([type, { schema }]) => [
          type,
          closed(schema, document) as TSchema,
        ]),
      ),
    ]),
  );
  answersByOperation.set(operation, answers);
  return answers;
}

type Document = {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: TSchema }> }> }>
  >;
};

function closed(node: unknown, document: object): unknown {
  if (Array.isArray(node)) return node.map((one) => closed(one, document));
  if (typeof node !== "object" || node === null) return node;
  const { $ref } = node as { $ref?: unknown };
  if (typeof $ref === "string") {
    const keys = $ref.slice(2).split("/");
    return closed(
      keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document),
      document,
    );
  }
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, closed(value, document)]),
  );
  return "properties" in copy ? { additionalProperties: false, ...copy } : copy;
}

const inWords = (counts: ReadonlyMap<number, number>): string =>
  [...counts]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status} × ${count}`)
    .join(", ");

const shortOf = ({ status, text }: CallAnswer): string => `${status} ${text.slice(0, 600)}`;
