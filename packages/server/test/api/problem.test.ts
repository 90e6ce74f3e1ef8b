import { type AddressInfo, connect } from "node:net";
import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import type { Routes } from "../../src/api/request.ts";
import { AppError } from "../../src/errors.ts";
import { openTestApi } from "../support/api.ts";

const Subscription = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 60 }),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 60 })),
    kinds: Type.Array(Type.Union([Type.Literal("a"), Type.Literal("b")]), {
      minItems: 1,
      maxItems: 2,
      uniqueItems: true,
    }),
    token: Type.Optional(Type.Union([Type.String({ maxLength: 5 }), Type.Null()])),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { additionalProperties: false },
);

const probeRoutes: Routes = (app, { database }) => {
  const config = { scope: "read" } as const;
  const thrown: Record<string, unknown> = {
    bug: new TypeError("the payload was Jane PHI Doe".slice(0, 15)),
    json: syntaxError("Jane PHI Doe"),
    refusal: new AppError("transition_refused", "The run is completed."),
    away: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    slow: Object.assign(new Error("canceling statement"), { code: "57014" }),
    text: "Jane PHI Doe",
  };
  const Id = Type.Object({ id: Type.String({ pattern: "^[0-9a-f]{24}$" }) });
  const Query = Type.Object(
    {
      size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      enabled: Type.Optional(Type.Boolean()),
      search: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  );
  app.get<{ Params: { kind: string } }>("/throw/:kind", { config }, async ({ params }) => {
    throw thrown[params.kind];
  });
  app.get(
    "/cast",
    { config },
    async () => database.forTeams([]).sql`select ${"Jane PHI Doe"}::int`,
  );
  app.get("/list", { config, schema: { querystring: Query } }, async ({ query }) => ({ query }));
  app.get("/things/:id", { config, schema: { params: Id } }, async () => ({}));
  app.put("/things/:id", { config, schema: { params: Id } }, async () => ({}));
  app.post("/things", { config, schema: { body: Subscription } }, async (request) => ({
    body: request.body,
    dropped: undefined,
  }));
};

function syntaxError(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

async function setup() {
  const api = await openTestApi({ routes: [probeRoutes] });
  onTestFinished(() => api.close());
  return api;
}

test("every refusal is a problem with a code, one readable sentence and the id of its request", async () => {
  const api = await setup();
  const answer = await api.call("GET", "/throw/refusal");
  expect(answer.status).toBe(409);
  expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
  expect(answer.body).toEqual({
    type: "urn:postrider:error:transition_refused",
    title: "This report does not fit the present state.",
    status: 409,
    detail: "The run is completed.",
    code: "transition_refused",
    request_id: answer.headers["x-request-id"],
  });
});

test("a bug is a 500: the caller learns nothing, and the log has everything but values", async () => {
  const api = await setup();
  for (const kind of ["bug", "json", "text"]) {
    const answer = await api.call("GET", `/throw/${kind}`);
    expect(answer.status, kind).toBe(500);
    expect(answer.body).toMatchObject({ code: "internal_error" });
    expect(answer.text).not.toContain("payload was");
    const line = api.logged.find(
      ({ request_id, err }) => request_id === answer.body.request_id && err !== undefined,
    );
    expect(line, kind).toBeDefined();
  }
  expect(JSON.stringify(api.logged)).toContain("problem.test.ts");
  expect(JSON.stringify(api.logged)).not.toContain("Jane");
});

test("a database that is away or too slow is a 503 that says when to come back", async () => {
  const api = await setup();
  const away = await api.call("GET", "/throw/away");
  expect(away.status).toBe(503);
  expect(away.body.code).toBe("storage_unavailable");
  expect(Number(away.headers["retry-after"])).toBeGreaterThan(0);
  expect((await api.call("GET", "/throw/slow")).body.code).toBe("query_too_slow");
});

test("a value that the database cannot hold is the caller's fault and quoted nowhere", async () => {
  const api = await setup();
  const answer = await api.call("GET", "/cast");
  expect(answer.status).toBe(422);
  expect(answer.text + JSON.stringify(api.logged)).not.toContain("Jane");
});

test("an unknown path is a 404, a known one with another method a 405 that names the right ones", async () => {
  const api = await setup();
  for (const path of ["/nothing", "//", "/things/%zz", `/things/${"x".repeat(500)}`, "/../etc"]) {
    const answer = await api.call("GET", path);
    expect(answer.status, path).toBe(404);
    expect(answer.body.code, path).toBe("not_found");
    expect(answer.headers["x-request-id"], path).toBe(answer.body.request_id);
  }
  const answer = await api.call("DELETE", "/things/5eb7cf5a86d9755df3a6c593");
  expect(answer.status).toBe(405);
  expect(answer.headers.allow).toBe("GET, HEAD, PUT, OPTIONS");
  const options = await api.call("OPTIONS", "/things", { key: null });
  expect(options.status).toBe(204);
  expect(options.headers.allow).toBe("POST, OPTIONS");
});

test("an id without an id's form is not there, exactly like an unknown one", async () => {
  const api = await setup();
  for (const id of ["5eb7cf5a86d9755df3a6c59", "5EB7CF5A86D9755DF3A6C593", "null", "%27%20OR"]) {
    const answer = await api.call("GET", `/things/${id}`);
    expect(answer.status, id).toBe(404);
    expect(answer.body.detail).toBe("Not found.");
  }
});

test("a 422 lists everything that is wrong with a body, in words that tell what would be right", async () => {
  const api = await setup();
  const { status, body } = await api.call("POST", "/things", {
    body: { count: 61, kinds: ["a", "c"], token: 5, labels: { x: 1 }, team_id: "x" },
  });
  expect(status).toBe(422);
  expect(body.errors).toEqual([
    { loc: ["body", "name"], msg: "is required", type: "missing" },
    { loc: ["body", "count"], msg: "must be at most 60", type: "maximum" },
    { loc: ["body", "kinds", 1], msg: "must be one of a, b", type: "choice" },
    { loc: ["body", "token"], msg: "must be a text or null", type: "type" },
    { loc: ["body", "labels", "x"], msg: "must be a text", type: "type" },
    {
      loc: ["body", "team_id"],
      msg: "unknown field; allowed: name, count, kinds, token, labels",
      type: "unknown_field",
    },
  ]);
  expect(body.detail).toBe("name is required (and 5 more).");
});

test("bodies are neither coerced nor completed", async () => {
  const api = await setup();
  const fitting = { name: "n", kinds: ["a"] };
  for (const wrong of [
    { count: "3" },
    { count: 1.5 },
    { count: null },
    { name: 1 },
    { kinds: "a" },
  ]) {
    const answer = await api.call("POST", "/things", { body: { ...fitting, ...wrong } });
    expect(answer.status, JSON.stringify(wrong)).toBe(422);
  }
  expect((await api.call("POST", "/things", { body: fitting })).body).toEqual({ body: fitting });
  expect(
    (await api.call("POST", "/things")).body.errors.map(({ loc }: { loc: [] }) => loc),
  ).toEqual([
    ["body", "name"],
    ["body", "kinds"],
  ]);
});

test("a huge list is refused quickly, and at most twenty faults are listed", async () => {
  const api = await setup();
  const huge = { name: "n", kinds: Array.from({ length: 50_000 }, () => "a") };
  const started = performance.now();
  const answer = await api.call("POST", "/things", { body: huge });
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(answer.body.errors).toEqual([
    { loc: ["body", "kinds"], msg: "must have at most 2 entries", type: "max_items" },
  ]);
  const labels = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [index, 1]));
  const many = await api.call("POST", "/things", { body: { name: "n", kinds: ["a"], labels } });
  expect(many.body.errors).toHaveLength(20);
});

test("queries are read strictly: whole numbers, true or false, each parameter once, none unknown", async () => {
  const api = await setup();
  const read = await api.call("GET", "/list?size=10&enabled=false&search=10");
  expect(read.body).toEqual({ query: { size: 10, enabled: false, search: "10" } });
  for (const query of [
    "size=0",
    "size=abc",
    "size=1e2",
    "size=",
    "size=1.5",
    "size=99999999999999999999",
    "size=1&size=2",
    "enabled=1",
    "search=%00",
    "status[$ne]=x",
    "org_id=B",
    "__proto__=x",
  ]) {
    const answer = await api.call("GET", `/list?${query}`);
    expect(answer.status, query).toBe(422);
    expect(answer.body.errors, query).toHaveLength(1);
    expect(answer.body.errors[0].loc[0]).toBe("query");
  }
  const unknown = await api.call("GET", "/list?sizes=1");
  expect(unknown.body.detail).toBe("sizes: unknown parameter; allowed: size, enabled, search.");
});

test("invalid HTTP, or a request with too large headers, is answered with a problem too", async () => {
  const api = await setup();
  await api.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = api.app.server.address() as AddressInfo;
  const exchange = (text: string) =>
    new Promise<string>((resolve) => {
      let answer = "";
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.on("data", (data) => {
        answer += data.toString();
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer));
    });
  const nonsense = await exchange("NONSENSE\r\n\r\n");
  expect(nonsense).toMatch(/^HTTP\/1.1 400 /);
  expect(nonsense).toContain('"code":"malformed_request"');
  const nul = await exchange("POST /things HTTP/1.1\r\nhost: x\r\nidempotency-key: a\0\r\n\r\n");
  expect(nul).toMatch(/^HTTP\/1.1 400 /);
  const large = await exchange(`GET / HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(20_000)}\r\n\r\n`);
  expect(large).toMatch(/^HTTP\/1.1 431 /);
  expect(large).toContain('"code":"headers_too_large"');
});

test("a log line has the route's pattern, and nothing from the path, the query, headers or the body", async () => {
  const api = await setup();
  await api.call("GET", "/list?search=Jane&x=1", { headers: { "x-note": "canary-header" } });
  await api.call("POST", "/things", { body: { name: 1, secret: "canary-body" } });
  const text = JSON.stringify(api.logged);
  expect(text).toContain('"route":"/list"');
  expect(text).not.toMatch(/Jane|canary/);
  expect(text).not.toContain(api.key);
});
