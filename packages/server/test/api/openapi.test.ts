import { readFileSync } from "node:fs";
import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import { explain, type Schema } from "../../src/api/explain.ts";
import type { Routes } from "../../src/api/request.ts";
import { openTestApi } from "../support/api.ts";
import { openDescribedApp } from "../support/described-app.ts";

type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  security: { apiKey: string[] }[];
  responses: Record<string, { content?: Record<string, unknown> }>;
  requestBody?: {
    content: Record<
      string,
      { schema: object; example?: unknown; examples?: Record<string, { value: unknown }> }
    >;
  };
};

async function describe() {
  const app = await openDescribedApp();
  onTestFinished(() => app.close());
  const document = (await app.inject("/openapi.json")).json();
  const operations = Object.values(document.paths as Record<string, Record<string, Operation>>);
  return { app, document, operations: operations.flatMap((path) => Object.values(path)) };
}

test("packages/server/openapi.json is what the routes say (write it anew: npx tsx packages/server/scripts/write-openapi.ts)", async () => {
  const { document } = await describe();
  const file = new URL("../../openapi.json", import.meta.url);
  expect(document).toEqual(JSON.parse(readFileSync(file, "utf8")));
});

test("every operation has a name of its own, a summary, a tag, an answer and its refusals", async () => {
  const { operations } = await describe();
  const names = operations.map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const { operationId, summary, tags, security, responses } of operations) {
    expect(operationId).toMatch(/^[a-z][A-Za-z]+$/);
    expect(summary, operationId).not.toBe("");
    expect(tags, operationId).toHaveLength(1);
    expect(Object.keys(responses).some((status) => status.startsWith("2"))).toBe(true);
    const refusals = security.length === 0 ? ["503"] : ["401", "403", "404", "422", "503"];
    expect(Object.keys(responses), operationId).toEqual(expect.arrayContaining(refusals));
  }
});

test("a route that declares no scope stops the start", async () => {
  const undeclared: Routes = (app) => {
    app.get("/undeclared", async () => ({}));
  };
  await expect(openDescribedApp([undeclared])).rejects.toThrow("/undeclared");
});

test("every reference in the document points at something", async () => {
  const { document } = await describe();
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g);
  for (const [, path = ""] of references) {
    const found = path
      .split("/")
      .reduce<Record<string, unknown> | undefined>(
        (at, part) => at?.[part] as Record<string, unknown> | undefined,
        document,
      );
    expect(found, path).toBeDefined();
  }
});

test("titled schemas stand once and are referred to, and two that differ may not share a title", async () => {
  const routesWith = (schema: Type.TSchema): Routes => {
    return (app) => {
      app.get(
        "/titled",
        { config: { scope: "read" }, schema: { response: { 200: schema } } },
        () => ({}),
      );
    };
  };
  const one = Type.Object({ a: Type.String() }, { title: "Titled" });
  const api = await openTestApi({ routes: [routesWith(one)] });
  onTestFinished(() => api.close());
  const { body } = await api.call("GET", "/openapi.json");
  expect(body.paths["/titled"].get.responses["200"].content["application/json"].schema).toEqual({
    $ref: "#/components/schemas/Titled",
  });
  expect(body.components.schemas.Titled.properties).toEqual({ a: { type: "string" } });

  const clash = await openTestApi({ routes: [routesWith(Type.Object({}, { title: "Problem" }))] });
  onTestFinished(() => clash.close());
  expect((await clash.call("GET", "/openapi.json")).status).toBe(500);
});

test("the page of the documentation names every operation and loads nothing from elsewhere", async () => {
  const { app, operations } = await describe();
  const page = await app.inject("/docs/api/plain");
  expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
  for (const { operationId } of operations) expect(page.body).toContain(`id="${operationId}"`);
  expect(page.body).not.toMatch(/<script|src=|https?:/);
});

test("no pattern needs more than JavaScript, Python and RE2 have in common", async () => {
  const { document } = await describe();
  const patterns = new Set<string>();
  JSON.stringify(document, (key, value) => {
    if (key === "pattern") patterns.add(value);
    return value;
  });
  expect(patterns.size).toBeGreaterThan(5);
  for (const pattern of patterns) {
    // Of the escapes only \xHH and the quoting of a sign: \d and \w have other members elsewhere, \p and \u none.
    expect(pattern.replaceAll(/\\(x[0-9a-f]{2}|[^A-Za-z0-9])/g, ""), pattern).not.toContain("\\");
    // No lookaround and no other extension, and nothing that UTF-8 cannot carry.
    expect(pattern).not.toContain("(?");
    expect(Buffer.from(pattern).toString()).toBe(pattern);
  }
});

test("405 and OPTIONS name the methods of the path itself, of every path that also fits a neighbour's pattern", async () => {
  const { app, document } = await describe();
  const paths = Object.entries(document.paths as Record<string, Record<string, Operation>>);
  for (const [path, operations] of paths) {
    const url = path.replaceAll(/\{\w+\}/g, "6b0c3f2a9d4e5f6071829304");
    const own = Object.keys(operations).map((method) => method.toUpperCase());
    const allow = [...own, ...(own.includes("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
    const listed = (header: unknown) => String(header).split(", ").sort();
    const options = await app.inject({ method: "OPTIONS", url });
    expect([options.statusCode, listed(options.headers.allow)], url).toEqual([204, allow]);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"] as const) {
      if (own.includes(method)) continue;
      const { statusCode, headers } = await app.inject({ method, url });
      expect([statusCode, listed(headers.allow)], `${method} ${url}`).toEqual([405, allow]);
    }
  }
});

test("every body has an example, and its schema takes each", async () => {
  const { document, operations } = await describe();
  /** The schema with what it refers to in place. */
  const whole = (schema: object): Schema =>
    JSON.parse(
      JSON.stringify(schema, (_, value) =>
        typeof value?.$ref === "string"
          ? document.components.schemas[value.$ref.split("/").at(-1)]
          : value,
      ),
    );
  let bodies = 0;
  for (const { operationId, requestBody } of operations) {
    for (const { schema, example, examples = {} } of Object.values(requestBody?.content ?? {})) {
      bodies += 1;
      const shown = [example, ...Object.values(examples).map(({ value }) => value)];
      const given = shown.filter((one) => one !== undefined);
      expect(given, operationId).not.toEqual([]);
      for (const one of given) {
        expect(explain(whole(schema), one, ["body"]), operationId).toEqual([]);
      }
    }
  }
  expect(bodies).toBeGreaterThan(20);
});
