import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { firstDelivery } from "../../bin/greeting.ts";
import { readText, root } from "./sources.ts";

const pages = [
  ...readdirSync(root),
  ...readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" }).map(
    (name) => `docs/${name.split(path.sep).join("/")}`,
  ),
].filter((name) => name.endsWith(".md"));

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

const anchorsOf = (page: string): string[] =>
  [...readText(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));

test.each(pages)("every link in %s leads somewhere", (page) => {
  const links = [...readText(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
  const broken = links.filter(([, file = "", anchor]) => {
    const target = file === "" ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

test("README.md begins with the two commands", () => {
  const [, first = ""] = /```sh\n([\s\S]*?)```/.exec(readText("README.md")) ?? [];
  expect(first).toMatch(/^npm install && npm start\b.*\nnpm test\b.*\n$/);
  expect(readText("README.md").indexOf(first)).toBeLessThan(60);
});

test("the first delivery in README.md is the one that npm start prints", () => {
  const text = readText("README.md");
  const commands = firstDelivery("http://127.0.0.1:8080", "prk_dev_…", "http://127.0.0.1:8081");
  for (const command of commands) expect(text).toContain(command);
});

test("every npm script that a page names exists", () => {
  const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
  for (const page of pages) {
    const named = [...readText(page).matchAll(/\bnpm (?:run ([\w:]+)|(start|test))\b/g)];
    const missing = named
      .map(([, run, short]) => run ?? short ?? "")
      .filter((name) => !(name in scripts));
    expect(missing, page).toEqual([]);
  }
});

test("decision records are numbered without a gap and have the same four parts", () => {
  const records = pages.filter((page) => page.startsWith("docs/adr/")).sort();
  expect(records.length).toBeGreaterThan(0);
  for (const [index, page] of records.entries()) {
    const number = String(index + 1).padStart(4, "0");
    expect(path.basename(page)).toMatch(new RegExp(`^${number}-[a-z0-9-]+\\.md$`));
    const text = readText(page);
    expect(text).toMatch(new RegExp(`^# ${index + 1}\\. .+\\n`));
    expect(text.match(/^## .+$/gm), page).toEqual([
      "## Context",
      "## Decision",
      "## Consequences",
      "## Rejected",
    ]);
    expect(text.split("\n").length, `${page} is longer than a page`).toBeLessThanOrEqual(60);
  }
});

test("the license is the Apache License 2.0, in full", () => {
  const text = readText("LICENSE");
  expect(text).toContain("Version 2.0, January 2004");
  expect(text).toContain("END OF TERMS AND CONDITIONS");
  for (const file of [
    "package.json",
    "packages/server/package.json",
    "packages/sdk/package.json",
  ]) {
    expect(JSON.parse(readText(file)).license, file).toBe("Apache-2.0");
  }
});
