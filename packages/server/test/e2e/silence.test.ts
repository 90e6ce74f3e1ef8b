import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

/** What says for how long somebody has waited already: 5 s at most, when it is the first of its kind. */
const soon = "\\([0-5] s so far\\)";
const startMsMax = 30_000;
const stopMsMax = 10_000;

const command = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));

/** A command that has not come to its end, and what it prints meanwhile. */
function start(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [command, ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
  }
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    child,
    printed: () => printed,
    /** Waits for the first news, which a busy machine may need a while to print. */
    async news(pattern: string) {
      await expect.poll(() => printed, { timeout: startMsMax }).toMatch(/\(\d+ s so far\)/);
      expect(printed).toMatch(new RegExp(`${pattern} ${soon}`));
    },
    stop: () => stopped(child, ended),
  };
}

async function stopped(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  const startedAtMs = performance.now();
  child.kill("SIGTERM");
  const code = await ended;
  expect(performance.now() - startedAtMs).toBeLessThan(stopMsMax);
  return code;
}

test.each([
  ["refuses connections", async () => 1],
  [
    "takes connections and never answers",
    async () => {
      const server = createServer((socket) => socket.on("error", () => {}));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => void server.close());
      return (server.address() as AddressInfo).port;
    },
  ],
])(
  "serve says within 5 s that it waits for a database that %s, and SIGTERM ends the wait",
  async (_what, open) => {
    const env = productionEnvironment(`postgresql://127.0.0.1:${await open()}/postrider`);
    const service = start(["serve"], env);
    await service.news('waiting for the database: [^"]+');
    expect(await service.stop()).toBe(0);
    expect(service.printed()).toMatch(/told to stop[\s\S]*stopped before it was ready/);
  },
);

test("serve says that it is ready when /readyz does, and not before", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  // While somebody has this table it cannot look for what is due.
  await client.query("begin; lock table deliveries in access exclusive mode");
  const service = await startService(["serve"], productionEnvironment(database.url));
  const ready = async () => (await fetch(`${service.url}/readyz`)).status;
  expect(await ready()).toBe(503);
  expect(service.output()).not.toContain("is ready");
  await client.query("rollback");
  await service.printed(/postrider is ready/);
  expect(await ready()).toBe(200);
  expect(await service.terminate()).toBe(0);
});

/** A service with one attempt in flight, whose answer the receiver keeps back. */
async function openBusyService() {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const env = productionEnvironment(database.url);
  const service = await startService(["serve"], env);
  const post = (path: string, body: object) =>
    fetch(`${service.url}/workflows/v1${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
  const actions = ["workflow_created"];
  await post("/workflow-webhooks", { name: "n", url: receiver.origin, actions });
  const answer = receiver.hold();
  await post("/workflows", { name: "w" });
  await receiver.received(1);
  return { service, answer };
}

test("a stopping service says so, for how many attempts it waits, and that it has ended", async () => {
  const { service, answer } = await openBusyService();
  const ended = service.terminate();
  await service.printed(/"count":1,"seconds":\d+,"msg":"postrider is stopping; attempts in flight/);
  await service.printed(/"msg":"postrider is still stopping"/);
  answer();
  expect(await ended).toBe(0);
  expect(service.output()).toContain('"msg":"postrider has stopped"');
});

test("a second signal ends it at once, and it says so", async () => {
  const { service } = await openBusyService();
  const ended = service.terminate();
  await service.printed(/postrider is stopping/);
  service.child.kill("SIGTERM");
  expect(await ended).toBe(130);
  expect(service.output()).toContain("second stop signal: ending at once");
});

test("migrate says that it waits for another one, and SIGTERM ends it", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("select pg_advisory_lock(hashtext('postrider.migrate'))");
  const migration = start(["migrate"], { DATABASE_URL: database.url });
  await migration.news("another process migrates this database");
  expect(await migration.stop()).toBe(1);
  expect(migration.printed()).toContain("stopped; run it again to finish");
  const { rows } = await client.query(
    "select count(*)::int as count from pg_stat_activity where application_name = 'postrider migrate' and datname = current_database()",
  );
  expect(rows).toEqual([{ count: 0 }]);
});
