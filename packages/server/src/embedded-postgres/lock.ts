import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "./problem.ts";
import { processStartedAt } from "./process.ts";

const pollMs = 50;

/**
 * Takes the data directory for this process, or throws when a living process has it.
 *
 * A pid may belong to another process by now, so the lock also has its holder's start time. It is read and replaced
 * inside a guard, because otherwise two processes could both take it.
 */
export async function acquireLock(dataDirectory: string): Promise<() => void> {
  const lock = `${dataDirectory}.lock`;
  const guard = `${lock}.guard`;
  const mine = JSON.stringify({ pid: process.pid, startedAt: processStartedAt(process.pid) });
  await enterGuard(guard);
  try {
    const holder = readLock(lock);
    if (holder && processStartedAt(holder.pid) === holder.startedAt) {
      throw new Error(
        `The data directory ${dataDirectory} is in use by process ${holder.pid}. Stop that process, or choose another data directory.`,
      );
    }
    fs.writeFileSync(lock, mine, { mode: 0o600 });
  } finally {
    fs.rmdirSync(guard);
  }
  return () => fs.rmSync(lock, { force: true });
}

async function enterGuard(guard: string): Promise<void> {
  const leftoverMs = 5_000; // It is held for one synchronous step, so an old one has lost its owner.
  for (;;) {
    try {
      fs.mkdirSync(guard);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const since = fs.statSync(guard, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > leftoverMs)
      fs.rmSync(guard, { recursive: true });
    await sleep(pollMs);
  }
}

function readLock(lock: string): { pid: number; startedAt: string } | undefined {
  try {
    return JSON.parse(fs.readFileSync(lock, "utf8"));
  } catch {
    return undefined; // Absent, or its writer was killed before it had written.
  }
}
