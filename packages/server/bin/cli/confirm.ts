import { createInterface } from "node:readline/promises";
import { ConfigError } from "../../src/config.ts";

/** Asks before something is done; with `--yes` it does not. Where nobody can answer it refuses, and says what to type. */
export async function confirm(question: string, { yes }: { yes?: boolean }): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ConfigError(
      `${question} Nobody can be asked here, so nothing was done; type the same with --yes.`,
    );
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
