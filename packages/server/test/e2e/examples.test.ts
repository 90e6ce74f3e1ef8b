import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Postrider } from "@postrider/sdk";
import { decodeSecret, encodeSecret, sign } from "@postrider/sdk/sign";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver as openExampleReceiver } from "../../../../examples/receiver.ts";
import { openReceiver, type Receiver } from "../support/http-receiver.ts";
import { findFreePort } from "../support/ports.ts";
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

test("examples/any-queue.ts reports each attempt at a job as a run and leaves nothing behind", async () => {
  const service = await openService();
  const { code, output } = await service.run("any-queue.ts");
  const runs = output.match(/^run \w{24} {2}\w+$/gm)?.map((line) => line.slice(30));
  expect({ code, runs: runs?.sort() }).toEqual({
    code: 0,
    runs: ["completed", "completed", "failed"],
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

test.skipIf(!hasRedis)(
  "a BullMQ worker that is killed in the middle of two jobs and started again does all work, and nothing is told twice",
  { timeout: 120_000 },
  async () => {
    const service = await openService();
    const receiver = await openReceiver();
    onTestFinished(() => receiver.close());
    await service.subscribe(receiver.origin);
    const env = { REDIS_URL: await openRedis(), BOOKINGS: "monday" };

    // Steps of three seconds: it is killed in the middle of the second ones.
    const first = service.start("bullmq-worker.ts", { ...env, WORK_MS: "3000" });
    await Promise.all([0, 1].map((n) => first.printed(`job booking-${n}  Book it\n`)));
    first.child.kill("SIGKILL");
    expect((await first.ended).output).not.toContain("booking-2");
    expect(await service.runStatuses()).toEqual(["started", "started"]);

    const { code, output } = await service.start("bullmq-worker.ts", env).ended;
    const runs = output.match(/^run \w{24} {2}.+$/gm)?.map((line) => line.slice(30));
    expect({ code, runs: runs?.sort(), lost: output.match(/^not recorded.*$/gm) }).toEqual({
      code: 0,
      runs: [
        ...Array(3).fill("completed  Find a slot completed, Book it completed"),
        "failed  Find a slot completed, Book it failed",
      ],
      lost: null,
    });
    // Three bookings and one that failed: two steps each, two events a step and two a run, in both contracts.
    const told = await toldTo(receiver, 4 * (2 + 2 + 2 * 2));
    expect(told.filter((one, index) => told.indexOf(one) !== index)).toEqual([]);
    expect(await service.eventCount()).toBe(4 * 2);
  },
);

/** Lists what a receiver was told, once so many requests have come. */
async function toldTo(receiver: Receiver, count: number): Promise<string[]> {
  await receiver.received(count);
  return receiver.requests.map(({ body }) => {
    const event = JSON.parse(body.toString("utf8"));
    const { run_id = event.workflow_run_id, step = null } = event.data ?? {};
    return [event.action ?? event.event_type, run_id, step?.id].join(" ");
  });
}

test.each(["workflow.ts", "phone-call.ts", "any-queue.ts", "bullmq-worker.ts"])(
  "examples/%s fails and says what is missing",
  async (file) => {
    const { code, output } = await startExample(file, { REDIS_URL: "redis://127.0.0.1:1" }).ended;
    expect(code).toBe(1);
    expect(output).toMatch(/^Error: (Set POSTRIDER_API_KEY|There is no Redis at 127.0.0.1:1).+\n$/);
  },
);

test.each([
  ["POSTRIDER_API_KEY", { POSTRIDER_API_KEY: "prk_test\n" }],
  ["POSTRIDER_API_KEY", { POSTRIDER_API_KEY: `whsec_${Buffer.alloc(32).toString("base64")}` }],
  ["POSTRIDER_URL", { POSTRIDER_API_KEY: "prk_test", POSTRIDER_URL: "127.0.0.1:8080" }],
])("an example refuses a wrong %s in one line", async (name, env) => {
  const { code, output } = await startExample("workflow.ts", env).ended;
  expect(code).toBe(1);
  expect(output).toMatch(/^Error: .+\.\n$/);
  expect(output).toContain(name);
});

test("the examples' receiver takes what is signed and no larger than any event, and refuses all else with 413 or 401", async () => {
  const receiver = await openExampleReceiver<object>();
  onTestFinished(() => receiver.close());
  const secret = encodeSecret(new Uint8Array(32).fill(7));
  const post = async (body: string) => {
    const seconds = Math.floor(Date.now() / 1_000);
    const headers = {
      "webhook-id": "event_1",
      "webhook-timestamp": String(seconds),
      "webhook-signature": sign(decodeSecret(secret), "event_1", seconds, body),
    };
    return (await fetch(receiver.url, { method: "POST", headers, body })).status;
  };
  expect(await post("{}")).toBe(401);
  receiver.trust(secret);
  const largest = `"${"x".repeat(5_000_000 - 2)}"`;
  expect(await post(largest)).toBe(204);
  expect(await post(`${largest} `)).toBe(413);
});

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
      startExample(file, { POSTRIDER_URL: url, POSTRIDER_API_KEY: apiKey, ...more }).ended,
    start: (file: string, more: Record<string, string> = {}) =>
      startExample(file, { POSTRIDER_URL: url, POSTRIDER_API_KEY: apiKey, ...more }),
    /** Wants to know of every run and every step. */
    async subscribe(receiverUrl: string) {
      const name = "everything";
      await postrider.workflowWebhooks.create({
        name,
        url: `${receiverUrl}/runs`,
        actions: ["workflow_run_started", "workflow_run_completed"],
      });
      await postrider.webhooks.create({
        name,
        url: `${receiverUrl}/steps`,
        events: [
          ...(["workflow.started", "workflow.completed", "workflow.failed"] as const),
          ...([
            "workflow.step.started",
            "workflow.step.completed",
            "workflow.step.failed",
          ] as const),
        ],
      });
    },
    runStatuses: async () => (await postrider.runs.list()).runs.map(({ status }) => status),
    eventCount: async () => (await postrider.workflowWebhooks.events.list()).total,
    left: async () => ({
      workflows: (await postrider.workflows.list()).total,
      webhooks: (await postrider.workflowWebhooks.list()).total,
      assistants: (await postrider.assistants.list()).total,
    }),
  };
}

/** Starts an example; it ends with the test. */
function startExample(file: string, env: Record<string, string>) {
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
  const ended = once(child, "close").then(([code]: (number | null)[]) => ({ code, output }));
  return {
    child,
    ended,
    /** Waits until it has printed a text; fails when it ends before. */
    printed: (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => output.includes(text) && resolve();
        child.stdout.on("data", look);
        void ended.then(() => reject(new Error(`ended without ${text}:\n${output}`)));
        look();
      }),
  };
}

/** Starts a Redis of the test's own that keeps nothing. */
async function openRedis(): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-redis-"));
  const port = await findFreePort();
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
