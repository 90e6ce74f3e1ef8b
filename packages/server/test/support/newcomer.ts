import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { processStartedAt } from "../../src/embedded-postgres/process.ts";
import { runCommand, type ServiceProcess, startService } from "./process.ts";

/** A service that is asked to stop has stopped by then. */
export const stopMsMax = 10_000;
const binary = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));

/** A directory as somebody has it who tries Postrider for the first time. */
export function newcomer(dataDirectory?: string) {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-newcomer-"));
  const data = path.join(directory, dataDirectory ?? ".postrider");
  const pidFile = path.join(data, "postgres", "postmaster.pid");
  const env = { PORT: "0", ...(dataDirectory && { POSTRIDER_DATA_DIR: data }) };
  const postgres = () => {
    const [pid, , , , socket = ""] = readFileSync(pidFile, "utf8").split("\n");
    return { pid: Number(pid), socket };
  };
  onTestFinished(async () => {
    // Only a test that failed leaves a server.
    if (existsSync(pidFile) && isRunning(postgres().pid)) {
      const { pid } = postgres();
      process.kill(pid, "SIGQUIT");
      await expect.poll(() => isRunning(pid), { timeout: stopMsMax }).toBe(false);
    }
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    env,
    pidFile,
    /** The PostgreSQL of the data directory, as its pid file says. */
    postgres,
    async dev(more: Record<string, string> = {}) {
      const args = ["dev", "--receiver-port", "0"];
      const service = await startService(args, { ...env, ...more }, directory);
      await service.printed(/Stop with Ctrl-C/);
      return service;
    },
    /** Runs a command that must fail, and returns its one sentence. */
    async refused(args: readonly string[], more: Record<string, string> = {}) {
      const { code, stderr } = await runCommand(args, { ...env, ...more }, directory);
      expect(stderr).toMatch(/^postrider: [^\n]+\n$/);
      expect(code).toBe(1);
      return stderr.slice("postrider: ".length).trim();
    },
    expectNothingRuns(before?: { pid: number; socket: string }) {
      if (before) expect(isRunning(before.pid)).toBe(false);
      if (before) expect(existsSync(before.socket)).toBe(false);
      expect(existsSync(pidFile)).toBe(false);
      // No lock, no guard, no socket, nothing half made.
      expect(readdirSync(data).sort()).toEqual(
        expect.not.arrayContaining([expect.stringMatching(/lock|guard|socket|initialising/)]),
      );
    },
  };
}

/** The commands that the greeting asks to paste, exactly as they stand there. */
export async function threeCommands(service: ServiceProcess): Promise<string[]> {
  const [, commands = ""] = await service.printed(
    /paste these into another terminal\.\n\n([\s\S]*?)\n+Stop with Ctrl-C/,
  );
  return commands.split("\n\n");
}

export async function keyOf(service: ServiceProcess): Promise<string> {
  const [, key = ""] = await service.printed(/API key\s+(prk_\S+)/);
  return key;
}

/** Runs a command as it stands there, with `npx` as this checkout has it. */
export async function inBash(command: string, cwd?: string): Promise<object> {
  const here = command.replace(/^npx postrider /, `node "${binary}" `);
  const { stdout } = await promisify(execFile)("bash", ["-c", here], { cwd });
  return JSON.parse(stdout);
}

export function apiOf(service: ServiceProcess) {
  const request = async (route: string, init: RequestInit = {}) => {
    const response = await fetch(`${service.url}/workflows/v1${route}`, {
      ...init,
      headers: {
        authorization: `Bearer ${await keyOf(service)}`,
        "content-type": "application/json",
      },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text);
  };
  return {
    post: (route: string, body: object) =>
      request(route, { method: "POST", body: JSON.stringify(body) }),
    async history(): Promise<object[]> {
      const { events } = await request("/workflow-webhooks/events");
      return events.map(({ action, status, attempts_count }: Record<string, unknown>) => ({
        action,
        status,
        attempts_count,
      }));
    },
    async workflowNames(): Promise<string[]> {
      const { workflows } = await request("/workflows");
      return workflows.map(({ name }: { name: string }) => name);
    },
  };
}

/** Waits until a service that is being stopped takes no calls any more. */
export async function unreachable(service: ServiceProcess): Promise<void> {
  const answers = () =>
    fetch(`${service.url}/livez`).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: stopMsMax }).toBe(false);
}

export async function within<T>(msMax: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = pause(msMax, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not within ${msMax} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}

export const isRunning = (pid: number): boolean => processStartedAt(pid) !== undefined;
