/** The first and the last code point of each run. */
type Ranges = readonly (readonly [first: number, last: number])[];

/** C0, DEL and C1. */
export const controls: Ranges = [
  [0, 0x1f],
  [0x7f, 0x9f],
];

/** Line and paragraph separators, and direction overrides, which can make a name look like another. */
export const breaksAndOverrides: Ranges = [
  [0x2028, 0x202e],
  [0x2066, 0x2069],
];

/** Invisible characters: blanks, format characters, and empty letters such as U+3164. */
export const invisible: Ranges = [
  [0x00, 0x20],
  [0x7f, 0xa0],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x600, 0x605],
  [0x61c, 0x61c],
  [0x6dd, 0x6dd],
  [0x70f, 0x70f],
  [0x890, 0x891],
  [0x8e2, 0x8e2],
  [0x115f, 0x1160],
  [0x1680, 0x1680],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x206f],
  [0x2800, 0x2800],
  [0x3000, 0x3000],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x110bd, 0x110bd],
  [0x110cd, 0x110cd],
  [0x13430, 0x1343f],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];

// Two single code units, as they are.
const surrogates = "\ud800-\udfff";

/** Makes a pattern class of all characters but these and halves of surrogate pairs; `publishedPattern` makes it portable. */
export const allBut = (...excluded: Ranges[]): string =>
  `[^${excluded.flat().map(rangeOf).join("")}${surrogates}]`;

/**
 * The pattern in the form that other languages read too; undefined when nothing of it is left.
 *
 * It has characters themselves, or `\xHH`: JavaScript, Python, RE2, Rust and Java read these in the same way, but some of
 * them do not know `\p{…}` and `\u…`, or read them differently. Halves of surrogate pairs cannot be encoded in UTF-8: no
 * published pattern can contain them, and no valid request does.
 */
export function publishedPattern(pattern: string): string | undefined {
  const published = pattern.replaceAll(surrogates, "");
  return published.includes("[^]") ? undefined : published;
}

const rangeOf = ([first, last]: Ranges[number]): string =>
  first === last ? written(first) : `${written(first)}-${written(last)}`;

const written = (codePoint: number): string =>
  codePoint < 0xa1
    ? `\\x${codePoint.toString(16).padStart(2, "0")}`
    : String.fromCodePoint(codePoint);
