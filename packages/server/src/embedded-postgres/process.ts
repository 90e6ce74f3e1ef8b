import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { codeOf } from "./problem.ts";

const pollMs = 50;

/** When a process started, in the system's own notation; undefined when it is not running. */
export function processStartedAt(pid: number): string | undefined {
  if (fs.existsSync("/proc/self/stat")) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
    return "unknown";
  } catch (error) {
    return codeOf(error) === "EPERM" ? "unknown" : undefined;
  }
}

/** Whether a process is the postmaster of a data directory; true if that cannot be found out. */
export async function isPostmasterOf(pid: number, dataDirectory: string): Promise<boolean> {
  try {
    const command = fs.existsSync("/proc/self/cmdline")
      ? fs.readFileSync(`/proc/${pid}/cmdline`, "utf8")
      : (await run("ps", ["-ww", "-o", "command=", "-p", String(pid)])).stdout;
    return command.includes("postgres") && command.includes(dataDirectory);
  } catch {
    return processStartedAt(pid) !== undefined;
  }
}

/** Waits for a process to end; false when it still runs after `msMax`. */
export async function waitForEnd(pid: number, msMax: number): Promise<boolean> {
  const deadline = Date.now() + msMax;
  while (processStartedAt(pid) !== undefined) {
    if (Date.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}

/** Runs a program to its end; rejects with its `stderr` when it fails. */
export const run = promisify(execFile);

/** The environment of the server's processes, without this process's variables. */
export const serverEnvironment = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };
