import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { Socket } from "node:net";
import { Webhook } from "standardwebhooks";
import { findChaosPort } from "../packages/server/test/support/ports.ts";
import type { Journal } from "./journal.ts";
import type { Random } from "./random.ts";
import type { Mood } from "./schedule.ts";

/** The timeout of every subscription: `late` plays around it. */
export const timeoutSeconds = 1;

/** A receiver of one subscription. */
export type Receiver = {
  name: string;
  url: string;
  /** Tells it whose requests it gets and how they are signed; none must have come before. */
  knows(subscriptionId: string, signingSecret: string): void;
  /** Takes requests this way from now on. */
  turn(mood: Mood): Promise<void>;
  /** From now on single requests are taken badly this often, whatever the mood; 0: never. */
  slips(share: number): void;
  close(): Promise<void>;
};

/** Opens a receiver on 127.0.0.1 that writes down what arrives and takes it as it is told. */
export async function openReceiver(options: {
  name: string;
  journal: Journal;
  random: Random;
}): Promise<Receiver> {
  const { journal, random } = options;
  const port = await findChaosPort();
  const sockets = new Set<Socket>();
  let mood: Mood = "well";
  let slipShare = 0;
  let subscriptionId = "";
  let verifier: Webhook | undefined;

  const server = http.createServer((request, response) => {
    const now = slipShare > 0 && random.chance(slipShare) ? random.pick(slips) : mood;
    request.on("error", () => {}); // The service was killed while it wrote: this request never arrived.
    response.on("error", () => {});
    if (now === "reset_early") {
      request.socket.resetAndDestroy();
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => take(request, response, Buffer.concat(chunks), now));
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });

  function take(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    body: Buffer,
    now: Mood,
  ): void {
    const arrival = journal.arrival({
      subscriptionId,
      webhookId: String(request.headers["webhook-id"]),
      event: eventNameOf(body.toString("utf8")),
      digest: digestOf(body),
      ...signatureProblem(verifier, body, request.headers),
      answered: 0,
    });
    const answer = (status: number, headers: http.OutgoingHttpHeaders = {}) => {
      if (response.destroyed || request.socket.destroyed) return;
      arrival.answered = status;
      response.writeHead(status, headers).end();
    };
    switch (now) {
      case "reset_late":
        request.socket.resetAndDestroy();
        return;
      case "hang":
        return; // The service hangs up at its timeout.
      case "error":
        answer(500);
        return;
      case "busy":
        answer(429, { "retry-after": "1" });
        return;
      case "late": {
        const afterMs = timeoutSeconds * 1_000 * random.between(0.4, 1.3);
        setTimeout(() => answer(204), afterMs);
        return;
      }
      default:
        answer(204);
    }
  }

  const listen = async () => {
    for (let tries = 0; !server.listening; tries++) {
      try {
        server.listen(port, "127.0.0.1");
        await once(server, "listening");
      } catch (error) {
        if (tries === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const stop = async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };

  await listen();
  return {
    name: options.name,
    url: `http://127.0.0.1:${port}/hook`,
    knows(id, secret) {
      subscriptionId = id;
      verifier = new Webhook(secret);
    },
    async turn(next) {
      mood = next;
      if (next === "refuse" && server.listening) await stop();
      if (next !== "refuse" && !server.listening) await listen();
    },
    slips(share) {
      slipShare = share;
    },
    async close() {
      if (server.listening) await stop();
    },
  };
}

const slips: readonly Mood[] = ["reset_early", "reset_late", "error", "late", "busy", "hang"];

/** Digests a body for the journal. */
export const digestOf = (body: Buffer): string => createHash("sha256").update(body).digest("hex");

function signatureProblem(
  verifier: Webhook | undefined,
  body: Buffer,
  headers: http.IncomingHttpHeaders,
): { signatureProblem?: string } {
  try {
    verifier?.verify(body, headers as Record<string, string>);
    return {};
  } catch (error) {
    return { signatureProblem: (error as Error).message };
  }
}

/**
 * Names the event that a body tells, in the words of the facts: for contract A its dedupe key, for B type and run, for
 * C type, call, and the last message or the status.
 */
export function eventNameOf(body: string): string {
  const told = JSON.parse(body);
  if (told.dedupe_key) return told.dedupe_key;
  if (told.event_type) return `${told.event_type}:${told.data.run_id}`;
  const { type, call, messages } = told.message;
  const detail = type === "status-update" ? call.status : messages?.at(-1)?.messageId;
  return [type, call.id, ...(type === "end-of-call-report" ? [] : [detail])].join(":");
}
