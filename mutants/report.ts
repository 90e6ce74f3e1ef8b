import type { Verdict } from "./judge.ts";
import { describe, type Mutant } from "./mutant.ts";

/** A fault with what the tests made of it; `equivalent` was not tried. */
export type Judged = { area: string; mutant: Mutant; verdict: Verdict | { kind: "equivalent" } };

/** What became of an area's faults, as numbers. */
export type Figures = {
  area: string;
  mutants: number;
  noticed: number;
  timedOut: number;
  survived: number;
  equivalent: number;
  broken: number;
  /** Of those that change something: how many were noticed, a time-out being noticed as well. */
  percent: number;
};

/** At least so many of an area's faults have to be noticed. */
export const percentMin = 90;

/** Adds up what became of the faults of each area. */
export function figuresOf(judged: readonly Judged[]): Figures[] {
  return [...new Set(judged.map(({ area }) => area))].map((area) => {
    const own = judged.filter((one) => one.area === area);
    const count = (kind: string) => own.filter(({ verdict }) => verdict.kind === kind).length;
    const [noticed, timedOut, survived] = [count("noticed"), count("timed out"), count("survived")];
    const tried = noticed + timedOut + survived;
    return {
      area,
      mutants: own.length,
      noticed,
      timedOut,
      survived,
      equivalent: count("equivalent"),
      broken: count("broken"),
      percent: tried === 0 ? 100 : Math.floor((1_000 * (noticed + timedOut)) / tried) / 10,
    };
  });
}

/** Writes one line for each area. */
export function table(figures: readonly Figures[]): string {
  const head = ["area", "mutants", "noticed", "timed out", "survived", "equivalent", "broken", "%"];
  const rows = figures.map((one) => [
    one.area,
    one.mutants,
    one.noticed,
    one.timedOut,
    one.survived,
    one.equivalent,
    one.broken,
    one.percent.toFixed(1),
  ]);
  return [head, ...rows]
    .map((row) =>
      row.map((cell, n) => (n === 0 ? `${cell}`.padEnd(11) : `${cell}`.padStart(11))).join(""),
    )
    .join("\n");
}

/** Says in one line what a fault is. */
export function lineOf(mutant: Mutant, source: string): string {
  const { file, at, was, becomes, line } = describe(source, mutant);
  return `${file}:${at}  ${mutant.kind}: ${was} → ${becomes === "" ? "nothing" : becomes}   in: ${line}`;
}
