import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU seconds that a process and all processes below it have used, those that have ended and were waited for included.
 *
 * From /proc, in hundredths of a second, so on Linux only; 0 for a process that is gone.
 */
export function cpuSecondsOfTree(root: number): number {
  const processes = readProcesses();
  const below = new Map<number, number[]>();
  for (const [pid, { parent }] of processes) {
    below.set(parent, [...(below.get(parent) ?? []), pid]);
  }
  const sum = (pid: number): number =>
    (processes.get(pid)?.seconds ?? 0) +
    (below.get(pid) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(root);
}

/** CPU seconds that this process has used itself, to the microsecond. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function readProcesses(): Map<number, { parent: number; seconds: number }> {
  const processes = new Map<number, { parent: number; seconds: number }>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // What follows the command's name, which may hold anything: state, parent, …; times are fields 14 to 17 of proc(5).
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = text.slice(text.lastIndexOf(") ") + 2).split(" ");
      const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
      processes.set(Number(name), { parent: Number(fields[1]), seconds: ticks / 100 });
    } catch {
      // It has ended in between.
    }
  }
  return processes;
}
