/** Draws numbers that depend on nothing but the seed and how many were drawn before. */
export type Random = {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
  /** A number between the two. */
  between(from: number, to: number): number;
  /** A whole number between the two, both included. */
  whole(from: number, to: number): number;
  /** True this often, from 0 to 1. */
  chance(share: number): boolean;
  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T;
  /** The list in another order. */
  shuffle<T>(list: readonly T[]): T[];
};

/** Opens the stream of numbers of a seed; streams of different names share nothing. */
export function openRandom(seed: number, name: string): Random {
  let state = hash(`${seed}/${name}`);
  // mulberry32: 32 bits of state, and good enough to choose disasters with.
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const random: Random = {
    next,
    between: (from, to) => from + next() * (to - from),
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (share) => next() < share,
    pick: (list) => list[Math.floor(next() * list.length)] as (typeof list)[number],
    shuffle(list) {
      const rest = [...list];
      return list.map(
        () => rest.splice(Math.floor(next() * rest.length), 1)[0] as (typeof list)[0],
      );
    },
  };
  return random;
}

/** FNV-1a over the text. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return value | 0;
}
