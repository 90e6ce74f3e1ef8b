/** One small fault: a stretch of a source file, and what stands there instead. */
export type Mutant = {
  /** Its path from the root of the repository. */
  file: string;
  start: number;
  end: number;
  replacement: string;
  /** What was done, such as `condition negated`. */
  kind: string;
};

/** A mutant by its content: it stays the same one when lines above it come and go. */
export type Described = { file: string; line: string; was: string; becomes: string };

/** Puts the fault into the source. */
export const applied = (source: string, { start, end, replacement }: Mutant): string =>
  source.slice(0, start) + replacement + source.slice(end);

/** Says what a mutant changes, in the line in which it begins. */
export function describe(source: string, mutant: Mutant): Described & { at: number } {
  const from = source.lastIndexOf("\n", mutant.start - 1) + 1;
  const to = source.indexOf("\n", mutant.start);
  return {
    file: mutant.file,
    at: source.slice(0, from).split("\n").length,
    line: source.slice(from, to === -1 ? undefined : to).trim(),
    was: inOneLine(source.slice(mutant.start, mutant.end)),
    becomes: inOneLine(mutant.replacement),
  };
}

const inOneLine = (text: string): string => text.trim().replace(/\s+/g, " ");

/** Numbers from 0 to below 1 that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws so many of them; the same seed draws the same, and they keep their order. */
export function sample<T>(all: readonly T[], size: number, seed: number): T[] {
  const random = seeded(seed);
  return all
    .map((one, index) => ({ one, index, drawn: random() }))
    .sort((a, b) => a.drawn - b.drawn)
    .slice(0, size)
    .sort((a, b) => a.index - b.index)
    .map(({ one }) => one);
}
