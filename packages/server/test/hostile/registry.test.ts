import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readText, root } from "../house/sources.ts";
import { type Played, scenarios } from "./registry.ts";
import { type PartName, parts, type Row, rows, rowsOf } from "./rows.ts";

const partNames = Object.keys(parts) as PartName[];
const textOf = (file: string) => {
  const from = path.join("packages", file);
  return existsSync(path.join(root, from)) ? readText(from) : undefined;
};

/** A table runs when its file hands the part to `test.each`, and each row is told by its id. */
function tableFault(name: PartName, text = textOf(parts[name].file)): string | undefined {
  if (text === undefined) return `${parts[name].file} does not exist`;
  // The part alone, or among further rows of the test's own.
  const handed = new RegExp(
    `\\ntest\\.each\\((?:\\[\\.\\.\\.)?rowsOf(?:<\\w+>)?\\("${name}"\\)[^"]*"[^"]*\\$id`,
  );
  return handed.test(text) ? undefined : `${parts[name].file} does not run "${name}"`;
}

/** A scenario is played when its file has a test of this very name. */
function scenarioFault([file, name]: Played, text = textOf(file)): string | undefined {
  if (text === undefined) return `${file} does not exist`;
  const title = JSON.stringify(name);
  const found = [`\ntest(${title}, `, `)(${title}, `, `)(\n  ${title},\n`];
  return found.some((start) => text.includes(start)) ? undefined : `${file} has no test "${name}"`;
}

/** What vitest has for not running a test. */
const skips = /\b(?:test|describe|it)\s*(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|fails|only)\b/;

/** What is wrong with the books: rows in no test or in two, tests that do not exist, tests that are skipped. */
function audit(all: readonly Row[], played: Readonly<Record<string, Played>>): string[] {
  const listed = [
    ...partNames.flatMap((name) => rowsOf(name).map(({ id }) => id)),
    ...Object.keys(played),
  ];
  const counts = new Map<string, number>();
  for (const id of listed) counts.set(id, (counts.get(id) ?? 0) + 1);
  const known = new Set(all.map(({ id }) => id));
  const files = new Set([
    ...partNames.map((name) => parts[name].file),
    ...Object.values(played).map(([file]) => file),
  ]);
  return [
    ...all.filter(({ id }) => !counts.has(id)).map(({ id }) => `${id} is in no test`),
    ...[...counts].filter(([, count]) => count > 1).map(([id]) => `${id} is listed twice`),
    ...listed.filter((id) => !known.has(id)).map((id) => `${id} is no row`),
    ...partNames.flatMap((name) => tableFault(name) ?? []),
    ...Object.values(played).flatMap((one) => scenarioFault(one) ?? []),
    ...[...files].filter((file) => skips.test(textOf(file) ?? "")).map((file) => `${file} skips`),
  ];
}

test("every row of the corpus is run by one test that exists and is not skipped", () => {
  expect(audit(rows, scenarios)).toEqual([]);
  expect(rows).toHaveLength(486);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  const counts = [...new Set(rows.map(({ area }) => area))].map((area) => {
    const own = rows.filter((row) => row.area === area);
    const played = own.filter(({ id }) => id in scenarios).length;
    return `${area} ${own.length} (${own.length - played} in tables, ${played} scenarios)`;
  });
  console.log(`hostile rows, all of them run: ${rows.length}\n${counts.join("\n")}`);
});

test("a row without a test, a test that is gone and a test that is skipped are found", () => {
  const [first] = rows;
  const stranger = { ...first, id: "url-999" } as Row;
  expect(audit([...rows, stranger], scenarios)).toEqual(["url-999 is in no test"]);
  const { "fault-040": gone, ...others } = scenarios;
  expect(audit(rows, others)).toEqual(["fault-040 is in no test"]);
  expect(audit(rows, { ...scenarios, "url-001": gone as Played })).toContain(
    "url-001 is listed twice",
  );
  const [file, name] = gone as Played;
  expect(scenarioFault([file, name.slice(1)])).toContain("has no test");
  expect(scenarioFault([file, `${name}.`])).toContain("has no test");
  expect(scenarioFault(["server/test/gone.test.ts", name])).toContain("does not exist");
  const table = 'x\ntest.each(rowsOf<Case>("ip"))("$id: $why", () => {});';
  expect(tableFault("ip", table)).toBeUndefined();
  expect(tableFault("ip", table.replace("test.each", "test.skip.each"))).toContain("does not run");
  expect(tableFault("ip", table.replace('"ip"', '"dns"'))).toContain("does not run");
  expect(tableFault("ip", table.replace("$id", "a row"))).toContain("does not run");
  for (const skipped of [
    "test.skip(",
    "describe.skip(",
    "test.each.skip(",
    "test.todo(",
    "test.only(",
  ]) {
    expect(skips.test(`  ${skipped}"a"`), skipped).toBe(true);
  }
  expect(skips.test("list.skip(1); test.each(cases)")).toBe(false);
});
