import { parseArgs } from "node:util";
import { areas } from "./areas.ts";

/** What is to be tried. */
export type Options = {
  areas: string[];
  only: string[];
  kind: string;
  tests: string[];
  sample: number | undefined;
  seed: number;
  json: boolean;
  list: boolean;
};

const names = areas.map(({ name }) => name).join(",");

const usage = `usage: npm run mutants -- [options]

Makes small faults in a copy of the product, one at a time, runs those tests of the area that get to the place, and says
which faults nobody noticed. Exit code 1 when fewer than 90 % are noticed in an area.

  --area <…>     only these areas: ${names}
  --only <…>     only files whose path contains one of these
  --kind <text>  only faults whose kind contains it, such as "team predicate"
  --tests <…>    only test files whose path contains one of these: what does this test notice?
  --sample <n>   so many faults of each area, drawn by the seed; all without it
  --seed <n>     which are drawn (1)
  --list         print the faults and try none
  --json         print a JSON object instead of the table
  --help         print this

TypeScript: comparisons, boundaries, arithmetic, and ↔ or, conditions negated, guards and statements removed, constants and
words changed. SQL: predicates, locks and bounds removed, cut-offs and intervals moved. A fault that changes nothing
anybody could see stands in mutants/equivalent.json, with a reason.

Why not Stryker: version 9 asks TypeScript for an API that TypeScript 7 does not have, version 10 needs Node 22, and
neither knows SQL. Vitest's parser and a Vitest that stays warm are enough: a pure fault costs 0.3 s.`;

/** Reads the command line; ends the program when asked for help, or when something is wrong with it. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parse(args);
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const chosen = values.area?.split(",") ?? areas.map(({ name }) => name);
  const unknown = chosen.find((name) => !areas.some((area) => area.name === name));
  if (unknown !== undefined) throw refuse(`There is no area ${unknown}, but ${names}.`);
  return {
    areas: chosen,
    only: values.only?.split(",") ?? [],
    kind: values.kind ?? "",
    tests: values.tests?.split(",") ?? [],
    sample: values.sample === undefined ? undefined : wholeNumber("--sample", values.sample),
    seed: wholeNumber("--seed", values.seed),
    json: values.json,
    list: values.list,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        area: { type: "string" },
        only: { type: "string" },
        kind: { type: "string" },
        tests: { type: "string" },
        sample: { type: "string" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw refuse(`${name} is a whole number.`);
}

function refuse(message: string): never {
  console.error(`${message} See npm run mutants -- --help.`);
  process.exit(2);
}
