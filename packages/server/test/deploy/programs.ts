import { spawnSync } from "node:child_process";

/** A program that is not everywhere. Where it is missing its tests say so and are skipped; CI installs it. */
export type Program = {
  isThere: boolean;
  /** Why its tests are skipped. */
  missing: string;
  /** Runs it to its end. */
  run(args: readonly string[], input?: string): { code: number | null; output: string };
};

/** Looks for a program; `args` is what it answers with exit code 0. */
export function findProgram(name: string, args: readonly string[] = ["--version"]): Program {
  const run = (args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = spawnSync(name, args, {
      encoding: "utf8",
      timeout: 60_000,
      ...(input !== undefined && { input }),
    });
    return { code: status, output: `${stdout}${stderr}` };
  };
  const isThere = run(args).code === 0;
  return { isThere, missing: `there is no ${name} here`, run };
}
