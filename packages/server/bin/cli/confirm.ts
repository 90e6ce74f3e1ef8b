import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { ConfigError } from "../../src/config.ts";
import { StartError } from "../../src/start-error.ts";

/** Asks for confirmation, except with `--yes`. Without a terminal it refuses, and says what to type. */
export async function confirm(question: string, { yes }: { yes?: boolean }): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ConfigError(
      `${question} Nobody can be asked here, so nothing was done; type the same with --yes.`,
    );
  }
  const answer = await askLine(`${question} [y/N] `, { isHidden: false });
  return /^y(?:es)?$/i.test(answer.trim());
}

/** Asks on the terminal; `hidden`: the typed text is not shown. Throws a StartError at Ctrl-C and Ctrl-D. */
export async function askLine(
  question: string,
  { isHidden }: { isHidden: boolean },
): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = isHidden ? silent : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  if (isHidden) process.stderr.write(question);
  try {
    return await lines.question(isHidden ? "" : question);
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
    if (!isHidden) process.stderr.write("\n");
    throw new StartError("nothing was done", { cause: error });
  } finally {
    lines.close();
    if (isHidden) process.stderr.write("\n");
  }
}
