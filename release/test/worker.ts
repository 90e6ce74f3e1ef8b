import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { onTestFinished } from "vitest";
import { findFreePort } from "../../packages/server/test/support/ports.ts";
import { write } from "./folder.ts";
import { programs } from "./programs.ts";

const waitMsMax = 20_000;

/** Runs a worker in workerd, bundled as wrangler does it; gives its URL. */
export async function openWorker(
  folder: string,
  file: string,
  bindings: Readonly<Record<string, string>>,
): Promise<string> {
  const bundle = await build({
    absWorkingDir: folder,
    entryPoints: [file],
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    outfile: path.join(folder, "bundle.js"),
    logLevel: "error",
  });
  if (bundle.warnings.length > 0) throw new Error(JSON.stringify(bundle.warnings));
  const port = await findFreePort();
  const bound = Object.entries(bindings).map(
    ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`,
  );
  write(folder, {
    "worker.capnp": `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "bundle.js")],
  compatibilityDate = "2026-11-01",
  bindings = [${bound.join(", ")}],
);
`,
  });
  const child = spawn(programs.workerd, ["serve", "worker.capnp"], { cwd: folder, stdio: "pipe" });
  const ended = once(child, "close");
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const giveUpAt = performance.now() + waitMsMax;
  while (!(await fetch(`${url}/received`).catch(() => undefined))?.ok) {
    if (performance.now() > giveUpAt || child.exitCode !== null) {
      throw new Error(`workerd did not answer:\n${output}`);
    }
    await pause(50);
  }
  return url;
}
