import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { until } from "../support/house.ts";
import { openPostgres } from "../support/postgres-server.ts";

/** A PostgreSQL server of a test's own, to do to it what must not be done to the one that all tests share. */
export type OwnPostgres = {
  url: string;
  dataDirectory: string;
  /** Says whether it still runs: it stops itself when it cannot go on. */
  isRunning(): boolean;
  /** Starts it again after `stop` or `end`. */
  start(): Promise<void>;
  /** Ends it as an operator does. */
  stop(): Promise<void>;
  /** Ends it without a word: `SIGQUIT` is `pg_ctl stop -m immediate`, `SIGKILL` a machine that is gone. */
  end(signal: "SIGQUIT" | "SIGKILL"): Promise<void>;
};

/** Makes a directory that is removed after the test. */
export function ownDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-fire-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a server in this directory, filled before or not. */
export async function openOwnPostgres(
  dataDirectory: string,
  settings: Record<string, string> = {},
): Promise<OwnPostgres> {
  const open = () => openPostgres({ dataDirectory, settings });
  let server = await open();
  onTestFinished(() => server.close());
  return {
    url: server.url,
    dataDirectory,
    isRunning: () => {
      const pid = postmasterOf(dataDirectory);
      return pid !== undefined && isRunning(pid);
    },
    async start() {
      server = await open();
    },
    stop: () => server.close(),
    async end(signal) {
      const postmaster = postmasterOf(dataDirectory);
      if (postmaster === undefined) throw new Error("PostgreSQL does not run");
      const pids = signal === "SIGKILL" ? [postmaster, ...childrenOf(postmaster)] : [postmaster];
      for (const pid of pids) process.kill(pid, signal);
      await until("PostgreSQL is gone", () => pids.every((pid) => !isRunning(pid)));
      // What is left is the lock on the directory.
      await server.close();
    },
  };
}

/** The process id of the first of its processes; undefined when it has stopped and said so. */
function postmasterOf(dataDirectory: string): number | undefined {
  try {
    return Number(readFileSync(path.join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);
  } catch {
    return undefined;
  }
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);

/** A zombie runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
