/** A text as far as it is shown, and how much longer it is. */
export type Cut = { text: string; characters_left_out?: number };

/** Cuts a text to so many characters, and says how many more there are. */
export function cut(text: string, charactersMax: number): Cut {
  if (text.length <= charactersMax) return { text };
  // Half of a surrogate pair is no character.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(charactersMax - 1))
    ? charactersMax - 1
    : charactersMax;
  return { text: text.slice(0, end), characters_left_out: text.length - end };
}

/** Prints a count and its noun: "1 delivery", "3 deliveries". */
export const counted = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;
