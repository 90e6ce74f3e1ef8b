import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import {
  apiOf,
  inBash,
  isRunning,
  newcomer,
  stopMsMax,
  threeCommands,
  within,
} from "../support/newcomer.ts";
import { runCommand } from "../support/process.ts";

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
  expect(second.output()).toContain("PostgreSQL was already running; using it");
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
  expect(busyPort).toBe(`Port ${port} is in use. Set PORT to another port.`);
  home.expectNothingRuns();
  const busyReceiver = await home.refused(["dev", "--receiver-port", port]);
  expect(busyReceiver).toMatch(new RegExp(`^Port ${port} for the receiver is taken; choose`));
  home.expectNothingRuns();

  const first = await home.dev();
  const busyDirectory = await home.refused(["dev", "--receiver-port", "0"]);
  expect(busyDirectory).toMatch(
    new RegExp(
      `^The data directory .* is in use by process ${first.child.pid}\\. Stop that process`,
    ),
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
  expect(service.output()).toContain("These settings do not allow a receiver on this machine: ");
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
