import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startService } from "../../packages/server/test/support/process.ts";
import { tarballs } from "../pack.ts";
import { emptyFolder, install, write } from "./folder.ts";

const npx = execFileSync("bash", ["-c", 'realpath "$(command -v npx)"'], {
  encoding: "utf8",
}).trim();

const page = readFileSync(
  path.resolve(import.meta.dirname, "../../docs/tutorial/first-webhook.md"),
  "utf8",
);
const blocks = [...page.matchAll(/^```(\w+)(?: \[([^\]\n]+)\])?\n(.*?)^```$/gms)].map(
  ([, language = "", file, text = ""]) => ({ language, file, text }),
);
const commands = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const files = Object.fromEntries(
  blocks.flatMap(({ file, text }) => (file === undefined ? [] : [[file, text]])),
);

test("the tutorial, typed as it stands there, ends with two webhooks that are verified and a forged one that is not", async () => {
  const folder = emptyFolder();
  const [installing = "", starting = "", ...typed] = commands;
  expect(installing).toContain("npm install postrider @postrider/sdk");
  await install(folder, tarballs.server, tarballs.sdk);
  write(folder, files);

  // Its ports may be taken on a machine of tests.
  expect(starting).toBe("npx postrider dev\n");
  const args = ["--no-install", "postrider", "dev", "--receiver-port", "0"];
  const service = await startService(args, { HOME: folder, PORT: "0" }, folder, npx);
  const [, key = ""] = await service.printed(/API key\s+(prk_\S+)/);

  const script = typed
    .join("\n")
    .replace("http://127.0.0.1:8080", service.url)
    .replace("prk_dev_…", key);
  expect(script).toContain(key);
  // The shell stays, as a reader's does, so that the receiver goes on.
  const shell = spawn("bash", ["-c", `set -eu\n${script}\necho typed\nwait`], {
    cwd: folder,
    detached: true,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(async () => {
    if (shell.exitCode !== null || shell.pid === undefined) return;
    const ended = once(shell, "exit");
    process.kill(-shell.pid, "SIGKILL");
    await ended;
  });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await expect.poll(() => output, { timeout: 60_000 }).toMatch(/^typed$/m);
  const lines = () => output.match(/^verified: \w+ event_\S+$/gm) ?? [];
  await expect.poll(() => lines().length, { timeout: 20_000 }).toBe(2);
  expect(lines().join("\n")).toMatch(/workflow_run_started/);
  expect(lines().join("\n")).toMatch(/workflow_run_completed/);
  expect(output).toMatch(/^401$/m);
  await service.pressCtrlC();
});
