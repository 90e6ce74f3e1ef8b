import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A program of this folder in a process of its own, which answers questions. */
export type Child = {
  pid: number;
  /** Asks it to do something by name; resolves with its answer, rejects with its error or when it ends meanwhile. */
  ask<Answer>(name: string, input?: unknown): Promise<Answer>;
  close(): Promise<void>;
};

type Question = { id: number; name: string; input: unknown };
type Reply = { id: number; answer?: unknown; error?: string };

/** Starts a program beside this file. */
export function openChild(program: string): Child {
  const child = fork(new URL(program, import.meta.url), {
    execArgv: ["--import", "tsx"],
    serialization: "advanced",
    // Standard output belongs to the benchmark: its last line is the figures.
    stdio: ["ignore", 2, 2, "ipc"],
  });
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let questions = 0;
  child.on("message", ({ id, answer, error }: Reply) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(answer);
    else asked?.reject(new Error(error));
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`${program} ended with ${signal ?? `exit code ${code}`}`));
    }
    waiting.clear();
  });
  return {
    pid: child.pid ?? 0,
    ask: <Answer>(name: string, input?: unknown) =>
      new Promise<Answer>((resolve, reject) => {
        if (ended(child)) {
          reject(new Error(`${program} has ended`));
          return;
        }
        const id = questions++;
        waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
        child.send({ id, name, input } satisfies Question);
      }),
    async close() {
      if (ended(child)) return;
      // Its `disconnect` ends it in order; what hangs is killed.
      child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await once(child, "exit");
      clearTimeout(timer);
    },
  };
}

const ended = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

/** In the child: answers questions by these functions; `close` is called when the parent lets go or is gone. */
export function answerParent(
  answers: Record<string, (input: never) => Promise<unknown>>,
  close: () => Promise<void>,
): void {
  process.on("message", async ({ id, name, input }: Question) => {
    const reply = (answer: Reply) => {
      if (process.connected) process.send?.(answer);
    };
    try {
      const answer = answers[name];
      if (!answer) throw new Error(`${name} is not a question`);
      reply({ id, answer: await answer(input as never) });
    } catch (error) {
      reply({ id, error: (error as Error).stack ?? String(error) });
    }
  });
  process.on("disconnect", () => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
