import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { packageFile } from "../package-file.ts";
import { cut } from "./cuts.ts";
import { defineTool, ToolRefusal } from "./tool.ts";

const charactersMax = 16_000;
const foundMax = 20;

/** A page of the documentation, with its sections in their order. */
export type Page = { name: string; title: string; text: string; sections: Section[] };

/** A heading and its text, up to the next heading of the same or a higher level. */
export type Section = { heading: string; level: number; text: string };

/** Reads the pages of docs/: in a package they are beside the bundle, in a checkout in the root. */
export function readPages(): Page[] {
  const shipped = fileURLToPath(packageFile("docs"));
  const directory = existsSync(shipped) ? shipped : fileURLToPath(packageFile("../../docs"));
  return (
    readdirSync(directory, { recursive: true })
      .map((file) => String(file).replaceAll(path.sep, "/"))
      // Decisions explain the code; a package does not have them.
      .filter((file) => file.endsWith(".md") && !file.startsWith("adr/"))
      .sort()
      .map((file) => pageOf(file.slice(0, -3), readFileSync(path.join(directory, file), "utf8")))
  );
}

/** Finds the sections of a page; lines of code blocks are not headings. */
export function pageOf(name: string, text: string): Page {
  const lines = text.split("\n");
  const headings: { line: number; level: number; heading: string }[] = [];
  let fenced = false;
  lines.forEach((line, index) => {
    if (/^\s*```/.test(line)) fenced = !fenced;
    const [, marks = "", heading = ""] = fenced ? [] : (/^(#{1,4}) (.+)$/.exec(line) ?? []);
    if (marks !== "") headings.push({ line: index, level: marks.length, heading: plain(heading) });
  });
  const sections = headings.map(({ line, level, heading }, index) => {
    const end = headings.slice(index + 1).find((next) => next.level <= level)?.line;
    return { heading, level, text: lines.slice(line, end).join("\n").trimEnd() };
  });
  const title = sections[0]?.heading ?? name;
  return { name, title, text, sections: sections.filter((one) => one.level > 1) };
}

const plain = (heading: string) => heading.replaceAll(/[`*]/g, "");

/** Serves the documentation of this version. */
export const readDocs = defineTool({
  name: "read_docs",
  title: "Read the documentation",
  description:
    "Reads Postrider's documentation, as it came with this version. Without input it lists the pages. `search` finds sections by words; `page` and `section` read one, for instance page=errors and section=subscription_disabled. Where `characters_left_out` is told, go on with `offset`.",
  input: z.strictObject({
    page: z.string().max(100).optional(),
    section: z.string().max(200).optional(),
    search: z.string().max(200).optional().describe("Words that all have to be in the section."),
    offset: z.int().min(0).default(0).describe("Characters to pass over."),
  }),
  async run({ page: name, section, search, offset }) {
    const pages = readPages();
    if (search !== undefined) return searched(pages, search);
    if (name === undefined)
      return { pages: pages.map((one) => ({ page: one.name, title: one.title })) };
    const page = pages.find((one) => one.name === name.replace(/^docs\/|\.md$/g, ""));
    if (!page) {
      const names = pages.map((one) => one.name).join(", ");
      throw new ToolRefusal(`There is no page "${name}". There are ${names}.`);
    }
    const text = section === undefined ? page.text : sectionOf(page, section).text;
    const shown = cut(text.slice(offset), charactersMax);
    return {
      page: page.name,
      ...shown,
      ...(shown.characters_left_out !== undefined && { next_offset: offset + shown.text.length }),
      ...(section === undefined && { sections: page.sections.map((one) => one.heading) }),
    };
  },
});

function sectionOf({ name, sections }: Page, meant: string): Section {
  const wanted = meant.toLowerCase();
  const found =
    sections.find(({ heading }) => heading.toLowerCase() === wanted) ??
    sections.find(({ heading }) => heading.toLowerCase().includes(wanted));
  if (found) return found;
  const headings = sections.map(({ heading }) => heading).join("; ");
  throw new ToolRefusal(`The page ${name} has no section "${meant}". It has: ${headings}.`);
}

function searched(pages: readonly Page[], search: string): object {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = pages.flatMap(({ name, sections }) =>
    sections
      .filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)))
      .map(({ heading, text }) => ({ page: name, section: heading, characters: text.length })),
  );
  // The shortest section with all the words is the most specific.
  found.sort((a, b) => a.characters - b.characters);
  if (found.length === 0) throw new ToolRefusal("No section has all of these words. Try fewer.");
  return { found: found.slice(0, foundMax) };
}
