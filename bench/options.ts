import { type ParseArgsConfig, parseArgs } from "node:util";

/** An option of one benchmark: what it means and what it is when it is not given. */
export type Option = { describes: string; default: string } | { describes: string; flag: true };

/** What every benchmark is told: how often to measure, and whether to print nothing but the figures. */
export type Given<Name extends string> = {
  rounds: number;
  json: boolean;
  text(name: Name): string;
  /** A whole number of at least 1; anything else ends the program with exit code 2. */
  count(name: Name): number;
  flag(name: Name): boolean;
};

/** What a benchmark says of itself. */
export type About<Name extends string> = {
  name: string;
  purpose: string;
  /** How many rounds unless told otherwise; 3 without it. */
  rounds?: number;
  options: Record<Name, Option>;
};

/** Reads the command line of a benchmark; prints the usage and ends the program when asked to, or when it is wrong. */
export function readOptions<Name extends string>(about: About<Name>): Given<Name> {
  const own = Object.entries<Option>(about.options);
  const all: [string, Option][] = [
    ...own,
    ["rounds", { describes: "how often to measure", default: String(about.rounds ?? 3) }],
    ["json", { describes: "print only the JSON line with the figures", flag: true }],
    ["help", { describes: "print this", flag: true }],
  ];
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ options: Object.fromEntries(all.map(descriptor)) }));
  } catch (error) {
    throw usageError(about.name, (error as Error).message);
  }
  if (values.help) {
    console.log(usage(about, all));
    process.exit(0);
  }
  const text = (name: string) => String(values[name]);
  const count = (name: string) => {
    if (/^[1-9]\d{0,8}$/.test(text(name))) return Number(text(name));
    throw usageError(about.name, `--${name} is a whole number of at least 1.`);
  };
  return {
    rounds: count("rounds"),
    json: values.json === true,
    text,
    count,
    flag: (name) => values[name] === true,
  };
}

/** Prints what is wrong with the command line and ends the program with exit code 2. */
export function usageError(name: string, message: string): never {
  console.error(`${message} See npm run bench -- ${name} --help.`);
  process.exit(2);
}

type Descriptor = NonNullable<ParseArgsConfig["options"]>[string];

const descriptor = ([name, option]: [string, Option]): [string, Descriptor] => [
  name,
  "flag" in option ? { type: "boolean" } : { type: "string", default: option.default },
];

function usage(about: About<string>, all: readonly [string, Option][]): string {
  const rows = all.map(([name, option]) => {
    const preset = "flag" in option ? "" : ` (${option.default})`;
    return `  --${name.padEnd(16)} ${option.describes}${preset}`;
  });
  return [`npm run bench -- ${about.name}: ${about.purpose}`, "", ...rows].join("\n");
}
