import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { newId } from "../../src/ids.ts";
import { openReceiver as openHoldingReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

const factsCount = 5_000;
const connections = 32;

test("kill -9 in the middle of 5,000 accepted facts loses none of them", {
  timeout: 180_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.url);
  const env = productionEnvironment(database.url);
  const receiver = await openReceiver();

  const first = await startService(["serve"], env);
  const workflowId = newId();
  const before = publisher(first.url, env.POSTRIDER_API_KEY ?? "");
  // One second of timeout: a lease that died with its process runs out soon.
  await before.post("/workflow-webhooks", {
    name: "ledger",
    url: receiver.url,
    actions: ["workflow_run_started"],
    timeout_seconds: 1,
    retry_backoff_seconds: 1,
  });
  await before.post("/workflows", { _id: workflowId, name: "Ledger" });

  const runIds = Array.from({ length: factsCount }, () => newId());
  const acknowledged = new Set<string>();
  let killed: Promise<void> | undefined;
  const killInTheMiddle = () => {
    if (acknowledged.size >= factsCount / 2) killed ??= first.kill9();
  };
  await before.postRuns(runIds, workflowId, acknowledged, killInTheMiddle);
  await killed;
  expect(acknowledged.size).toBeGreaterThanOrEqual(factsCount / 2);
  const acknowledgedBefore = acknowledged.size;
  const arrivedBefore = receiver.arrivals.size;

  const second = await startService(["serve"], env);
  const after = publisher(second.url, env.POSTRIDER_API_KEY ?? "");
  // What was not acknowledged is reported again, as a platform would: a repeat if it was recorded after all.
  const unacknowledged = runIds.filter((id) => !acknowledged.has(id));
  await after.postRuns(unacknowledged, workflowId, acknowledged, () => {});
  expect(acknowledged.size).toBe(factsCount);

  await expect
    .poll(() => receiver.arrivals.size, { timeout: 90_000, interval: 200 })
    .toBe(factsCount);
  const lost = [...acknowledged].filter((id) => !receiver.arrivals.has(id));
  expect(lost).toEqual([]);
  const duplicates = [...receiver.arrivals.values()].filter((count) => count > 1).length;
  console.log(
    `acknowledged ${acknowledgedBefore} before kill -9 (${arrivedBefore} had arrived), ${factsCount} in all; lost ${lost.length}; delivered twice ${duplicates}`,
  );
  // Only what was under way when the process died may come twice.
  expect(duplicates).toBeLessThanOrEqual(1_000);
  await expect
    .poll(
      async () => (await after.get("/workflow-webhooks/events?status=delivered&size=1")).total,
      {
        timeout: 30_000,
      },
    )
    .toBe(factsCount);
  expect(await second.terminate()).toBe(0);
  await before.close();
  await after.close();
});

test("what a killed process held is sent again within seconds of its death, however long its leases last", {
  timeout: 60_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.url);
  const env = productionEnvironment(database.url);
  const receiver = await openHoldingReceiver();
  onTestFinished(() => receiver.close());
  receiver.hold();

  const first = await startService(["serve"], env);
  const api = publisher(first.url, env.POSTRIDER_API_KEY ?? "");
  await api.post("/workflow-webhooks", {
    name: "slow",
    url: receiver.origin,
    actions: ["workflow_created"],
    timeout_seconds: 60,
  });
  await api.post("/workflows", { name: "sent at once" });
  await receiver.received(1);
  await first.kill9();
  const killedAtMs = performance.now();
  await api.close();

  const second = await startService(["serve"], env);
  await receiver.received(2);
  const seconds = (performance.now() - killedAtMs) / 1_000;
  console.log(`sent again ${seconds.toFixed(1)} s after its process was killed`);
  // The lease lasts for 76 s. Five is the aim; a machine that does much else starts a process in several.
  expect(seconds).toBeLessThan(15);
  await second.kill9();
});

type Publisher = {
  post(path: string, body: object): Promise<void>;
  get(path: string): Promise<{ total: number }>;
  postRuns(
    ids: readonly string[],
    workflowId: string,
    acknowledged: Set<string>,
    onAcknowledged: () => void,
  ): Promise<void>;
  close(): Promise<void>;
};

function publisher(url: string, apiKey: string): Publisher {
  const pool = new Pool(url, { connections });
  const request = async (method: "GET" | "POST", path: string, body?: object) => {
    const response = await pool.request({
      method,
      path: `/workflows/v1${path}`,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: body ? JSON.stringify(body) : null,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text}`);
    return JSON.parse(text);
  };
  return {
    post: (path, body) => request("POST", path, body),
    get: (path) => request("GET", path),
    async postRuns(ids, workflowId, acknowledged, onAcknowledged) {
      const rest = ids.values();
      const lane = async () => {
        for (const id of rest) {
          try {
            await request("POST", "/workflow-runs", {
              _id: id,
              workflow_id: workflowId,
              trigger: "manual",
            });
          } catch {
            return; // The process is gone; what follows is not acknowledged.
          }
          acknowledged.add(id);
          onAcknowledged();
        }
      };
      await Promise.all(Array.from({ length: connections }, lane));
    },
    close: () => pool.destroy(),
  };
}

/** Counts how often each run arrived. */
async function openReceiver(): Promise<{ url: string; arrivals: Map<string, number> }> {
  const arrivals = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("error", () => {}); // The service is killed while it writes: this request never arrived.
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { workflow_run_id: runId } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      arrivals.set(runId, (arrivals.get(runId) ?? 0) + 1);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, arrivals };
}
