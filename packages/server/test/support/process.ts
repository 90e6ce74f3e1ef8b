import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const command = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));

/** The service as a process of its own, as an operator runs it. */
export type ServiceProcess = {
  url: string;
  child: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  /** Ends it as a power cut would; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Tells it to stop and waits for its exit code. */
  terminate(signal?: NodeJS.Signals): Promise<number | null>;
};

const startMsMax = 60_000;

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

/** Starts `postrider <command>` and waits until it says where it listens. */
export async function startService(
  args: readonly string[],
  env: Record<string, string>,
  cwd?: string,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [command, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });

  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no start within ${startMsMax} ms:\n${output}`)),
      startMsMax,
    );
    const read = (chunk: Buffer) => {
      output += chunk;
      const found = /"url":"(http[^"]+)"|API\s+(http\S+)/.exec(output);
      const [, fromLog, fromGreeting] = found ?? [];
      const url = fromLog ?? fromGreeting;
      if (url) resolve(url);
      if (url) clearTimeout(timer);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it was ready:\n${output}`));
    });
  });

  return {
    url,
    child,
    output: () => output,
    async kill9() {
      child.kill("SIGKILL");
      await ended;
    },
    async terminate(signal = "SIGTERM") {
      child.kill(signal);
      return await ended;
    },
  };
}
