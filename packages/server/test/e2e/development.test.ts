import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { processStartedAt } from "../../src/embedded-postgres/process.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { runCommand, type ServiceProcess, startService } from "../support/process.ts";

const stopMsMax = 10_000;
const binary = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));

test("a newcomer has a first delivery within a minute, and Ctrl-C leaves nothing behind", {
  timeout: 120_000,
}, async () => {
  const home = newcomer();
  const startedAt = performance.now();
  const first = await home.dev();
  const [, key = "", team = ""] = await first.printed(
    /API key\s+(\S+)\n\s+Team\s+([0-9a-f]{24})\n/,
  );
  const statusFor = async (teamid: string) => {
    const headers = { authorization: `Bearer ${key}`, teamid };
    return (await fetch(`${first.url}/workflows/v1/workflows`, { headers })).status;
  };
  expect([await statusFor(team), await statusFor(team.replace(/^./, "f"))]).toEqual([200, 404]);
  const commands = await threeCommands(first);
  expect(commands).toHaveLength(3);
  for (const command of commands) expect(await inBash(command)).not.toHaveProperty("code");
  await first.printed(/◀ POST \/hook {2}workflow_run_started {2}event_/);
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`from an empty directory to the first delivery: ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(60);

  // What is on its way when Ctrl-C comes arrives: the terminal's signal does not reach PostgreSQL.
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const answer = receiver.hold();
  const api = apiOf(first);
  await api.post("/workflow-webhooks", {
    name: "slow",
    url: receiver.origin,
    actions: ["workflow_created"],
  });
  await api.post("/workflows", { name: "Discharge" });
  await receiver.received(1);
  const postgres = home.postgres();
  const stopped = within(stopMsMax, first.pressCtrlC());
  await unreachable(first);
  answer();
  expect(await stopped).toBe(0);
  home.expectNothingRuns(postgres);

  const second = await home.dev();
  expect(await keyOf(second)).toBe(await keyOf(first));
  expect(await apiOf(second).history()).toEqual([
    { action: "workflow_created", status: "delivered", attempts_count: 1 },
    { action: "workflow_run_started", status: "delivered", attempts_count: 1 },
  ]);
  expect(receiver.requests).toHaveLength(1);
  const again = home.postgres();
  expect(await within(stopMsMax, second.terminate("SIGTERM"))).toBe(0);
  home.expectNothingRuns(again);
});

test("a service killed with or without its PostgreSQL starts again where it was", {
  timeout: 120_000,
}, async () => {
  const home = newcomer();
  const first = await home.dev();
  await apiOf(first).post("/workflows", { name: "before" });
  const orphan = home.postgres();
  await first.kill9();
  expect(isRunning(orphan.pid)).toBe(true);

  const second = await home.dev();
  expect(home.postgres()).toEqual(orphan);
  expect(second.output()).toContain("found PostgreSQL running and took it over");
  expect(await apiOf(second).workflowNames()).toEqual(["before"]);
  await apiOf(second).post("/workflows", { name: "between" });
  await second.kill9();
  process.kill(orphan.pid, "SIGKILL");
  await expect.poll(() => isRunning(orphan.pid), { timeout: stopMsMax }).toBe(false);
  expect(home.postgres()).toEqual(orphan); // Its pid file is still there, and stale.

  const third = await home.dev();
  expect(await apiOf(third).workflowNames()).toEqual(["between", "before"]);
  const last = home.postgres();
  expect(last.pid).not.toBe(orphan.pid);
  expect(await within(stopMsMax, third.terminate("SIGINT"))).toBe(0);
  home.expectNothingRuns(last);
});

test("a taken port or data directory is refused in one sentence, and what was started is stopped", {
  timeout: 120_000,
}, async () => {
  const home = newcomer();
  const taken = await openReceiver();
  onTestFinished(() => taken.close());
  const { port } = new URL(taken.origin);

  const busyPort = await home.refused(["dev", "--receiver-port", "0"], { PORT: port });
  expect(busyPort).toBe(`Port ${port} is taken; set PORT to another one.`);
  home.expectNothingRuns();
  const busyReceiver = await home.refused(["dev", "--receiver-port", port]);
  expect(busyReceiver).toMatch(new RegExp(`^Port ${port} for the receiver is taken; choose`));
  home.expectNothingRuns();

  const first = await home.dev();
  const busyDirectory = await home.refused(["dev", "--receiver-port", "0"]);
  expect(busyDirectory).toMatch(
    new RegExp(`^The data directory .* is in use by process ${first.child.pid}: stop that one`),
  );
  expect(await apiOf(first).workflowNames()).toEqual([]);
  const postgres = home.postgres();
  expect(await within(stopMsMax, first.terminate("SIGTERM"))).toBe(0);
  home.expectNothingRuns(postgres);
});

test("a signal during the first start stops it, PostgreSQL included", {
  timeout: 120_000,
}, async () => {
  const home = newcomer();
  const ended = runCommand(["dev", "--receiver-port", "0"], home.env, home.directory, (child) => {
    const timer = setInterval(() => {
      if (!existsSync(home.pidFile)) return;
      clearInterval(timer);
      child.kill("SIGINT");
    }, 5);
  });
  expect((await ended).code).toBe(0);
  home.expectNothingRuns();
});

test("the printed commands work as printed, whatever settings changed them", {
  timeout: 120_000,
}, async () => {
  const home = newcomer("my data");
  const service = await home.dev({ POSTRIDER_API_KEY: 'it\'s-$HOME-"quoted"' });
  for (const command of await threeCommands(service)) {
    expect(await inBash(command)).not.toHaveProperty("code");
  }
  await service.printed(/◀ POST \/hook {2}workflow_run_started {2}event_/);
  const [, traffic = ""] = await service.printed(/Traffic of every kind: (.+)/);
  for (const command of traffic.split("; ")) {
    const played = await inBash(`${command} --count 1 --rate 50 --json`, home.directory);
    expect(played, command).toMatchObject({ played: 1, refused: 0 });
  }
  expect(await within(stopMsMax, service.terminate("SIGTERM"))).toBe(0);
});

test("no first delivery is printed that the settings refuse", { timeout: 60_000 }, async () => {
  const home = newcomer();
  const service = await home.dev({ POSTRIDER_ALLOW_HTTP: "0" });
  expect(service.output()).toContain("These settings refuse a receiver on this machine: ");
  expect(service.output()).not.toContain("curl");
  expect(await within(stopMsMax, service.terminate("SIGTERM"))).toBe(0);
});

test("npm start passes SIGTERM on: no service is left behind by a supervisor that knows npm only", {
  timeout: 60_000,
}, async () => {
  const data = mkdtempSync(path.join(tmpdir(), "postrider-npm-"));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  const npm = spawn("npm", ["start", "--", "--no-receiver"], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", PORT: "0", POSTRIDER_DATA_DIR: data },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => npm.once("exit", resolve));
  onTestFinished(() => void npm.kill("SIGKILL"));
  let printed = "";
  await new Promise<void>((resolve) => {
    npm.stdout.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes("Stop with Ctrl-C")) resolve();
    });
  });
  const lock = path.join(data, "postgres.lock");
  expect(existsSync(lock)).toBe(true);
  npm.kill("SIGTERM");
  await within(stopMsMax, ended);
  await expect.poll(() => existsSync(lock), { timeout: stopMsMax }).toBe(false);
});

/** A directory as somebody has it who tries Postrider for the first time. */
function newcomer(dataDirectory?: string) {
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
async function threeCommands(service: ServiceProcess): Promise<string[]> {
  const [, commands = ""] = await service.printed(
    /paste these into another terminal\.\n\n([\s\S]*?)\n+Stop with Ctrl-C/,
  );
  return commands.split("\n\n");
}

async function keyOf(service: ServiceProcess): Promise<string> {
  const [, key = ""] = await service.printed(/API key\s+(prk_\S+)/);
  return key;
}

/** Runs a command as it stands there, with `npx` as this checkout has it. */
async function inBash(command: string, cwd?: string): Promise<object> {
  const here = command.replace(/^npx postrider /, `node "${binary}" `);
  const { stdout } = await promisify(execFile)("bash", ["-c", here], { cwd });
  return JSON.parse(stdout);
}

function apiOf(service: ServiceProcess) {
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
async function unreachable(service: ServiceProcess): Promise<void> {
  const answers = () =>
    fetch(`${service.url}/livez`).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: stopMsMax }).toBe(false);
}

async function within<T>(msMax: number, work: Promise<T>): Promise<T> {
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

const isRunning = (pid: number): boolean => processStartedAt(pid) !== undefined;
