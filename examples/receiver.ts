import { EventEmitter, on } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { verify, WebhookVerificationError } from "@postrider/sdk";
import { decodeSecret } from "@postrider/sdk/sign";
import { stop } from "./postrider.ts";

/** A webhook that was verified: its event id, and its body. */
export type Webhook<Body> = { id: string; body: Body };

/** A receiver as one writes it, on a free port of this machine. */
export type Receiver<Body> = {
  url: string;
  /** Accepts what is signed with one of these secrets, from now on. */
  trust(...secrets: string[]): void;
  /** Waits until an event arrives that is wanted; gives all that have arrived, each once, in that order. */
  until(wanted: (body: Body) => boolean): Promise<Webhook<Body>[]>;
  close(): void;
};

const patienceMs = 30_000;
/** No event is larger: docs/receiving.md lists the largest body of each type. */
const bodyBytesMax = 5_000_000;

/** Opens a receiver that answers 204 to what is signed, 413 to what is larger than any event, and 401 to all else. */
export async function openReceiver<Body>(): Promise<Receiver<Body>> {
  const trusted: string[] = [];
  const arrived = new Map<string, Webhook<Body>>();
  const arrivals = new EventEmitter();

  const server = createServer(async (request, response) => {
    try {
      const raw = await readBody(request);
      if (raw === undefined) return void response.writeHead(413).end();
      if (trusted.length === 0) return void response.writeHead(401).end();
      const { id } = await verify(raw, request.headers, trusted);
      // At least once means: sometimes twice. The id tells.
      if (!arrived.has(id)) arrived.set(id, { id, body: JSON.parse(raw.toString("utf8")) });
      response.writeHead(204).end();
      arrivals.emit("webhook");
    } catch (error) {
      response.writeHead(error instanceof WebhookVerificationError ? 401 : 500).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/`,
    trust(...secrets) {
      for (const secret of secrets) requireSecret(secret);
      trusted.push(...secrets);
    },
    async until(wanted) {
      const all = () => [...arrived.values()];
      const news = on(arrivals, "webhook", { signal: AbortSignal.timeout(patienceMs) });
      while (!all().some(({ body }) => wanted(body))) await news.next();
      return all();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Reads the raw bytes, to their end: a sender that is cut off does not see the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size <= bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

/** An empty or broken key would prove what anybody signs. */
function requireSecret(secret: string): void {
  try {
    decodeSecret(secret);
  } catch (error) {
    stop((error as TypeError).message);
  }
}
