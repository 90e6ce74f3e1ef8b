import { Postrider } from "@postrider/sdk";

/** Opens the client that every example works with, on the service that the environment names. */
export function openPostrider(): Postrider {
  const { POSTRIDER_URL: url = "http://127.0.0.1:8080", POSTRIDER_API_KEY: apiKey } = process.env;
  if (!apiKey) return stop("Set POSTRIDER_API_KEY; npm start prints one.");
  try {
    return new Postrider({ url, apiKey, onReportError });
  } catch (error) {
    return stop(`POSTRIDER_URL or POSTRIDER_API_KEY: ${(error as TypeError).message}`);
  }
}

/** Says in one line why an example cannot run, and ends it. */
export function stop(why: string): never {
  console.error(`Error: ${why}`);
  process.exit(1);
}

/** A report that was not recorded stops no work; an example fails all the same. */
function onReportError(error: unknown): void {
  console.error(`not recorded: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
