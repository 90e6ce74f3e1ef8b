import { readFileSync } from "node:fs";
import path from "node:path";
import { type Described, describe, type Mutant } from "./mutant.ts";

/** A fault that changes nothing anybody could see, and why. */
export type Equivalent = Described & { because: string };

/** Reads mutants/equivalent.json. */
export const readEquivalents = (): Equivalent[] =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, "equivalent.json"), "utf8"));

const keyOf = ({ file, line, was, becomes }: Described): string =>
  JSON.stringify([file, line, was, becomes]);

/** Takes listed mutants out; a listed one that no longer exists has to leave the list. */
export function withoutEquivalents(
  mutants: readonly Mutant[],
  sourceOf: (file: string) => string,
  listed: readonly Equivalent[],
): { left: Mutant[]; equivalent: Mutant[]; stale: Equivalent[] } {
  const keys = new Set(listed.map(keyOf));
  const found = new Set<string>();
  const isListed = (mutant: Mutant) => {
    const key = keyOf(describe(sourceOf(mutant.file), mutant));
    if (keys.has(key)) found.add(key);
    return keys.has(key);
  };
  const equivalent = mutants.filter(isListed);
  return {
    left: mutants.filter((mutant) => !equivalent.includes(mutant)),
    equivalent,
    stale: listed.filter((one) => !found.has(keyOf(one))),
  };
}
