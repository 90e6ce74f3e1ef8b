import { execFile, execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../../packages/server/test/support/postgres.ts";
import { productionEnvironment, startService } from "../../packages/server/test/support/process.ts";
import { tarballs } from "../pack.ts";
import { emptyFolder, install, installed, runIn } from "./folder.ts";
import { readyMs } from "./ready.ts";

const npx = execFileSync("bash", ["-c", 'realpath "$(command -v npx)"'], {
  encoding: "utf8",
}).trim();

test("from an empty folder, the tarballs alone make a first delivery within a minute", async () => {
  const startedAt = performance.now();
  const folder = emptyFolder();
  await install(folder, tarballs.server, tarballs.sdk);
  const installedAt = performance.now();

  const args = ["--no-install", "postrider", "dev", "--receiver-port", "0"];
  const service = await startService(args, { HOME: folder, PORT: "0" }, folder, npx);
  const [, commands = ""] = await service.printed(
    /paste these into another terminal\.\n\n([\s\S]*?)\n+Stop with Ctrl-C/,
  );
  for (const command of commands.split("\n\n")) {
    await promisify(execFile)("bash", ["-c", command], { cwd: folder });
  }
  await service.printed(/◀ POST \/hook {2}workflow_run_started {2}event_/);
  const seconds = (from: number) => ((performance.now() - from) / 1_000).toFixed(1);
  console.log(
    `tarballs to the first delivery: ${seconds(startedAt)} s, ${seconds(installedAt)} s of it after npm install`,
  );
  expect(performance.now() - startedAt).toBeLessThan(60_000);
  // npx ends by the signal itself, once everything that it started has ended.
  await service.pressCtrlC();
  expect(service.output()).toMatch(/postrider: stopped\n/);

  const { stdout: size } = await runIn(folder, "du", "-sm", "node_modules");
  const packed = Object.values(tarballs).map((file) => Math.round(statSync(file).size / 1024));
  console.log(
    `tarballs: ${packed.join(" + ")} KiB; node_modules: ${Number.parseInt(size, 10)} MiB`,
  );
});

test("the built serve answers readyz sooner than the sources do, over a running database", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const environment = productionEnvironment(database.url);
  const folder = await installed("--omit=optional", tarballs.server);
  const built = path.join(folder, "node_modules/postrider/bin/postrider.js");
  const sources = path.resolve(import.meta.dirname, "../../packages/server/bin/postrider.js");
  const before = await readyMs(sources, environment);
  const after = await readyMs(built, environment);
  console.log(`serve until readyz: ${before} ms from the sources, ${after} ms from the package`);
  // A quiet machine shows a quarter (ADR 31). Other work slows both.
  expect(after).toBeLessThan(before * 0.6);
});

test("the installed package holds its documents, its description and the licences of what it bundles", async () => {
  const folder = await installed("--omit=optional", tarballs.server);
  const within = path.join(folder, "node_modules/postrider");
  for (const file of [
    "README.md",
    "LICENSE",
    "LICENSES.txt",
    "docs/receiving.md",
    "openapi.json",
    "dashboard/licences.txt",
    "site/index.html",
    "site/licences.txt",
    "site/llms.txt",
    "site/errors.md",
    "site/api/swagger-ui-bundle.js",
  ]) {
    expect(statSync(path.join(within, file)).size, file).toBeGreaterThan(500);
  }
  const { stdout } = await runIn(folder, "npx", "--no-install", "postrider", "--version");
  const { stdout: version } = await runIn(
    folder,
    "npm",
    "pkg",
    "get",
    "version",
    "--prefix",
    within,
  );
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  expect(version).toContain(stdout.trim());
  // The bundle needs nothing beside it.
  const { stdout: listed } = await runIn(folder, "ls", "node_modules");
  expect(listed.trim()).toBe("postrider");
});

test.each(Object.values(tarballs))("publint and attw find nothing wrong with %s", async (file) => {
  const root = path.resolve(import.meta.dirname, "../..");
  const publint = await runIn(root, "npx", "--no-install", "publint", "run", "--strict", file);
  expect(publint, publint.stdout).toMatchObject({ code: 0 });
  // Import only by ESM: `require` finds the same files, from Node 20.19 on (environments.test.ts).
  const attw = await runIn(root, "npx", "--no-install", "attw", file, "--profile", "esm-only");
  expect(attw, attw.stdout).toMatchObject({ code: 0 });
});
