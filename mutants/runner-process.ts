import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { Answer, Request } from "./runner.ts";

/** Runs test files of a copy, one at a time, each within a time; starts anew after one that did not end. */
export type Runner = {
  /** Says that a source is another one now. */
  changed(file: string): void;
  run(test: string, msMax: number): Promise<Answer | "timed out">;
  /** Ends its process for good: what runs, and whatever it is asked later, fails. */
  close(): void;
};

/** Opens a runner; its process starts with the first test that it is asked to run. */
export function openRunner(directory: string, env: Record<string, string>): Runner {
  let child: Promise<ChildProcess> | undefined;
  const pending = new Set<string>();
  let closed = false;
  const refuseClosed = () => {
    if (closed) throw new Error("the runner is closed");
  };

  let pid: number | undefined;
  // The whole group: a test's process that is in an endless loop hears nothing else.
  const stop = () => {
    if (pid !== undefined) killGroup(pid);
    child = undefined;
  };
  process.once("exit", stop);

  const runOnce = async (test: string, msMax: number): Promise<Answer | "timed out"> => {
    refuseClosed();
    if (!child) pending.clear();
    child ??= start(directory, env, (started) => {
      pid = started;
    });
    const runner = await child;
    const request: Request = { test, changed: [...pending] };
    pending.clear();
    const answer = await ask(runner, request, msMax);
    refuseClosed();
    if (typeof answer !== "string") return answer;
    stop();
    if (answer === "timed out") return answer;
    return { ran: 0, failed: ["the process of the tests ended"], durationMs: 0 };
  };
  const ranNothing = (answer: Answer | "timed out") =>
    answer !== "timed out" && answer.ran === 0 && answer.failed.length === 0;

  return {
    changed: (file) => pending.add(file),
    async run(test, msMax) {
      const answer = await runOnce(test, msMax);
      if (!ranNothing(answer)) return answer;
      // A run without a test proves nothing: a fault would pass for one that nobody notices.
      stop();
      const again = await runOnce(test, msMax);
      if (ranNothing(again)) throw new Error(`${test} ran no test`);
      return again;
    },
    close() {
      closed = true;
      process.off("exit", stop);
      stop();
    },
  };
}

async function start(
  directory: string,
  env: Record<string, string>,
  onStart: (pid: number | undefined) => void,
): Promise<ChildProcess> {
  const child = fork(path.join(import.meta.dirname, "runner.ts"), [directory], {
    execArgv: ["--import", import.meta.resolve("tsx")],
    env: { ...process.env, ...env },
    // A group of its own, to be ended as a whole.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onStart(child.pid);
  const first = await hear(child, 120_000);
  if (first !== "ready") throw new Error("the process that runs the tests did not start");
  return child;
}

async function ask(child: ChildProcess, request: Request, msMax: number) {
  child.send(request);
  return (await hear(child, msMax)) as Answer | "timed out" | "ended";
}

/** Waits for the next message, the end of the process or the end of the time, whichever is first. */
async function hear(child: ChildProcess, msMax: number): Promise<unknown> {
  return await new Promise((resolve) => {
    const settle = (heard: unknown) => {
      clearTimeout(timer);
      child.off("message", settle).off("exit", onExit);
      resolve(heard);
    };
    const onExit = () => settle("ended");
    const timer = setTimeout(() => settle("timed out"), msMax);
    child.on("message", settle).on("exit", onExit);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
