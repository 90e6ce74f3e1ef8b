import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { FaultPoint } from "../../src/fault-points.ts";

const command = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));
const faultyCommand = fileURLToPath(new URL("./faulty-postrider.js", import.meta.url));

/** The service as a process of its own, as an operator runs it. */
export type ServiceProcess = {
  url: string;
  child: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  /** Waits until what it printed matches, and returns the match. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it as a power cut would; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Tells it to stop and waits for its exit code. */
  terminate(signal?: NodeJS.Signals): Promise<number | null>;
  /** Does what Ctrl-C does in a terminal: every process of its group gets SIGINT. Waits for the exit code. */
  pressCtrlC(): Promise<number | null>;
};

/** A process that came to its end, and how. */
export type EndedProcess = { signal: NodeJS.Signals | null; output: string };

/** A command that came to its end. */
export type EndedCommand = { code: number | null; stdout: string; stderr: string };

const waitMsMax = 60_000;

/** The settings a production process needs, on a port of its own and with receivers on loopback allowed. */
export function productionEnvironment(databaseUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    POSTRIDER_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
    POSTRIDER_API_KEY: "an-operator-key-for-tests",
    POSTRIDER_ALLOW_HTTP: "1",
    POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
    HOST: "127.0.0.1",
    PORT: "0",
  };
}

/** Starts `postrider <args>`, or another program, and waits until it says where it listens. */
export async function startService(
  args: readonly string[],
  env: Record<string, string>,
  cwd?: string,
  program?: string,
): Promise<ServiceProcess> {
  return await whenReady(start(args, env, cwd, program));
}

/** What is to become of a process when it comes to a fault point (the `nth` time, with this delivery). */
export type FaultOrder = {
  point: FaultPoint;
  /** `die`: kill -9; `stall`: SIGSTOP; `hurry`: its clock goes eight times as fast from then on. */
  fault: "die" | "stall" | "hurry";
  nth?: number;
  deliveryId?: string;
};

/** Starts `postrider <args>` with a fault armed; `ready` rejects when it dies before it listens. */
export function startFaulty(
  order: FaultOrder,
  args: readonly string[],
  env: Record<string, string>,
): { ready: Promise<ServiceProcess>; ended: Promise<EndedProcess> } {
  const started = start([JSON.stringify(order), ...args], env, undefined, faultyCommand);
  const { child, ended, text } = started;
  const ready = whenReady(started);
  ready.catch(() => {});
  return {
    ready,
    ended: ended.then(() => ({ signal: child.signalCode, output: text() })),
  };
}

async function whenReady({ child, ended, text }: Started): Promise<ServiceProcess> {
  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${why} ${pattern}:\n${text()}`));
      const timer = setTimeout(() => fail(`not within ${waitMsMax} ms:`), waitMsMax);
      const look = () => {
        const found = pattern.exec(text());
        if (!found) return;
        clearTimeout(timer);
        resolve(found);
      };
      child.stdout?.on("data", look);
      child.stderr?.on("data", look);
      ended.then((code) => {
        clearTimeout(timer);
        fail(`ended with ${code} before`);
      });
      look();
    });
  const [, fromLog, fromGreeting] = await printed(/"url":"(http[^"]+)"|API\s+(http\S+)/);

  return {
    url: fromLog ?? fromGreeting ?? "",
    child,
    output: text,
    printed,
    async kill9() {
      child.kill("SIGKILL");
      await ended;
    },
    async terminate(signal = "SIGTERM") {
      child.kill(signal);
      return await ended;
    },
    async pressCtrlC() {
      process.kill(-(child.pid as number), "SIGINT");
      return await ended;
    },
  };
}

/** Runs `postrider <args>` to its end; `onStart` gets the process while it runs. */
export async function runCommand(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<EndedCommand> {
  const { child, ended } = start(args, env, cwd);
  onStart(child);
  const read = (stream: NodeJS.ReadableStream | null) => {
    let text = "";
    stream?.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    return () => text;
  };
  const [stdout, stderr] = [read(child.stdout), read(child.stderr)];
  const code = await ended;
  return { code, stdout: stdout(), stderr: stderr() };
}

type Started = {
  child: ChildProcess;
  ended: Promise<number | null>;
  text: () => string;
};

function start(
  args: readonly string[],
  env: Record<string, string>,
  cwd: string | undefined,
  program = command,
): Started {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // A process group of its own, as a shell gives it.
    ...(cwd === undefined ? {} : { cwd }),
  });
  let output = "";
  const append = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", append);
  child.stderr.on("data", append);
  // Not "exit": what it printed last may still be on its way.
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });
  return { child, ended, text: () => output };
}
