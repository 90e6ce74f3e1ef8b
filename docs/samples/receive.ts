// Receives webhooks: checks each signature, drops duplicates, answers at once, works afterwards.
// Needs nothing but Node 20. Start it with:
//   WEBHOOK_SECRET=whsec_… PORT=4000 npx tsx receive.ts
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type WebhookEvent = { event_id: string; action: string; dedupe_key: string };

const toleranceSeconds = 300;
const bodyBytesMax = 5_000_000;
const secret = readSecret(process.env.WEBHOOK_SECRET ?? "");
const seenIds = new Set<string>();

const server = createServer((request, response) => {
  receive(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env.PORT ?? 4000), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return void response.writeHead(413, { connection: "close" }).end();
  if (!isGenuine(request.headers, body)) return void response.writeHead(401).end();
  const event = parseEvent(body);
  if (event === undefined) return void response.writeHead(400).end();

  // In production: insert the event into your database, with event_id as a unique column.
  // Once it is stored, and only then, answer 2xx. A duplicate is answered 2xx as well.
  const isNew = !seenIds.has(event.event_id);
  seenIds.add(event.event_id);
  response.writeHead(204).end();
  if (isNew) handle(event);
}

/** Your own work. It starts after the answer, so it may take longer than the timeout. */
function handle(event: WebhookEvent): void {
  console.log(`${event.action} ${event.event_id}`);
}

/** Tells whether the request was signed with our secret, within the last five minutes. */
function isGenuine(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") {
    return false;
  }
  if (id.includes(".") || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return false;

  const hmac = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
  // There are two signatures while the secret is being rotated: one that matches is enough.
  return signatures.split(" ", 16).some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** Reads the raw bytes: parsed and printed again they would no longer match the signature. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseEvent(body: Buffer): WebhookEvent | undefined {
  try {
    const event = JSON.parse(body.toString("utf8"));
    return typeof event?.event_id === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

function readSecret(text: string): Buffer {
  const bytes = Buffer.from(text.replace(/^whsec_/, ""), "base64");
  if (!text.startsWith("whsec_") || bytes.length < 24) {
    throw new Error("Set WEBHOOK_SECRET to the subscription's signing secret (whsec_…).");
  }
  return bytes;
}
