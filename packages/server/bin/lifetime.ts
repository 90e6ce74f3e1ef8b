import { CommanderError } from "commander";
import { ConfigError } from "../src/config.ts";
import { describeThrown } from "../src/log.ts";
import { StartError } from "../src/start-error.ts";

export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    console.error(`postrider: ${error.message}`);
    return 2;
  }
  if (error instanceof StartError) console.error(`postrider: ${error.message}`);
  else printBug(error);
  return 1;
}

/** Prints a bug: an error without a sentence of its own. The stack is needed, but its text and members may quote a secret. */
export function printBug(error: unknown): void {
  const { stack = "", ...described } = describeThrown(error);
  console.error(`postrider: unexpected error: ${JSON.stringify(described)}\n${stack}`);
}

/** How long a stalled process may take to stop in order. */
const hopelessMsMax = 10_000;

/**
 * Opens, waits for a signal, and closes in order; a second signal ends the process at once.
 *
 * A service that is stalled for good ends too, with exit code 1, so that its supervisor restarts it.
 *
 * A signal during the start cancels the start in order: if it ended at once, its PostgreSQL would keep running.
 */
export async function runUntilSignal(
  stopping: string,
  open: (stop: AbortSignal, onHopeless: (reason: string) => void) => Promise<() => Promise<void>>,
): Promise<void> {
  const stop = new AbortController();
  let exitCode = 0;
  let onHopeless = (_reason: string) => {};
  const signal = new Promise<void>((resolve) => {
    onSignal(stopping, () => {
      stop.abort();
      resolve();
    });
    onHopeless = (reason) => {
      exitCode = 1;
      say(
        `${reason} The database answers, so this process ends. Another process takes over its deliveries.`,
      );
      setTimeout(() => process.exit(exitCode), hopelessMsMax);
      resolve();
    };
  });
  try {
    const close = await open(stop.signal, (reason) => onHopeless(reason));
    await signal;
    await close();
    say("stopped");
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    if (error !== stop.signal.reason) process.exit(report(error));
    say("stopped before it was ready");
  }
  process.exit(exitCode);
}

/** Prints a line and calls `stop` at the first signal; a second one ends the process at once. */
export function onSignal(stopping: string, stop: () => void): void {
  let told = false;
  const once = () => {
    if (told) {
      say("second stop signal: ending at once");
      process.exit(130);
    }
    told = true;
    say(stopping);
    stop();
  };
  process.on("SIGINT", once);
  process.on("SIGTERM", once);
}

/** Prints a line for people on standard error; results go to standard output. */
export const say = (line: string): void => console.error(`postrider: ${line}`);
