// Receives webhooks: checks each signature, drops duplicates, answers at once, works afterwards.
// Needs nothing but Node 20. Start it with:
//   WEBHOOK_SECRET=whsec_… PORT=4000 npx tsx receive.ts
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Each contract names the type in its own way; assistant server messages have no event_id. */
type WebhookEvent = {
  event_id?: string;
  action?: string;
  event_type?: string;
  message?: { type: string };
};

const toleranceSeconds = 300;
// No event is larger: docs/receiving.md lists the largest body of each type.
const bodyBytesMax = 5_000_000;
const secret = readSecret(process.env.WEBHOOK_SECRET ?? "");
const seenIds = new Set<string>();

const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
  receive(request, response).catch(() => response.destroy());
});
const port = readPort(process.env.PORT ?? "4000");
server.on("error", (error) => stop(`Cannot listen on port ${port}: ${error.message}.`));
server.listen(port, "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (body === undefined) return void response.writeHead(413).end();
  if (!isGenuine(request.headers, body)) return void response.writeHead(401).end();
  const id = String(request.headers["webhook-id"]);
  const event = parseEvent(body, id);
  if (event === undefined) return void response.writeHead(400).end();

  // In production: insert the event into your database, with its id as a unique column.
  // Once it is stored, and only then, answer 2xx. A duplicate is answered 2xx as well.
  const isNew = !seenIds.has(id);
  seenIds.add(id);
  response.writeHead(204).end();
  if (isNew) handle(event, id);
}

/** Your own work. It starts after the answer, so it may take longer than the timeout. */
function handle(event: WebhookEvent, id: string): void {
  console.log(`${event.action ?? event.event_type ?? event.message?.type} ${id}`);
}

/** Tells whether the request was signed with our secret, within the last five minutes. */
function isGenuine(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") {
    return false;
  }
  if (id === "" || id.includes(".") || !/^\d{1,12}$/.test(timestamp)) return false;
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
  // To the end, also of a body that is too large: a sender that is cut off does not see the answer.
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size <= bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

function parseEvent(body: Buffer, id: string): WebhookEvent | undefined {
  try {
    const event = JSON.parse(body.toString("utf8"));
    const isObject = typeof event === "object" && event !== null && !Array.isArray(event);
    return isObject && (event.event_id ?? id) === id ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Reads whsec_ and base64 of 24 bytes or more; an empty key would prove what anybody signs. */
function readSecret(text: string): Buffer {
  const key = Buffer.from(text.replace(/^whsec_/, ""), "base64");
  // Printing it again catches what the decoder forgives.
  if (key.length < 24 || text !== `whsec_${key.toString("base64")}`) {
    stop("Set WEBHOOK_SECRET to the subscription's signing secret (whsec_…).");
  }
  return key;
}

function readPort(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) stop(`PORT is no port: ${text}.`);
  return value;
}

function stop(why: string): never {
  console.error(why);
  process.exit(1);
}
