import { expect, test } from "vitest";
import { listFiles, readText } from "./sources.ts";

const page = readText("ARCHITECTURE.md");

/** The files that the map has a line for, by their path from packages/. */
const mapped = page.split(/^### packages\//m).flatMap((section, index) => {
  if (index === 0) return [];
  const folder = section.slice(0, section.indexOf("\n"));
  return [...section.matchAll(/^- `([^`]+)` \S.+$/gm)].map(([, name]) => `${folder}/${name}`);
});

test("ARCHITECTURE.md has one line for every file of the sources, and none for any other", () => {
  const files = listFiles("src", "bin", "scripts");
  expect({
    withoutLine: files.filter((file) => !mapped.includes(file)),
    withoutFile: mapped.filter((file) => !files.includes(file)),
    twice: mapped.filter((file, index) => mapped.indexOf(file) !== index),
  }).toEqual({ withoutLine: [], withoutFile: [], twice: [] });
});

test("each of the thirteen invariants has a test named after it in the files it gives", () => {
  const list = page.slice(page.indexOf("## Invariants"), page.indexOf("## The life of a fact"));
  const invariants = [...list.matchAll(/^(\d+)\. ((?:.|\n(?!\d))+)/gm)];
  expect(invariants.map(([, number]) => Number(number))).toEqual(
    Array.from({ length: 13 }, (_, index) => index + 1),
  );
  for (const [, number, text] of invariants) {
    const files = [...(text ?? "").matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file);
    expect(files, `invariant ${number} gives no file`).not.toEqual([]);
    for (const file of files) {
      expect(readText(`packages/server/${file}`), `${file} on invariant ${number}`).toContain(
        `invariant ${number}: `,
      );
    }
  }
});

test("every file that ARCHITECTURE.md names in its diagrams and lists exists", () => {
  const files = listFiles("src", "bin", "scripts", "test");
  const beforeMap = page.slice(0, page.indexOf("## Map"));
  const named = beforeMap.match(/\b[\w-]+(?:[./][\w-]+)*\.(?:ts|js|sql)\b/g) ?? [];
  // Names that it says are not there on purpose, and the dump beside the sources.
  const others = ["types.ts", "schema.sql"];
  expect(
    named.filter(
      (name) =>
        !others.includes(name) && !files.some((file) => `/packages/${file}`.endsWith(`/${name}`)),
    ),
  ).toEqual([]);
});
