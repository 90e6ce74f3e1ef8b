import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readText, root } from "../house/sources.ts";

const page = readText("SECURITY.md");

/** The rows of all tables, as cells; heads and rules left out. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (?:---|Attack \||Mistake \|)/.test(line))
  .map((line) => line.split("|").slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim()));

const filesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);

/** What is wrong with a claim that this file proves something. */
function unproven(file: string): string | undefined {
  const place = path.join("packages/server", file);
  if (!existsSync(path.join(root, place))) return `${file} does not exist`;
  if (!/^test(?:\.each)?[(<]/m.test(readText(place))) return `${file} has no test`;
  return /\btest\.(?:skip|todo|fails)\b/.test(readText(place)) ? `${file} skips a test` : undefined;
}

test("SECURITY.md names, for every attack, a defence and the tests that prove it, all of which exist", () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const [attack, defence, proof, ...more] of rows) {
    expect(more, attack).toEqual([]);
    expect(defence, attack).toMatch(/\w{3}/);
    expect(filesIn(proof ?? ""), attack).not.toEqual([]);
    expect(
      filesIn(proof ?? "").flatMap((file) => unproven(file) ?? []),
      attack,
    ).toEqual([]);
  }
});

test("a file that does not exist, or tests nothing, is found", () => {
  expect(unproven("test/api/auth.test.ts")).toBeUndefined();
  expect(unproven("test/api/gone.test.ts")).toContain("does not exist");
  expect(unproven("test/support/house.ts")).toContain("has no test");
});

test("every attacker of the threat model has a table, and every security test a place in it", () => {
  const sections = page.split(/^### /m).slice(1);
  expect(sections).toHaveLength(7);
  for (const section of sections) expect(section).toContain("| Proven by |");
  const named = new Set(rows.flatMap((cells) => filesIn(cells[2] ?? "")));
  const here = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts"));
  const own = path.basename(import.meta.filename);
  expect(here.filter((name) => name !== own && !named.has(`test/security/${name}`))).toEqual([]);
});
