import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const command = fileURLToPath(new URL("../packages/server/bin/postrider.js", import.meta.url));
const restartDelayMs = 200;
const pollMs = 50;

/** An end of a service process that nobody had asked for. */
export type UnaskedEnd = { code: number | null; signal: string | null; wasReady: boolean };

/** A service process that is started again whenever it ends. */
export type SupervisedService = {
  url: string;
  /** The process that runs now; undefined while none does. */
  readonly pid: number | undefined;
  /** Whether it answers, as far as is known. */
  readonly up: boolean;
  readonly unaskedEnds: readonly UnaskedEnd[];
  /** Sends a signal that ends it: it is started again. */
  end(signal: "SIGKILL" | "SIGTERM"): void;
  /** Stops it where it stands for so long. */
  freeze(forMs: number): Promise<void>;
  /** Waits until it answers. */
  ready(): Promise<void>;
  /** Ends it for good, in order; returns its exit code. */
  close(): Promise<number | null>;
};

export type SupervisorOptions = {
  port: number;
  env: Record<string, string>;
  logFile: string;
  onState: (up: boolean) => void;
};

/** Starts `postrider serve` on a port, and again whenever it ends. */
export function superviseService(options: SupervisorOptions): SupervisedService {
  const url = `http://127.0.0.1:${options.port}`;
  const log = openSync(options.logFile, "a");
  const unaskedEnds: UnaskedEnd[] = [];
  let child: ChildProcess | undefined;
  let ended = Promise.resolve<number | null>(null);
  let asked = false;
  let closing = false;
  let answered = false;
  let frozen = false;
  let up = false;

  const settle = () => {
    const now = answered && !frozen;
    if (now !== up) options.onState(now);
    up = now;
  };

  function start(): void {
    asked = false;
    const started = spawn(process.execPath, [command, "serve"], {
      env: { PATH: process.env.PATH ?? "", ...options.env, PORT: String(options.port) },
      stdio: ["ignore", log, log],
    });
    child = started;
    ended = new Promise((resolve) => {
      started.once("exit", (code, signal) => {
        if (!asked) unaskedEnds.push({ code, signal, wasReady: answered });
        child = undefined;
        answered = false;
        settle();
        if (!closing) setTimeout(start, restartDelayMs);
        resolve(code);
      });
    });
    waitUntilAnswers(started).catch(() => {});
  }

  async function waitUntilAnswers(started: ChildProcess): Promise<void> {
    while (child === started) {
      try {
        const { statusCode, body } = await request(`${url}/livez`, { headersTimeout: 1_000 });
        await body.dump();
        if (statusCode === 200 && child === started) {
          answered = true;
          settle();
          return;
        }
      } catch {
        // Not yet.
      }
      await sleep(pollMs);
    }
  }

  start();
  return {
    url,
    get pid() {
      return child?.pid;
    },
    get up() {
      return up;
    },
    unaskedEnds,
    end(signal) {
      asked = true;
      answered = false;
      settle();
      child?.kill(signal);
    },
    async freeze(forMs) {
      const frozenChild = child;
      if (!frozenChild) return;
      frozenChild.kill("SIGSTOP");
      frozen = true;
      settle();
      await sleep(forMs);
      frozenChild.kill("SIGCONT");
      frozen = false;
      settle();
    },
    async ready() {
      while (!up) await sleep(pollMs);
    },
    async close() {
      closing = true;
      asked = true;
      child?.kill("SIGCONT");
      child?.kill("SIGTERM");
      const timer = setTimeout(() => child?.kill("SIGKILL"), 30_000);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}
