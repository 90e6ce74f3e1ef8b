import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { operationalWebhooks } from "../../src/domain/contracts/operational-webhooks.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { readText, root } from "./sources.ts";

const page = readText("docs/coverage.md");

/** The rows of the table below a heading, without its head, as cells without their ticks. */
function rowsOf(heading: string): string[][] {
  const [, section = ""] = page.split(`## ${heading}\n`);
  return (section.split(/^## /m)[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("`", "")));
}

/** What a row claims: that this file has a test of this very name, which is not skipped. */
function unproven(file: string, name: string): string | undefined {
  const from = path.join("packages/server", file);
  if (!existsSync(path.join(root, from))) return `${file} does not exist`;
  const calls = readText(from).includes(`\ntest(${JSON.stringify(name)}, `);
  return calls ? undefined : `${file} has no test "${name}"`;
}

test("docs/coverage.md has one row for every operation of openapi.json, and none for any other", () => {
  const { paths } = JSON.parse(readText("packages/server/openapi.json")) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const operations = Object.entries(paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) =>
      [method.toUpperCase(), url, operationId].join(" "),
    ),
  );
  const listed = rowsOf("Routes").map((cells) => cells.slice(0, 3).join(" "));
  expect(listed.sort()).toEqual(operations.sort());
});

test("docs/coverage.md has one row for every event type of the contracts, and none for any other", () => {
  const types = Object.entries({
    A: workflowWebhooks,
    B: organisationWebhooks,
    C: assistantMessages,
    operational: operationalWebhooks,
  }).flatMap(([letter, { eventTypes }]) => eventTypes.map((type) => `${letter} ${type}`));
  expect(types).toHaveLength(22);
  expect(rowsOf("Event types").map((cells) => cells.slice(0, 2).join(" "))).toEqual(types);
});

test("every test that docs/coverage.md names exists", () => {
  const rows = [...rowsOf("Routes"), ...rowsOf("Event types")];
  expect(rows.flatMap((cells) => unproven(cells.at(-2) ?? "", cells.at(-1) ?? "") ?? [])).toEqual(
    [],
  );
});

test("a file or a test that does not exist is found", () => {
  const [row = []] = rowsOf("Routes");
  const [file = "", name = ""] = row.slice(-2);
  expect(unproven(file, name)).toBeUndefined();
  expect(unproven(file, `${name}.`)).toContain("has no test");
  expect(unproven(file, name.slice(1))).toContain("has no test");
  expect(unproven("test/api/gone.test.ts", name)).toContain("does not exist");
});
