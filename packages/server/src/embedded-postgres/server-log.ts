import * as fs from "node:fs";
import { oneLine } from "./problem.ts";

const logBytesMax = 10 * 1024 * 1024;

/** Opens the server's log for appending; one that has grown too long becomes `.log.1`. */
export function openLog(file: string): number {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > logBytesMax) fs.renameSync(file, `${file}.1`);
  return fs.openSync(file, "a", 0o600);
}

/** Finds the last error in a server's log. */
export function lastProblemIn(logFile: string): string {
  const lines = fs.readFileSync(logFile, "utf8").trimEnd().split("\n");
  const problem = lines.findLast((line) => /FATAL|PANIC|ERROR|error/.test(line)) ?? lines.at(-1);
  return oneLine(problem ?? "it left no message");
}
