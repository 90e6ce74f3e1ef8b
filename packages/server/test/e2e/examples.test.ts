import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Postrider } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
if (!hasRedis) {
  console.warn("examples/bullmq-worker.ts is not tested: there is no redis-server on the PATH.");
}

test("examples/workflow.ts gets its verified webhooks and leaves nothing behind", async () => {
  const service = await openService();
  const { code, output } = await service.run("workflow.ts");
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringMatching(
      /^(step \d .+ completed\n){2}workflow_run_(started|completed) {2}.+\nworkflow_run_(started|completed) {2}.+\n$/,
    ),
  });
  expect(await service.left()).toEqual({ workflows: 0, webhooks: 0, assistants: 0 });
});

test("examples/phone-call.ts gets its fourteen messages in order and leaves nothing behind", async () => {
  const service = await openService();
  const { code, output } = await service.run("phone-call.ts");
  const types = output.match(/^[a-z-]+(?= )/gm);
  expect({ code, types }).toEqual({
    code: 0,
    types: [
      ...["status-update", "status-update"],
      ...Array(3).fill("conversation-update"),
      "error",
      ...Array(2).fill("conversation-update"),
      "hang",
      ...Array(3).fill("conversation-update"),
      ...["status-update", "end-of-call-report"],
    ],
  });
  expect(await service.left()).toEqual({ workflows: 0, webhooks: 0, assistants: 0 });
});

test.skipIf(!hasRedis)(
  "examples/bullmq-worker.ts reports each attempt at a job as a run",
  async () => {
    const service = await openService();
    const { code, output } = await service.run("bullmq-worker.ts", {
      REDIS_URL: await openRedis(),
    });
    const runs = output.match(/^run \w{24} {2}.+$/gm)?.map((line) => line.slice(30));
    expect({ code, runs: runs?.sort() }).toEqual({
      code: 0,
      runs: [
        ...Array(3).fill("completed  Find a slot completed, Book it completed"),
        "failed  Find a slot completed, Book it failed",
      ],
    });
    expect(await service.left()).toEqual({ workflows: 0, webhooks: 0, assistants: 0 });
  },
);

test.each(["workflow.ts", "phone-call.ts", "bullmq-worker.ts"])(
  "examples/%s fails and says what is missing",
  async (file) => {
    const { code, output } = await runExample(file, { REDIS_URL: "redis://127.0.0.1:1" });
    expect(code).toBe(1);
    expect(output).toMatch(/^Error: (Set POSTRIDER_API_KEY|There is no Redis at 127.0.0.1:1)/m);
  },
);

/** A service with an empty database. */
async function openService() {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const apiKey = env.POSTRIDER_API_KEY ?? "";
  const { url } = await startService(["serve"], env);
  const postrider = new Postrider({ url, apiKey });
  return {
    run: (file: string, more: Record<string, string> = {}) =>
      runExample(file, { POSTRIDER_URL: url, POSTRIDER_API_KEY: apiKey, ...more }),
    left: async () => ({
      workflows: (await postrider.workflows.list()).total,
      webhooks: (await postrider.workflowWebhooks.list()).total,
      assistants: (await postrider.assistants.list()).total,
    }),
  };
}

async function runExample(file: string, env: Record<string, string>) {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", path.join(repository, "examples", file)],
    {
      cwd: repository,
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  const append = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", append);
  child.stderr.on("data", append);
  const [code] = await once(child, "close");
  return { code, output };
}

/** Starts a Redis of the test's own that keeps nothing. */
async function openRedis(): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-redis-"));
  const port = await freePort();
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", directory];
  const child = spawn("redis-server", settings, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  });
  let log = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    log += chunk;
    if (log.includes("Ready to accept connections")) break;
  }
  return `redis://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
