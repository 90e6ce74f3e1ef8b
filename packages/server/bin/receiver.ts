import { createServer, type IncomingMessage } from "node:http";
import { verify, WebhookVerificationError } from "@postrider/sdk";
import colors from "picocolors";

/** A small receiver for trying things out: it answers at once and prints what came. */
export type Receiver = { url: string; close(): Promise<void> };

/** A receiver that cannot start. The message is one sentence. */
export class ReceiverError extends Error {}

export type ReceiverOptions = {
  port: number;
  /** Verifies signatures with it; without one they are not looked at. */
  secret?: string;
  status?: number;
  print?: (line: string) => void;
};

const bodyBytesMax = 2 * 1024 * 1024;

/** Starts the receiver on loopback. */
export async function openReceiver(options: ReceiverOptions): Promise<Receiver> {
  const print = options.print ?? console.log;
  const server = createServer(async (request, response) => {
    try {
      const body = await readBody(request);
      print(await describe(request, body, options.secret));
      response.writeHead(options.status ?? 204).end();
    } catch (error) {
      print(`${colors.red("✗")} ${(error as Error).message}`);
      response.writeHead(400).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new ReceiverError(
              `Port ${options.port} for the receiver is taken; choose another with --receiver-port, or --no-receiver.`,
            )
          : error,
      );
    });
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) throw new Error("the body is larger than any webhook");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function describe(
  request: IncomingMessage,
  body: Buffer,
  secret: string | undefined,
): Promise<string> {
  const time = new Date().toISOString().slice(11, 23);
  const head = `${colors.dim(time)} ${colors.green("◀")} ${request.method} ${request.url}  ${colors.bold(eventTypeOf(body))}`;
  const signature = secret ? `  ${await verdict(body, request.headers, secret)}` : "";
  return `${head}  ${request.headers["webhook-id"] ?? "no webhook-id"}${signature}\n  ${printable(body)}`;
}

async function verdict(
  body: Buffer,
  headers: IncomingMessage["headers"],
  secret: string,
): Promise<string> {
  try {
    await verify(body, headers, secret);
    return colors.green("signature verified");
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return colors.red(`signature refused: ${error.message}`);
  }
}

/** Finds the event type where each contract has it: `action` (A), `event_type` (B), `message.type` (C). */
function eventTypeOf(body: Buffer): string {
  try {
    const { action, event_type, message } = JSON.parse(body.toString("utf8"));
    const name = action ?? event_type ?? message?.type;
    return typeof name === "string" ? name.replace(/[^\w.-]/g, "?") : "(no event type)";
  } catch {
    return "(not JSON)";
  }
}

/** Control characters would let a sender write on the terminal. */
const printable = (body: Buffer): string =>
  body
    .toString("utf8")
    .slice(0, 2_000)
    .replace(/\p{Cc}/gu, "·");
