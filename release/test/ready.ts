import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { findFreePort } from "../../packages/server/test/support/ports.ts";

const starts = 3;
const lookEveryMs = 5;
const waitMsMax = 30_000;

/** Starts `serve` a few times; gives the median of the milliseconds from its start until `/readyz` answers 200. */
export async function readyMs(
  program: string,
  env: Record<string, string>,
  node = process.execPath,
): Promise<number> {
  const figures: number[] = [];
  for (let n = 0; n < starts; n++) figures.push(await readyOnceMs(program, env, node));
  return Math.round(figures.sort((a, b) => a - b)[Math.floor(starts / 2)] ?? 0);
}

async function readyOnceMs(
  program: string,
  env: Record<string, string>,
  node: string,
): Promise<number> {
  const port = await findFreePort();
  const startedAt = performance.now();
  const child = spawn(node, [program, "serve"], {
    env: { PATH: process.env.PATH ?? "", ...env, PORT: String(port) },
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  try {
    while (performance.now() - startedAt < waitMsMax && child.exitCode === null) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      if (answer?.status === 200) return performance.now() - startedAt;
      await pause(lookEveryMs);
    }
    throw new Error(`${program} serve was not ready within ${waitMsMax} ms (${child.exitCode})`);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}
