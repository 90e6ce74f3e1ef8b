import * as fs from "node:fs";
import path from "node:path";
import { codeOf } from "./problem.ts";

/** A server as its pid file describes it. */
export type RunningServer = { dataDirectory: string; pid: number; socketDirectory: string };

function pidFileOf(dataDirectory: string): string {
  return path.join(dataDirectory, "postmaster.pid");
}

/** Reads PostgreSQL's pid file; pid 0 when it has none. */
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
 * Marks a pid file as stale if its pid now belongs to another program.
 *
 * PostgreSQL would refuse to start while that pid exists. It treats its parent's pid as stale, and then still looks for
 * backends of the former server; without the file it could not.
 */
export function disownPidFile(dataDirectory: string): void {
  const file = pidFileOf(dataDirectory);
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace(/^.*/, String(process.pid)));
}
