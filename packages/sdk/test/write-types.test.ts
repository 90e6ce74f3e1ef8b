import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { typeOf, typesOf } from "../scripts/types-of.ts";

test("the generated types are those of openapi.json", () => {
  const repository = fileURLToPath(new URL("../../..", import.meta.url));
  const script = "packages/sdk/scripts/write-types.ts";
  const run = spawnSync("npx", ["--no-install", "tsx", script, "--check"], {
    cwd: repository,
    encoding: "utf8",
  });
  expect(run.status, run.stderr).toBe(0);
});

test.each([
  [{ $ref: "#/components/schemas/Run" }, "Run"],
  [{ anyOf: [{ const: "a" }, { const: "b" }, { type: "null" }] }, '"a" | "b" | null'],
  [{ enum: ["a", 1] }, '"a" | 1'],
  [{ type: ["string", "integer"] }, "string | number"],
  [{ type: "array", items: { enum: ["a", "b"] } }, '("a" | "b")[]'],
  [{ type: "object", patternProperties: { "^.*$": {} } }, "Record<string, unknown>"],
  [{ type: "object", additionalProperties: { type: "string" } }, "Record<string, string>"],
  [{ description: "Any JSON." }, "unknown"],
])("%j is the type %s", (schema, type) => {
  expect(typeOf(schema)).toBe(type);
});

test("a schema of an unknown kind is refused, not guessed", () => {
  expect(() => typeOf({ type: "tuple" })).toThrow("tuple");
});

test("an operation gives the types of its query and of an answer without a name", () => {
  const written = typesOf({
    paths: {
      "/things": {
        get: {
          operationId: "listThings",
          parameters: [{ name: "size", in: "query", schema: { type: "integer" } }],
          responses: {
            "200": { content: { "application/json": { schema: { type: "object" } } } },
          },
        },
      },
    },
  });
  expect(written).toContain("export type ListThingsAnswer = Record<string, unknown>;");
  expect(written).toContain('export type ListThingsQuery = {\n"size"?: number;\n};');
});
