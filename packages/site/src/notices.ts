import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** What the scripts of the site hold besides our text. */
const bundled = [
  "vitepress",
  "vue",
  "@vueuse/core",
  "@vueuse/integrations",
  "@vueuse/shared",
  "focus-trap",
  "tabbable",
  "mark.js",
  "minisearch",
] as const;

const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** Writes the licences of what the site's scripts are made of, as most of them ask; the reference has its own. */
export function writeNotices(target: string): void {
  const notices = bundled.map((name) => {
    const directory = path.join(modules, name);
    const { version, license } = JSON.parse(
      readFileSync(path.join(directory, "package.json"), "utf8"),
    ) as { version: string; license: string };
    const file = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one));
    if (file === undefined) throw new Error(`${name} has no file with its licence`);
    const text = readFileSync(path.join(directory, file), "utf8").trim();
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  const line = `${"-".repeat(80)}\n`;
  writeFileSync(
    path.join(target, "licences.txt"),
    ["The scripts of this site hold these packages:\n\n", ...notices].join(line),
  );
}
