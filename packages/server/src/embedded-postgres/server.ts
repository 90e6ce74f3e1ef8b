import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Account, makeOwnDirectory, makeTraversable } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { query } from "./database.ts";
import { disownPidFile, type RunningServer, readPidFile } from "./pid-file.ts";
import { oneLine } from "./problem.ts";
import { isPostmasterOf, processStartedAt, serverEnvironment, waitForEnd } from "./process.ts";
import { lastProblemIn, openLog } from "./server-log.ts";
import { socketDirectoryOf } from "./socket-directory.ts";

const startMsMax = 120_000;
const stopMsMax = 30_000;
const stopImmediatelyMsMax = 15_000;
const pollMs = 50;

/** Finds a server that a killed owner left running; undefined when there is none. */
export async function adoptServer(dataDirectory: string): Promise<RunningServer | undefined> {
  const { pid } = readPidFile(dataDirectory);
  if (!(pid > 0)) return undefined;
  // A pid may belong to another program by now, or to a dead postmaster (a zombie): PostgreSQL treats both as alive.
  if (processStartedAt(pid) === undefined || !(await isPostmasterOf(pid, dataDirectory))) {
    disownPidFile(dataDirectory);
    return undefined;
  }
  const state = await waitUntilReady(pid, dataDirectory);
  if (state.kind === "ready") return state.server;
  if (state.kind === "ended") return undefined;
  throw new Error(
    `PostgreSQL runs in ${dataDirectory} as process ${pid} but does not answer. Stop that process and start again (${state.problem}).`,
  );
}

/** The options of a server's start besides its data directory. */
export type StartOptions = {
  binaries: Binaries;
  account: Account | undefined;
  settings: Record<string, string>;
  log: (line: string) => void;
  stop: AbortSignal | undefined;
};

/** Starts a server and waits until it answers; if it does not, it is stopped again. */
export async function startServer(
  dataDirectory: string,
  options: StartOptions,
): Promise<RunningServer> {
  const { account, binaries } = options;
  const socketDirectory = socketDirectoryOf(dataDirectory);
  makeOwnDirectory(socketDirectory, account);
  // Files that a killed server left here belong to no server, although its pid may belong to another program by now.
  for (const name of fs.readdirSync(socketDirectory)) fs.rmSync(path.join(socketDirectory, name));
  if (account) makeTraversable(path.dirname(socketDirectory), options.log);
  const settings = {
    ...options.settings,
    listen_addresses: "",
    port: "5432",
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
  };
  const logFile = `${dataDirectory}.log`;
  const output = openLog(logFile);
  const server = spawn(
    binaries.postgres,
    ["-D", dataDirectory, ...Object.entries(settings).map(([name, to]) => `--${name}=${to}`)],
    {
      ...account,
      cwd: dataDirectory,
      env: serverEnvironment,
      detached: true, // A session of its own: a terminal's Ctrl-C is for us, and we stop it in order.
      stdio: ["ignore", output, output],
    },
  );
  fs.closeSync(output);
  await once(server, "spawn");
  server.unref();

  const pid = server.pid as number;
  const state = await waitUntilReady(pid, dataDirectory, options.stop);
  if (state.kind === "ready") return state.server;
  if (state.kind === "silent") await stopServer({ pid, dataDirectory, socketDirectory });
  fs.rmSync(socketDirectory, { recursive: true, force: true });
  options.stop?.throwIfAborted();
  const problem = state.kind === "silent" ? state.problem : lastProblemIn(logFile);
  throw new Error(
    `PostgreSQL did not start in ${dataDirectory}. See ${logFile}, or set DATABASE_URL to a PostgreSQL server (${problem}).`,
  );
}

type Readiness =
  | { kind: "ready"; server: RunningServer }
  | { kind: "ended" }
  | { kind: "silent"; problem: string };

async function waitUntilReady(
  pid: number,
  dataDirectory: string,
  stop?: AbortSignal,
): Promise<Readiness> {
  const deadline = Date.now() + startMsMax;
  let problem = "it opened no socket";
  while (Date.now() < deadline && !stop?.aborted) {
    if (processStartedAt(pid) === undefined) return { kind: "ended" };
    const server = readPidFile(dataDirectory);
    if (server.pid === pid && server.socketDirectory !== "") {
      try {
        await query(server.socketDirectory, "select 1");
        return { kind: "ready", server };
      } catch (error) {
        problem = oneLine(error);
      }
    }
    await sleep(pollMs);
  }
  return { kind: "silent", problem };
}

/** Stops a server in fast mode, which rolls back transactions; if that hangs, in immediate mode, after which it recovers. */
export async function stopServer({ pid, dataDirectory }: RunningServer): Promise<void> {
  const steps = [
    { signal: "SIGINT", msMax: stopMsMax },
    { signal: "SIGQUIT", msMax: stopImmediatelyMsMax },
  ] as const;
  for (const { signal, msMax } of steps) {
    if (processStartedAt(pid) === undefined) return;
    if (!(await isPostmasterOf(pid, dataDirectory))) return; // It died, and the pid is another's.
    process.kill(pid, signal);
    if (await waitForEnd(pid, msMax)) return;
  }
  throw new Error(`PostgreSQL does not stop. End process ${pid} by hand, then start again.`);
}
