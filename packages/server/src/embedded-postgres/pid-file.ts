import * as fs from "node:fs";
import path from "node:path";
import { codeOf } from "./problem.ts";

/** A server as its pid file describes it. */
export type RunningServer = { dataDirectory: string; pid: number; socketDirectory: string };

function pidFileOf(dataDirectory: string): string {
  return path.join(dataDirectory, "postmaster.pid");
}

/** Reads what PostgreSQL says about itself; pid 0 when it says nothing. */
export function readPidFile(dataDirectory: string): RunningServer {
  try {
    const lines = fs.readFileSync(pidFileOf(dataDirectory), "utf8").split("\n");
    return { dataDirectory, pid: Number(lines[0]), socketDirectory: lines[4] ?? "" };
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return { dataDirectory, pid: 0, socketDirectory: "" };
  }
}

/**
 * Makes a pid file stale whose pid now belongs to a stranger.
 *
 * PostgreSQL would refuse to start while that pid lives. Its parent's pid it takes for stale, and
 * then still looks for backends of the former server, which it could not if the file were gone.
 */
export function disownPidFile(dataDirectory: string): void {
  const file = pidFileOf(dataDirectory);
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace(/^.*/, String(process.pid)));
}
