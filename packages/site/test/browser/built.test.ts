import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { hashOf, inlineScriptsOf } from "../../src/content-security.ts";
import { sections } from "../../src/navigation.ts";

/** What `npm run build -w packages/site` has just left. */
const built = path.resolve(import.meta.dirname, "../../dist");
const names = readdirSync(built, { recursive: true, encoding: "utf8" }).filter((name) =>
  statSync(path.join(built, name)).isFile(),
);
const read = (name: string): string => readFileSync(path.join(built, name), "utf8");
const htmlNames = names.filter((name) => name.endsWith(".html"));
const pages = sections.flatMap((section) => section.pages);

test("each page is there as HTML and as markdown, and llms.txt lists each by an address that exists", () => {
  const listed = [...read("llms.txt").matchAll(/^- \[.+\]\(\/docs\/(\S+)\): .+$/gm)].map(
    ([, name]) => name,
  );
  expect(listed.sort()).toEqual([...pages.map(({ file }) => file), "api/openapi.json"].sort());
  for (const name of listed) expect(names).toContain(name);
  for (const { file } of pages) {
    expect(names).toContain(file.replace(/\.md$/, ".html"));
    expect(read(file), file).not.toContain("@include");
  }
});

test("every link of a page leads to a file of the site, and to an anchor that is there", () => {
  const idsOf = (html: string) =>
    new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
  const ids = new Map(htmlNames.map((name) => [name, idsOf(read(name))]));
  let links = 0;
  const broken = htmlNames.flatMap((name) => {
    // The page's own address tells where a relative link leads.
    const own = new URL(`http://site/docs/${name}`);
    return [...read(name).matchAll(/<a\b[^>]*?\shref="([^"]+)"/g)].flatMap(([, href = ""]) => {
      links += 1;
      const target = new URL(href.replaceAll("&amp;", "&"), own);
      if (target.origin !== own.origin) return [];
      const file = decodeURIComponent(target.pathname.replace(/^\/docs\//, "")).replace(
        /(^|\/)$/,
        "$1index.html",
      );
      // Served by the service itself.
      if (file === "api/plain") return [];
      if (!names.includes(file)) return [`${name}: ${href}`];
      const anchor = decodeURIComponent(target.hash.slice(1));
      const there = anchor === "" || file.startsWith("api/") || ids.get(file)?.has(anchor);
      return there ? [] : [`${name}: ${href}`];
    });
  });
  expect(broken).toEqual([]);
  expect(links).toBeGreaterThan(500);
});

test("csp.json names every script that stands in a page, and nothing else runs there", () => {
  const { scripts } = JSON.parse(read("csp.json")) as { scripts: string[] };
  const found = new Set(htmlNames.flatMap((name) => inlineScriptsOf(read(name)).map(hashOf)));
  expect([...found].sort()).toEqual(scripts);
  expect(found.size).toBeGreaterThan(0);
  expect(inlineScriptsOf(read("api/index.html"))).toEqual([]);
  for (const name of htmlNames) expect(read(name), name).not.toMatch(/<[^>]+\son\w+="/);
});

test("the licences of what the scripts hold are there", () => {
  for (const name of ["vitepress", "@vue/runtime-core", "minisearch"]) {
    expect(read("licences.txt")).toMatch(new RegExp(`^${name} \\d\\S+ \\(MIT\\)$`, "m"));
  }
  expect(read("api/swagger-ui.LICENSE.txt")).toContain("Apache License");
  expect(read("licences.txt")).toContain(read("api/swagger-ui-bundle.js.LICENSE.txt").trim());
});

test("no page loads anything from elsewhere", () => {
  for (const name of htmlNames) {
    const loaded = [...read(name).matchAll(/<(?:script|link|img|iframe)\b[^>]*>/g)]
      .map(([tag]) => tag)
      .filter((tag) => /(?:src|href)="(?:https?:)?\/\//.test(tag));
    expect(loaded, name).toEqual([]);
  }
  const styles = names.filter((name) => name.endsWith(".css"));
  for (const name of styles) expect(read(name), name).not.toMatch(/url\(["']?(?:https?:)?\/\//);
});

test("the index of the search is a file of the site that holds every page", () => {
  const index = names.find((name) => /localSearchIndex/.test(name));
  const text = read(index ?? "");
  for (const { file } of pages) expect(text).toContain(`"/${file.replace(/\.md$/, ".html")}#`);
});
