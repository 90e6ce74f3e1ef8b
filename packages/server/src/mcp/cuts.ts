/** The shown part of a text, and the number of characters that were left out. */
export type Cut = { text: string; characters_left_out?: number };

/** Cuts a text to a number of characters, and says how many were left out. */
export function cut(text: string, charactersMax: number): Cut {
  if (text.length <= charactersMax) return { text };
  // Does not cut a surrogate pair.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(charactersMax - 1))
    ? charactersMax - 1
    : charactersMax;
  return { text: text.slice(0, end), characters_left_out: text.length - end };
}

/** Prints a count and its noun: "1 delivery", "3 deliveries". */
export const counted = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;
