import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Fact, Postrider } from "@postrider/sdk";

/** A callback as it arrived, with the exact text of its body. */
export type Callback = { url: string; headers: IncomingMessage["headers"]; body: string };

/** Reads a callback as facts. Throws `NotFromThere` for one that its platform has not signed. */
export type ReadCallback = (callback: Callback) => readonly Fact[] | Promise<readonly Fact[]>;

/** Is thrown for a callback that proves nothing. */
export class NotFromThere extends Error {}

const bodyBytesMax = 1024 * 1024;

/**
 * Serves the callbacks of a platform: verified, read as facts, and reported before they are answered.
 *
 * Nothing is kept between two callbacks. One that is sent again, or comes late, is judged by the service: it knows what was
 * reported. Without an answer of the service the platform hears 500, and may send it again.
 */
export function serveCallbacks(postrider: Postrider, read: ReadCallback): Server {
  return createServer(async (request, response) => {
    try {
      const body = await readBody(request);
      if (body === undefined) return void response.writeHead(413).end();
      const facts = await read({ url: request.url ?? "/", headers: request.headers, body });
      await report(postrider, facts);
      response.writeHead(204).end();
    } catch (error) {
      if (!(error instanceof NotFromThere)) console.error(`not reported: ${error}`);
      response.writeHead(error instanceof NotFromThere ? 403 : 500).end();
    }
  });
}

/** What is refused stays refused, however often it is sent: it is told, and the platform need not hear of it. */
async function report(postrider: Postrider, facts: readonly Fact[]): Promise<void> {
  if (facts.length === 0) return;
  const { results } = await postrider.facts.report(facts);
  for (const { index, status, error } of results) {
    if (status === "refused") console.error(`refused: ${facts[index]?.type}: ${error?.detail}`);
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size <= bodyBytesMax ? Buffer.concat(chunks).toString("utf8") : undefined;
}

/** Makes a call's id of the platform's own, so that every callback about a call names the same one. */
export function callIdOf(callType: "phone" | "web", platform: string, id: string): string {
  const digest = createHash("sha256").update(`${platform} ${id}`).digest("hex");
  const uuid = digest.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return `${callType === "phone" ? "CC" : "WC"}-${uuid}`;
}

/** Compares secrets in constant time; a header that is not there is no match. */
export function isSecret(given: string | string[] | undefined, secret: string): boolean {
  if (typeof given !== "string" || secret === "") return false;
  const [one, other] = [given, secret].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}
