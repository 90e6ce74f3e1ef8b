import { cpus, loadavg, release } from "node:os";

/** Where a benchmark's words go: progress meanwhile, the figures as one JSON line at the very end. */
export type Report = {
  /** Prints a line for a person: standard output, or standard error when only the figures are wanted there. */
  say(line?: string): void;
  /** Prints the figures as the last line, with the machine they were taken on. */
  finish(figures: object): void;
};

/** Opens the report of one benchmark. The load average before it began tells how quiet the machine was. */
export function openReport(name: string, options: { json: boolean }): Report {
  const loadBefore = loadavg()[0] ?? 0;
  return {
    say: (line = "") => (options.json ? console.error(line) : console.log(line)),
    finish(figures) {
      const machine = {
        cores: cpus().length,
        cpu: cpus()[0]?.model ?? "",
        kernel: release(),
        node: process.version,
        loadBefore,
      };
      console.log(JSON.stringify({ benchmark: name, ...figures, machine }, rounded));
    },
  };
}

/** No figure here is known to more than five digits. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
