import { existsSync } from "node:fs";
import path from "node:path";
import type { MarkdownItLike, Token } from "./markdown-it.ts";

/** The anchor that GitHub gives a heading: links into a page lead to the same place in both. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

export type LinkRules = {
  /** Where the pages' sources are. */
  documents: string;
  /** Whether a file below that directory becomes a page. */
  isPage: (file: string) => boolean;
  /** The directories that text of a page was included from. */
  includedFrom: Readonly<Record<string, string>>;
};

/**
 * Takes away links to files of the repository that the site does not have: their text stays.
 *
 * A link to nothing at all is left as it is, so that the build fails on it.
 */
export function unlinkSources(markdown: MarkdownItLike, rules: LinkRules): void {
  markdown.core.ruler.push("unlink_sources", ({ tokens, env }) => {
    const page = String(env.path ?? "");
    for (const { children } of tokens) {
      if (!children) continue;
      let inUnlinked = false;
      for (const token of children) {
        if (token.type === "link_open") inUnlinked = settle(token, page, rules);
        if (!inUnlinked || !/^link_(?:open|close)$/.test(token.type)) continue;
        if (token.type === "link_close") inUnlinked = false;
        token.hidden = true;
        token.type = "text";
        token.content = "";
        token.nesting = 0;
        token.tag = "";
      }
    }
  });
}

/** Whether a link leads to a file that is no page; a link in included text is set right on the way. */
function settle(token: Token, page: string, rules: LinkRules): boolean {
  const href = token.attrGet("href") ?? "";
  if (/^(?:[a-z][a-z+.-]*:|#|\/)/i.test(href) || href === "") return false;
  const [, file = "", rest = ""] = /^([^?#]*)(.*)$/.exec(href) ?? [];
  const from = path.relative(rules.documents, page).split(path.sep).join("/");
  const places = [path.dirname(page), rules.includedFrom[from]].filter((one) => one !== undefined);
  const target = places.map((place) => path.resolve(place, file)).find((one) => existsSync(one));
  if (target === undefined) return false;
  const within = path.relative(rules.documents, target).split(path.sep).join("/");
  if (within.startsWith("..") || !rules.isPage(within)) return true;
  token.attrSet("href", relativeTo(path.dirname(from), within) + rest);
  return false;
}

function relativeTo(directory: string, file: string): string {
  const relative = path.posix.relative(directory, file);
  return relative.startsWith(".") ? relative : `./${relative}`;
}
