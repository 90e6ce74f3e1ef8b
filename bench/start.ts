// npm run bench -- start [--program packages/server/dist/bin/postrider.js] [--rounds 20] [--json]
//
// How long `serve` takes from its start until /readyz answers 200, over a database that runs and has this version's
// schema; and the processor time it has used by then, which says more on a machine that has other work. Each round is one
// start. Build the package first (npm run build); with --program, the sources or another build.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findFreePort } from "../packages/server/test/support/ports.ts";
import { median, quantile, table, verdict } from "./chart.ts";
import { cpuSecondsOfTree } from "./cpu.ts";
import { readOptions } from "./options.ts";
import { openReport } from "./report.ts";
import { inWorld, openPostgres } from "./world.ts";

/** What the median must not exceed. */
const targetMs = 500;
const lookEveryMs = 4;
const waitMsMax = 30_000;

const options = readOptions({
  name: "start",
  purpose: "from the start of serve until /readyz answers 200",
  rounds: 20,
  options: {
    program: {
      describes: "what to start; several, with commas, take turns",
      default: "packages/server/dist/bin/postrider.js",
    },
  },
});
const report = openReport("start", options);
const root = fileURLToPath(new URL("..", import.meta.url));

type Start = { readyMs: number; cpuMs: number };

await inWorld(async (world) => {
  report.say("starting PostgreSQL …");
  const postgres = await openPostgres(world);
  const databaseUrl = await postgres.newDatabase("start");
  const programs = options
    .text("program")
    .split(",")
    .map((name) => ({ name, starts: [] as Start[] }));
  // The first start reads the files from the disk, and is not counted.
  for (const { name } of programs) await startOnce(name, databaseUrl);
  for (let round = 1; round <= options.rounds; round++) {
    for (const { name, starts } of programs) starts.push(await startOnce(name, databaseUrl));
  }
  const results = programs.map(({ name, starts }) => {
    const ready = starts.map(({ readyMs }) => readyMs);
    const readyMs = median(ready);
    return {
      name,
      readyMs,
      smallestMs: Math.min(...ready),
      p90Ms: quantile(ready, 0.9),
      cpuMs: median(starts.map(({ cpuMs }) => cpuMs)),
      met: readyMs <= targetMs,
    };
  });
  const rows = results.map(({ name, readyMs, smallestMs, p90Ms, cpuMs, met }) => [
    name,
    ...[readyMs, smallestMs, p90Ms, cpuMs].map((ms) => `${Math.round(ms)} ms`),
    verdict(met),
  ]);
  const head = ["program", "ready", "smallest", "p90", "CPU", `ready ≤ ${targetMs} ms`];
  for (const line of table(head, rows)) report.say(line);
  report.finish({ rounds: options.rounds, targetMs, results });
});

async function startOnce(program: string, databaseUrl: string): Promise<Start> {
  const port = await findFreePort();
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [path.resolve(root, program), "serve"], {
    env: {
      PATH: process.env.PATH ?? "",
      DATABASE_URL: databaseUrl,
      POSTRIDER_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64"),
      HOST: "127.0.0.1",
      PORT: String(port),
    },
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  try {
    while (performance.now() - startedAtMs < waitMsMax && child.exitCode === null) {
      if ((await statusOf(port)) === 200) {
        const readyMs = performance.now() - startedAtMs;
        return { readyMs, cpuMs: cpuSecondsOfTree(child.pid ?? 0) * 1_000 };
      }
      await pause(lookEveryMs);
    }
    throw new Error(`${program} was not ready within ${waitMsMax} ms (${child.exitCode})`);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** The status of /readyz; undefined while nobody listens. */
function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asking = request({ host: "127.0.0.1", port, path: "/readyz", agent: false });
    asking.on("error", () => resolve(undefined));
    asking.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asking.end();
  });
}
