import { printBug, report } from "./lifetime.ts";
import { openProgram } from "./program.ts";

/** Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong setting. */
export async function main(argv: readonly string[]): Promise<void> {
  // Left to itself, node prints every member of an error that nobody caught.
  process.on("uncaughtException", (error) => {
    printBug(error);
    process.exit(1);
  });
  // Whoever reads what we print may have read enough: `postrider endpoints list | head -3`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(process.exitCode);
    throw error;
  });
  try {
    await openProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}
