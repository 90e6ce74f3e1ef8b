import type { MarkdownItLike } from "./markdown-it.ts";

/** Makes an empty heading of a table a cell: readers of a screen would hear a heading without a name. */
export function settleEmptyHeadings(markdown: MarkdownItLike): void {
  markdown.core.ruler.push("empty_headings", ({ tokens }) => {
    for (const [index, token] of tokens.entries()) {
      if (token.type !== "th_open" || tokens[index + 1]?.content.trim() !== "") continue;
      token.tag = "td";
      const close = tokens[index + 2];
      if (close?.type === "th_close") close.tag = "td";
    }
  });
}
