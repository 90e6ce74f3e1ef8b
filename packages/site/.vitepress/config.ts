import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { defineConfig } from "vitepress";
import { writeNoticesOf } from "../../../release/notices-plugin.ts";
import { hashInline } from "../src/content-security.ts";
import { anchorOf, unlinkSources } from "../src/links.ts";
import { documents, reference, sections } from "../src/navigation.ts";
import { writePlainPages } from "../src/plain-pages.ts";
import { viewerFiles, writeReference } from "../src/reference.ts";
import { settleEmptyHeadings } from "../src/tables.ts";

/** Where the site is served: the service has it under /docs/. `POSTRIDER_DOCS_BASE=/ npm run build -w packages/site` is for a host of its own. */
const base = process.env.POSTRIDER_DOCS_BASE ?? "/docs/";

const pages = new Set([
  "index.md",
  ...sections.flatMap((one) => one.pages.map(({ file }) => file)),
]);
const markdownFiles = readdirSync(documents, { recursive: true, encoding: "utf8" })
  .map((name) => name.split(path.sep).join("/"))
  .filter((name) => name.endsWith(".md"));

export default defineConfig({
  title: "Postrider",
  description: "Facts about workflows, runs and calls become webhooks that arrive.",
  lang: "en",
  base,
  srcDir: documents,
  srcExclude: markdownFiles.filter((file) => !pages.has(file)),
  outDir: path.resolve(import.meta.dirname, "../dist"),
  cacheDir: path.resolve(import.meta.dirname, "../../../node_modules/.cache/vitepress"),
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${base}icon.svg` }]],
  // Names, not words: a page whose text did not change keeps its files.
  lastUpdated: false,
  markdown: {
    anchor: { slugify: anchorOf },
    config: (markdown) => {
      settleEmptyHeadings(markdown as never);
      unlinkSources(markdown as never, {
        documents,
        isPage: (file) => pages.has(file),
        includedFrom: { "sdk.md": path.resolve(documents, "../packages/sdk") },
      });
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Tutorial", link: "/tutorial/first-webhook" },
      { text: "Receive", link: "/how-to/express" },
      { text: "Reference", link: "/receiving" },
      { text: "API", link: `/${reference.path}`, target: "_self" },
      { text: "Explanation", link: "/explanation/guarantees" },
    ],
    sidebar: sections.map(({ title, pages: own }) => ({
      text: title,
      items: [
        ...own.map((page) => ({ text: page.title, link: `/${page.file.replace(/\.md$/, "")}` })),
        ...(title === "Reference"
          ? [{ text: reference.title, link: `/${reference.path}`, target: "_self" }]
          : []),
      ],
    })),
  },
  vite: {
    publicDir: false,
    plugins: [writeNoticesOf("this site", viewerFiles)],
    // The CSP allows no data: for scripts and fonts.
    build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 2_000 },
  },
  async buildEnd({ outDir, pages: built }) {
    copyFileSync(
      path.resolve(import.meta.dirname, "../../dashboard/public/icon.svg"),
      path.join(outDir, "icon.svg"),
    );
    writeReference(outDir);
    writePlainPages(outDir, built, base);
    const texts = (ending: string): string[] =>
      readdirSync(outDir, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(ending) && !name.startsWith("api"))
        .map((name) => readFileSync(path.join(outDir, name), "utf8"));
    const policy = hashInline(texts(".html"), texts(".js"));
    writeFileSync(path.join(outDir, "csp.json"), `${JSON.stringify(policy, null, 2)}\n`);
  },
});
