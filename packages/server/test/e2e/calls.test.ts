import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Pool } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

const callsCount = 40;
const messagesCount = 15;

type Arrival = { id: string; type: string; callId: string; length: number };

test("kill -9 in the middle of 40 calls: no server message is sent twice, what is unknown says so, the rest goes out in order", {
  timeout: 180_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.url);
  const env = productionEnvironment(database.url);
  const receiver = await openReceiver();

  const first = await startService(["serve"], env);
  const before = client(first.url, env.POSTRIDER_API_KEY ?? "");
  const assistant = await before("POST", "/assistants/v1/assistants", {
    name: "Ada",
    hangTimeoutSeconds: 1,
    assistantServer: {
      enabled: true,
      url: receiver.url,
      // A lease that died with its process runs out soon.
      timeoutSeconds: 1,
      messages: ["conversation-update", "hang"],
    },
  });
  const calls = await Promise.all(
    Array.from({ length: callsCount }, async () => {
      const body = {
        assistantId: assistant.id,
        callType: "web",
        direction: "inbound",
        status: "ongoing",
      };
      return (await before("POST", "/calls/v1/conversations", body)).id as string;
    }),
  );
  const say = async (api: Client, id: string, n: number) => {
    const role = n % 2 === 0 ? "assistant" : "user";
    const body = { messageId: `m${n}`, role, text: `words ${n}` };
    await api("POST", `/calls/v1/conversations/${id}/messages`, body);
  };
  await Promise.all(
    calls.map(async (id) => {
      for (let n = 1; n <= messagesCount; n++) await say(before, id, n);
    }),
  );
  await expect
    .poll(() => receiver.arrivals.length, { timeout: 30_000, interval: 10 })
    .toBeGreaterThan((callsCount * messagesCount) / 3);
  await first.kill9();
  const arrivedBefore = receiver.arrivals.length;
  // The last one to speak was a user: each silence runs out while no process is there.
  await pause(1_000);

  const second = await startService(["serve"], env);
  const after = client(second.url, env.POSTRIDER_API_KEY ?? "");
  const list = (query: string) =>
    after("GET", `/assistants/v1/assistants/${assistant.id}/deliveries?size=1000${query}`);
  await expect
    .poll(async () => (await list("&status=pending")).total + (await list("&type=hang")).total, {
      timeout: 90_000,
      interval: 300,
    })
    .toBe(callsCount);
  await expect.poll(async () => (await list("&status=pending")).total, { timeout: 30_000 }).toBe(0);

  const ids = receiver.arrivals.map(({ id }) => id);
  expect(ids.length - new Set(ids).size).toBe(0);
  for (const callId of calls) {
    const own = receiver.arrivals.filter((arrival) => arrival.callId === callId);
    expect(own.filter(({ type }) => type === "hang")).toHaveLength(1);
    const lengths = own.filter(({ type }) => type !== "hang").map(({ length }) => length);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
  }
  const { deliveries, total } = await list("");
  expect(total).toBe(callsCount * (messagesCount + 1));
  const arrived = new Set(ids);
  const lost = (deliveries as Row[]).filter(({ event_id }) => !arrived.has(event_id));
  const unknown = (deliveries as Row[]).filter(
    ({ last_error }) => last_error === "unknown_outcome",
  );
  console.log(
    `${arrivedBefore} of ${total} messages had arrived at kill -9; twice 0; not arrived ${lost.length}; unknown ${unknown.length}`,
  );
  expect(unknown.length).toBeGreaterThan(0);
  // Every message that did not arrive is one whose fate the dead process took along.
  for (const row of lost)
    expect(row).toMatchObject({ status: "failed", last_error: "unknown_outcome" });
  expect((deliveries as Row[]).every(({ attempts_count }) => attempts_count <= 1)).toBe(true);
  expect(await second.terminate()).toBe(0);
});

type Row = { event_id: string; status: string; last_error: string | null; attempts_count: number };

// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
type Client = (method: "GET" | "POST", path: string, body?: object) => Promise<any>;

function client(url: string, apiKey: string): Client {
  const pool = new Pool(url, { connections: 40 });
  onTestFinished(() => pool.destroy());
  return async (method, path, body) => {
    const response = await pool.request({
      method,
      path,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: body ? JSON.stringify(body) : null,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text}`);
    return JSON.parse(text);
  };
}

/** Keeps what arrives, and takes its time to answer. */
async function openReceiver(): Promise<{ url: string; arrivals: Arrival[] }> {
  const arrivals: Arrival[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("error", () => {}); // The service is killed while it writes.
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { message } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      arrivals.push({
        id: String(request.headers["webhook-id"]),
        type: message.type,
        callId: message.call.id,
        length: message.messages.length,
      });
      setTimeout(() => response.writeHead(204).end(), 30);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, arrivals };
}
