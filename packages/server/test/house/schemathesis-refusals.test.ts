import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorCodes } from "../../src/errors.ts";

type Refusal = {
  operations: string | string[];
  status: number;
  code?: string;
  says?: string;
  because: string;
};

const read = (name: string) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const { groups, refusals }: { groups: Record<string, string[]>; refusals: Refusal[] } = read(
  "../../scripts/schemathesis_refusals.json",
);
const document: { paths: Record<string, Record<string, { operationId: string }>> } =
  read("../../openapi.json");
const operationIds = Object.values(document.paths).flatMap((methods) =>
  Object.values(methods).map(({ operationId }) => operationId),
);

test("each refusal that schemathesis overlooks names operations of the API, a status, one reason and why it is right", () => {
  for (const { operations, status, code, says, because } of refusals) {
    const about = code ?? says ?? "";
    const named = typeof operations === "string" ? (groups[operations] ?? []) : operations;
    expect(named.length, about).toBeGreaterThan(0);
    expect(
      named.filter((id) => !operationIds.includes(id)),
      about,
    ).toEqual([]);
    expect(status, about).toBe(422);
    expect([code, says].filter((reason) => reason !== undefined)).toHaveLength(1);
    if (code !== undefined) expect(errorCodes(), about).toContain(code);
    // A short beginning would fit what it was not written for.
    if (says !== undefined) expect(says.length, about).toBeGreaterThanOrEqual(16);
    expect(because.length, about).toBeGreaterThan(20);
  }
});

test("each group of operations is used, and none of its operations stands in it twice", () => {
  const used = new Set(refusals.map(({ operations }) => operations));
  for (const [name, operations] of Object.entries(groups)) {
    expect(used, name).toContain(name);
    expect(new Set(operations).size, name).toBe(operations.length);
  }
});
