import { createHash } from "node:crypto";

/** What may stand in a page besides files of the site, by its hash as a policy names it: `sha256-…`. */
export type PagePolicy = { scripts: readonly string[]; styles: readonly string[] };

/**
 * Hashes the inline scripts of all pages, and the one style that a script puts into them.
 *
 * That style switches transitions off while the theme changes.
 */
export function hashInline(pages: Iterable<string>, scripts: Iterable<string>): PagePolicy {
  const styles = [...scripts].flatMap((text) =>
    [...text.matchAll(/(["`'])(\*,\*::before,\*::after\{[^"`'\\]*\})\1/g)].map(
      ([, , css = ""]) => css,
    ),
  );
  return { scripts: hashed([...pages].flatMap(inlineScriptsOf)), styles: hashed(styles) };
}

const hashed = (texts: readonly string[]): string[] => [...new Set(texts.map(hashOf))].sort();

/** The text of the scripts that run and stand in the page itself, not in a file of their own. */
export const inlineScriptsOf = (html: string): string[] =>
  [...html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)].flatMap(
    ([, attributes = "", text = ""]) =>
      /\ssrc\s*=/.test(attributes) || /type="application\//.test(attributes) ? [] : [text],
  );

/** Hashes a text as a policy names it. */
export const hashOf = (script: string): string =>
  `sha256-${createHash("sha256").update(script).digest("base64")}`;
