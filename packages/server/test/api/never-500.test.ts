import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { bodyBytesMax } from "../../src/api/body.ts";
import type { Schema } from "../../src/api/explain.ts";
import type { CallOptions } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import {
  furnish,
  judge,
  type Names,
  readOperations,
  send,
  wholeBody,
} from "../support/requests.ts";

/** The same requests on every run; another seed finds others. fast-check prints it with what it finds. */
const seed = 20_261_121;

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const operations = await readOperations(api);
  const furnished = (secret: string) => furnish(api, { teamId: api.teamId, key: api.key, secret });
  return {
    api,
    operations,
    withBody: operations.filter(({ body }) => body !== undefined),
    names: await furnished("first"),
    furnished,
  };
}

test("every operation's own request succeeds, and the answer is what the description says", async () => {
  const { api, operations, furnished } = await open();
  for (const operation of operations) {
    const names = await furnished("own");
    const answer = await send(api, operation, names);
    judge(operation, answer);
    expect(answer.status, `${operation.name} ${answer.text}`).toBeLessThan(300);
  }
});

test("every operation that takes a body refuses what is not one JSON object of the fields it knows", async () => {
  const { api, withBody, names } = await open();
  const nested = `{"a":${"[".repeat(100_000)}`;
  const long = `{"a":"${"x".repeat(bodyBytesMax)}"}`;
  const cases: [status: number, code: string, options: CallOptions][] = [
    [415, "unsupported_media_type", { body: "a=1", headers: { "content-type": "text/plain" } }],
    [415, "unsupported_media_type", { headers: { "content-encoding": "gzip" } }],
    [
      415,
      "unsupported_media_type",
      { headers: { "content-type": "application/json; charset=utf-16" } },
    ],
    [413, "body_too_large", { body: long }],
    ...["{", "[]", "null", "1", "{}}", '{"a":1,"a":2}', "\ufeff{}", nested].map(
      (body): [number, string, CallOptions] => [400, "malformed_body", { body }],
    ),
    [400, "malformed_body", { body: Buffer.from('{"a":"\xed\xa0\x80"}', "latin1") }],
    ...["unheard_of", "__proto__", "constructor"].map((field): [number, string, CallOptions] => [
      422,
      "invalid_request",
      { body: `{"${field}":1}` },
    ]),
  ];
  for (const operation of withBody) {
    for (const [status, code, options] of cases) {
      const answer = await send(api, operation, names, options);
      judge(operation, answer);
      expect([operation.name, answer.status, answer.body.code]).toEqual([
        operation.name,
        status,
        code,
      ]);
    }
  }
});

test("every operation without a body takes none, and every path refuses the methods it does not know", async () => {
  const { api, operations, names } = await open();
  for (const operation of operations.filter(({ method, body }) => method !== "GET" && !body)) {
    const answer = await send(api, operation, names, { body: { unheard_of: 1 } });
    judge(operation, answer);
    expect([operation.name, answer.status]).toEqual([operation.name, 422]);
  }
  const known = operations.map(({ name }) => name);
  for (const operation of operations) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE"]) {
      if (known.includes(`${method} ${operation.path}`)) continue;
      // `events` may be an id to another route's pattern: then the path does take the method.
      const answer = await send(api, { ...operation, method, body: undefined }, names);
      judge(operation, answer, method);
      expect([404, 405], `${method} ${operation.path}`).toContain(answer.status);
      if (answer.status === 405) expect(answer.headers.allow).toContain(operation.method);
    }
  }
});

test("each field of each body refuses each type that is not its own, and is named in the refusal", async () => {
  const { api, withBody, names } = await open();
  for (const operation of withBody) {
    for (const [field, schema] of Object.entries(operation.body?.properties ?? {})) {
      const wrong = kinds.filter((kind) => !kindsOf(schema).has(kind));
      if (wrong.length === 0) continue;
      const value = fc.constantFrom(...wrong).chain((kind) => valuesOf[kind]);
      await fc.assert(
        fc.asyncProperty(value, async (given) => {
          const body = { ...wholeBody(operation, names), [field]: given };
          const answer = await send(api, operation, names, { body });
          judge(operation, answer, body);
          expect(answer.status).toBe(422);
          const places = answer.body.errors.map(({ loc }: { loc: unknown[] }) => loc.slice(0, 2));
          expect(places).toContainEqual(["body", field]);
        }),
        { seed, numRuns: 3 * wrong.length },
      );
    }
  }
});

test("no value in any field of any body ends in a 5xx, and what succeeds is answered as described", async () => {
  const { api, withBody, names, furnished } = await open();
  const other = await furnished("second");
  for (const operation of withBody) {
    const fields = Object.keys(operation.body?.properties ?? {});
    const some = fc.dictionary(fc.constantFrom(...fields), anything(names, other), {
      minKeys: 1,
      maxKeys: 2,
    });
    await fc.assert(
      fc.asyncProperty(some, async (given) => {
        const body = { ...wholeBody(operation, names), ...given };
        judge(operation, await send(api, operation, names, { body }), body);
      }),
      { seed, numRuns: 200 },
    );
  }
});

test("an id of the caller's own that already names something is a conflict or a repeat, whatever it names", async () => {
  const { api, withBody, names, furnished } = await open();
  const other = await furnished("second");
  const version = await api.call(
    "POST",
    `/workflows/v1/workflows/${names.workflow_id?.[0]}/versions`,
  );
  const taken = [...idsOf(names), ...idsOf(other), version.body.version.id as string];
  for (const operation of withBody.filter(({ body }) => body?.properties?._id)) {
    for (const _id of taken) {
      for (const place of [names, other]) {
        const body = { ...wholeBody(operation, place), _id };
        judge(operation, await send(api, operation, place, { body }), body);
      }
    }
  }
});

test("no value of any query parameter ends in a 5xx, and an unknown parameter is named", async () => {
  const { api, operations, names } = await open();
  for (const operation of operations.filter(({ query }) => Object.keys(query).length > 0)) {
    const unknown = await send(api, operation, names, { query: "?unheard_of=1" });
    expect([operation.name, unknown.status]).toEqual([operation.name, 422]);
    expect(unknown.body.errors[0].loc).toEqual(["query", "unheard_of"]);

    const parameter = fc.constantFrom(...Object.keys(operation.query));
    const value = fc.oneof(hostileText.map(encodeText), fc.constantFrom(...rawQueryValues));
    const pairs = fc.array(fc.tuple(parameter, value), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(pairs, async (given) => {
        const query = `?${given.map(([name, text]) => `${name}=${text}`).join("&")}`;
        judge(operation, await send(api, operation, names, { query }), query);
      }),
      { seed, numRuns: 120 },
    );
  }
});

test("nothing in a path or in a header ends in a 5xx", async () => {
  const { api, operations, names } = await open();
  for (const operation of operations) {
    const parameters = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
    for (const parameter of parameters) {
      for (const text of [...hostilePathParts, ...idsOf(names)]) {
        const path = operation.path.replace(`{${parameter}}`, text);
        const answer = await send(api, { ...operation, path }, names);
        judge(operation, answer, path);
      }
    }
    for (const [name, value] of hostileHeaders) {
      judge(operation, await send(api, operation, names, { headers: { [name]: value } }), [
        name,
        value,
      ]);
    }
  }
});

test("what was recorded from hostile reports is possible: nothing ends before it begins", async () => {
  const { api, names } = await open();
  const at = fc.constantFrom(undefined, ...instants);
  await fc.assert(
    fc.asyncProperty(at, at, async (startedAt, endedAt) => {
      const start = {
        workflow_id: names.workflow_id?.[0],
        trigger: "manual",
        occurred_at: startedAt,
      };
      const started = await api.call("POST", "/workflows/v1/workflow-runs", { body: start });
      if (started.status !== 201) return;
      const end = { status: "completed", occurred_at: endedAt };
      const path = `/workflows/v1/workflow-runs/${started.body.run.id}`;
      const ended = await api.call("PATCH", path, { body: end });
      if (ended.status !== 200) return;
      const { started_at, completed_at, duration_ms } = ended.body.run;
      expect(Date.parse(completed_at) - Date.parse(started_at)).toBe(duration_ms);
      expect(duration_ms).toBeGreaterThanOrEqual(0);
      for (const text of [started_at, completed_at]) expect(text).toMatch(/^\d{4}-\d\d-\d\dT/);
    }),
    { seed, numRuns: 150 },
  );
  const impossible = await api.database.sql`
    select id from runs
    where completed_at < started_at or (completed_at is null) <> (status in ('started', 'running', 'paused'))`;
  expect(impossible).toEqual([]);
});

const kinds = ["null", "boolean", "integer", "number", "string", "array", "object"] as const;
type Kind = (typeof kinds)[number];

/** The types of JSON that a schema takes; a whole number is a number too. */
function kindsOf(schema: Schema): Set<Kind> {
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

const valuesOf: Record<Kind, fc.Arbitrary<unknown>> = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  integer: fc.integer(),
  number: fc.double({ noNaN: true, noInteger: true, noDefaultInfinity: true }),
  string: fc.string({ unit: "binary" }),
  array: fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }),
  object: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
};

const instants = [
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

const hostileText: fc.Arbitrary<string> = fc.oneof(
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

const hostileNumbers = [0, -0, -1, 1.5, 60, 61, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324];

const anything = (...known: Names[]): fc.Arbitrary<unknown> =>
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

const idsOf = (names: Names): string[] =>
  Object.values(names)
    .flat()
    .filter((name) => name.length > 1);

/** Percent-encodes, halves of surrogate pairs too: as the bytes that UTF-8 would have for them. */
const encodeText = (text: string): string =>
  text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80";

const rawQueryValues = ["%", "%zz", "%ff", "%c0%80", "%00", "+", "1;2", "=", "[]", "%F0%9F"];

const hostilePathParts = [
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

const hostileHeaders: [string, string][] = [
  ...["", "\u00e9", "a".repeat(256), "a, b", "'", "\t"].flatMap((value): [string, string][] => [
    ["idempotency-key", value],
    ["x-org-id", value],
    ["teamid", value],
  ]),
  ["accept", "text/html"],
];
