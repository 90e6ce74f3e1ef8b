import picocolors from "picocolors";
import { type Cell, type Column, layTable } from "./table.ts";
import { dotsOf, outcomes, type Tone, type Word } from "./words.ts";

/** Whether the output is a terminal. */
export const isTerminal = (): boolean => process.stdout.isTTY === true;

/** Colours: on a terminal without NO_COLOR, and never into a pipe or a file. */
export const colors = picocolors.createColors(isTerminal() && picocolors.isColorSupported);

const paints: Readonly<Record<Tone, (text: string) => string>> = {
  ok: colors.green,
  wait: colors.yellow,
  bad: colors.red,
  idle: colors.dim,
};

/** The width of a line; undefined without a limit, as in a pipe. */
export const widthHere = (): number | undefined =>
  isTerminal() ? Math.max(20, process.stdout.columns ?? 80) : undefined;

/** Prints a line of the result. */
export const print = (line = ""): void => console.log(line);

/** Prints the JSON document of `--json`. */
export const printJson = (document: unknown): void =>
  console.log(JSON.stringify(document, null, isTerminal() ? 2 : undefined));

/** Prints a table that fits the terminal. */
export function printTable(columns: readonly Column[], rows: readonly (readonly Cell[])[]): void {
  const [head = "", ...lines] = layTable(columns, rows, widthHere());
  print(colors.dim(head));
  for (const line of lines) print(line);
}

/** A state as a cell: a word with a dot, so that the meaning does not depend on colour. */
export const stateCell = ({ word, tone }: Word): Cell => ({
  text: `● ${word}`,
  paint: paints[tone],
});

/** Attempts as a cell of dots. */
export const attemptsCell = (of: Parameters<typeof dotsOf>[0]): Cell => ({
  text: dotsOf(of),
  paint: paints[outcomes[of.status].tone],
});

/** A text in the colour of a tone. */
export const toned = (tone: Tone, text: string): string => paints[tone](text);

/** Prints names and values below each other, the values in one column; an empty value is left out. */
export function printFields(fields: readonly (readonly [name: string, value: string])[]): void {
  const shown = fields.filter(([, value]) => value !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, value] of shown) print(`${colors.dim(name.padEnd(width))}  ${value}`);
}

/** Prints a useful next command, separated from the result. */
export const printNext = (line: string): void => print(`\n${colors.dim(line)}`);

/** Says that a list is empty: that nothing matches its filter, or that there is nothing, and then what to do `first`. */
export function printEmptyList(
  noun: string,
  query: object,
  first: string,
  plural = `${noun}s`,
): void {
  const isFiltered = Object.keys(query).length > 0;
  print(isFiltered ? `No ${noun} matches.` : `No ${plural}.`);
  printNext(isFiltered ? `See all: postrider ${plural} list` : first);
}
