import { printBug, report } from "./lifetime.ts";
import { openProgram } from "./program.ts";

/** Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. */
export async function main(argv: readonly string[]): Promise<void> {
  // By default, Node prints every member of an uncaught error, which may contain secrets.
  process.on("uncaughtException", (error) => {
    printBug(error);
    process.exit(1);
  });
  // The reader of the output may close it early: `postrider endpoints list | head -3`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode);
    throw error;
  });
  try {
    await openProgram(argv[2]).parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}
