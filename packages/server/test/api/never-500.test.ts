import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { bodyBytesMax } from "../../src/api/body.ts";
import type { CallOptions } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, wholeBody } from "../support/furnish.ts";
import {
  encodeText,
  hostileHeaders,
  hostilePathParts,
  hostileText,
  idsOf,
  rawQueryValues,
  seed,
} from "../support/hostile-values.ts";
import { judge, type Operation, readingFirst, readOperations, send } from "../support/requests.ts";

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
  const { api, operations, names: untouched, furnished } = await open();
  for (const operation of [...operations].sort(readingFirst)) {
    const names = operation.method === "GET" ? untouched : await furnished("own");
    const answer = await send(api, operation, names);
    judge(operation, answer);
    expect(answer.status, `${operation.name} ${answer.text}`).toBeLessThan(300);
    for (const result of answer.body?.results ?? []) {
      expect(result, operation.name).not.toMatchObject({ status: "refused" });
    }
  }
});

test("every operation that takes a body refuses what is not one JSON object of the fields it knows", async () => {
  const { api, withBody, names } = await open();
  const nested = `{"a":${"[".repeat(100_000)}`;
  const cases: [status: number, code: string, options: CallOptions][] = [
    [415, "unsupported_media_type", { body: "a=1", headers: { "content-type": "text/plain" } }],
    [415, "unsupported_media_type", { headers: { "content-encoding": "gzip" } }],
    [
      415,
      "unsupported_media_type",
      { headers: { "content-type": "application/json; charset=utf-16" } },
    ],
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
    // Facts come many at a time.
    const bytesMax = operation.path === "/v1/facts" ? 1024 * 1024 : bodyBytesMax;
    const tooLong = { body: `{"a":"${"x".repeat(bytesMax)}"}` };
    const own = cases.filter(([status]) => status !== 422 || !takesAnything(operation));
    for (const [status, code, options] of [...own, [413, "body_too_large", tooLong] as const]) {
      const answer = await send(api, operation, names, options);
      judge(operation, answer);
      // Where lists are taken, an empty one is only too short.
      const short = options.body === "[]" && operation.mediaType.endsWith("-batch+json");
      expect([operation.name, answer.status, answer.body.code]).toEqual([
        operation.name,
        ...(short ? [422, "invalid_request"] : [status, code]),
      ]);
    }
    if (operation.body?.additionalProperties !== false) continue;
    const more = { ...wholeBody(operation, names), unheard_of: 1 };
    const answer = await send(api, operation, names, { body: more });
    expect([operation.name, answer.status]).toEqual([operation.name, 422]);
    expect(answer.body.errors[0].loc, operation.name).toEqual(["body", "unheard_of"]);
  }
});

/** An operation whose body may be an object of whatever fields. */
const takesAnything = ({ body }: Operation): boolean =>
  body?.additionalProperties === true && (body.required ?? []).length === 0;

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

test("nothing in a path or in a header ends in a 5xx", { timeout: 120_000 }, async () => {
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
