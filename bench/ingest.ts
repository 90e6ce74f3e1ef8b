// npm run bench -- ingest [--facts 20000] [--connections 64] [--json]
//
// HTTP in → delivered → recorded, one fact a request, on the embedded PostgreSQL: half the facts start a run, half
// complete it; one subscription wants both. Prints accepted/s, delivered/s and where the CPU went.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { Pool } from "undici";
import { migrate } from "../packages/server/src/db/migrate.ts";
import { openEmbeddedPostgres } from "../packages/server/src/embedded-postgres/open.ts";
import { newId } from "../packages/server/src/ids.ts";

const { values } = parseArgs({
  options: {
    facts: { type: "string", default: "20000" },
    connections: { type: "string", default: "64" },
    json: { type: "boolean", default: false },
  },
});
const runs = Math.floor(Number(values.facts) / 2);
const connections = Number(values.connections);
const say = (line: string) => {
  if (!values.json) console.log(line);
};

const directory = mkdtempSync(path.join(tmpdir(), "postrider-bench-"));
say("starting PostgreSQL, the service and a receiver …");
const postgres = await openEmbeddedPostgres({ dataDirectory: path.join(directory, "postgres") });
await migrate(postgres.url);
const sink = fork(fileURLToPath(new URL("./sink.mjs", import.meta.url)), { silent: true });
const apiKey = "bench-key-of-sixteen-characters";
const service = spawn(
  process.execPath,
  [fileURLToPath(new URL("../packages/server/bin/postrider.js", import.meta.url)), "serve"],
  {
    env: {
      PATH: process.env.PATH ?? "",
      DATABASE_URL: postgres.url,
      POSTRIDER_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
      POSTRIDER_API_KEY: apiKey,
      POSTRIDER_ALLOW_HTTP: "1",
      POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
      // One key sends everything, as fast as it can.
      POSTRIDER_RATE_LIMIT: "0",
      HOST: "127.0.0.1",
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  },
);
try {
  const sinkUrl = `http://127.0.0.1:${await firstMatch(sink, /(\d+)/)}`;
  const serviceUrl = await firstMatch(service, /"url":"(http[^"]+)"/);
  const figures = await measure(serviceUrl, sinkUrl);
  if (values.json) console.log(JSON.stringify(figures));
  else print(figures);
} finally {
  // One that could not start is gone already.
  if (service.exitCode === null) {
    service.kill("SIGTERM");
    await new Promise((resolve) => service.once("exit", resolve));
  }
  sink.kill();
  await postgres.close();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(serviceUrl: string, sinkUrl: string) {
  const pool = new Pool(serviceUrl, { connections });
  const call = async (method: "POST" | "PATCH", route: string, body: object) => {
    const response = await pool.request({
      method,
      path: `/workflows/v1${route}`,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text}`);
  };
  const workflowId = newId();
  await call("POST", "/workflow-webhooks", {
    name: "bench",
    url: `${sinkUrl}/hook`,
    actions: ["workflow_run_started", "workflow_run_completed"],
  });
  await call("POST", "/workflows", { _id: workflowId, name: "Bench" });
  const filler = "x".repeat(400);
  const start = (id: string) =>
    call("POST", "/workflow-runs", {
      _id: id,
      workflow_id: workflowId,
      trigger: "manual",
      input: { filler },
    });
  const complete = (id: string) =>
    call("PATCH", `/workflow-runs/${id}`, { status: "completed", output: { filler } });

  await inLanes(
    Array.from({ length: 1_000 }, () => newId()),
    start,
  ); // Warm code, connections, caches.
  await delivered(1_000, sinkUrl);
  const ids = Array.from({ length: runs }, () => newId());

  const cpuBefore = cpuSeconds();
  const startedAt = performance.now();
  await inLanes(ids, start);
  await inLanes(ids, complete);
  const acceptedAt = performance.now();
  await delivered(1_000 + 2 * runs, sinkUrl);
  const deliveredAt = performance.now();
  const cpuAfter = cpuSeconds();
  const recorded = await countDelivered();
  await pool.close();

  const facts = 2 * runs;
  const perFact = (before: number, after: number) => Math.round(((after - before) / facts) * 1e6);
  return {
    facts,
    connections,
    acceptedPerSecond: Math.round(facts / ((acceptedAt - startedAt) / 1000)),
    deliveredPerSecond: Math.round(facts / ((deliveredAt - startedAt) / 1000)),
    recordedAsDelivered: recorded - 1_000,
    cpuMicrosecondsPerFact: {
      service: perFact(cpuBefore.service, cpuAfter.service),
      postgres: perFact(cpuBefore.postgres, cpuAfter.postgres),
      publisher: perFact(cpuBefore.publisher, cpuAfter.publisher),
      receiver: perFact(cpuBefore.receiver, cpuAfter.receiver),
    },
    cores: cpus().length,
  };
}

async function inLanes(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  const rest = ids.values();
  const lane = async () => {
    for (const id of rest) await work(id);
  };
  await Promise.all(Array.from({ length: connections }, lane));
}

/** Waits until the receiver has counted so many. */
async function delivered(count: number, sinkUrl: string): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (Number(await (await fetch(sinkUrl)).text()) < count) {
    if (performance.now() > deadline)
      throw new Error("not everything was delivered in two minutes");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function countDelivered(): Promise<number> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    for (let tries = 0; ; tries++) {
      const { rows } = await client.query(
        "select count(*) filter (where status = 'delivered')::int as done, count(*)::int as total from deliveries",
      );
      if (rows[0].done === rows[0].total || tries > 100) return rows[0].done;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await client.end();
  }
}

/** CPU seconds used so far, by part; from /proc, so on Linux only. */
function cpuSeconds() {
  const ofPid = (pid: number | undefined): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    // User and system time, with those of ended children (fields 14 to 17 of proc(5)), in hundredths of a second.
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / 100;
  };
  const postgresPids = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cwd/PG_VERSION`, "utf8") !== "" && cwdIsOurs(pid);
    } catch {
      return false;
    }
  });
  const { user, system } = process.cpuUsage();
  return {
    service: ofPid(service.pid),
    receiver: ofPid(sink.pid),
    postgres: postgresPids.reduce((sum, pid) => sum + ofPid(Number(pid)), 0),
    publisher: (user + system) / 1e6,
  };
}

function cwdIsOurs(pid: string): boolean {
  const ours = readFileSync(path.join(directory, "postgres", "postmaster.pid"), "utf8").split("\n");
  const [postmaster = ""] = ours;
  const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
  return pid === postmaster || parent === postmaster;
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const found = pattern.exec(output)?.[1];
      if (found) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}:\n${output}`)));
  });
}

function print(figures: Awaited<ReturnType<typeof measure>>): void {
  const { cpuMicrosecondsPerFact: cpu } = figures;
  console.log(
    `${figures.facts} facts over ${figures.connections} connections, ${figures.cores} cores`,
  );
  console.log(`accepted   ${figures.acceptedPerSecond}/s`);
  console.log(
    `delivered  ${figures.deliveredPerSecond}/s (${figures.recordedAsDelivered} recorded)`,
  );
  console.log("CPU per fact, accepted and delivered:");
  const most = Math.max(...Object.values(cpu));
  for (const [part, microseconds] of Object.entries(cpu)) {
    const bar = "█".repeat(Math.round((microseconds / most) * 40));
    console.log(`  ${part.padEnd(9)} ${String(microseconds).padStart(5)} µs ${bar}`);
  }
}
