import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { documents, reference, sections } from "./navigation.ts";

/** Writes the markdown of every page beside its HTML, and llms.txt, which lists them. */
export function writePlainPages(target: string, files: readonly string[], base: string): void {
  for (const file of files) {
    const to = path.join(target, file);
    mkdirSync(path.dirname(to), { recursive: true });
    writeFileSync(to, readPage(file));
  }
  writeFileSync(path.join(target, "llms.txt"), printIndex(base));
}

/** Reads a page as text, with what it includes. */
function readPage(file: string): string {
  const whole = path.join(documents, file);
  return readFileSync(whole, "utf8").replaceAll(/<!--\s*@include:\s*(\S+?)\s*-->/g, (_, name) => {
    const included = path.resolve(path.dirname(whole), name);
    if (!existsSync(included)) throw new Error(`${file} includes ${name}, which is not there`);
    return readFileSync(included, "utf8");
  });
}

/** Prints the index for programs that read: one line for each page, with its markdown's address. */
export function printIndex(base: string): string {
  const lines = sections.flatMap(({ title, pages }) => [
    `## ${title}`,
    "",
    ...pages.map((one) => `- [${one.title}](${base}${one.file}): ${one.about}`),
    ...(title === "Reference"
      ? [
          `- [${reference.title}](${base}${reference.path}openapi.json): ${reference.about} OpenAPI 3.1.`,
        ]
      : []),
    "",
  ]);
  return [
    "# Postrider",
    "",
    "> Postrider turns facts about workflows, runs and voice calls into signed webhooks that arrive. It needs Node and PostgreSQL.",
    "",
    ...lines,
  ].join("\n");
}
