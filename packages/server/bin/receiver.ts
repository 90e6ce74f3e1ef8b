import { createServer, type IncomingMessage } from "node:http";
import { verify, WebhookVerificationError } from "@postrider/sdk";
import colors from "picocolors";
import { StartError } from "../src/start-error.ts";

/** A small receiver for tests: it answers at once and prints the requests. */
export type Receiver = { url: string; close(): Promise<void> };

/** A receiver that cannot start. The message is one sentence. */
export class ReceiverError extends StartError {}

export type ReceiverOptions = {
  port: number;
  /** Verifies signatures with it, and answers 401 to invalid requests; undefined: signatures are not checked. */
  secret?: string;
  /** The status of answers to accepted requests. */
  status?: number;
  /** The options that choose another port, for the message that this port is in use. */
  portOptions?: string;
  print?: (line: string) => void;
};

/** No event is larger: docs/receiving.md lists the largest body of each type. */
const bodyBytesMax = 5_000_000;

/** Starts the receiver on loopback. */
export async function openReceiver(options: ReceiverOptions): Promise<Receiver> {
  const print = options.print ?? console.log;
  const server = createServer(async (request, response) => {
    try {
      const { status, line } = await answerTo(request, options);
      print(line);
      response.writeHead(status).end();
    } catch (error) {
      print(`${colors.red("✗")} ${(error as Error).message}`);
      response.writeHead(400).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(portProblem(error, options));
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

function portProblem(
  error: NodeJS.ErrnoException,
  { port, portOptions = "--port" }: ReceiverOptions,
): Error {
  const { code = "" } = error;
  const why = { EADDRINUSE: "is taken", EACCES: "may not be used by this user" }[code];
  if (why === undefined) return error;
  return new ReceiverError(
    `Port ${port} for the receiver ${why}; choose another with ${portOptions}.`,
  );
}

/** Decides the answer to a request, and prints it. */
async function answerTo(
  request: IncomingMessage,
  { secret, status = 204 }: ReceiverOptions,
): Promise<{ status: number; line: string }> {
  const body = await readBody(request);
  if (body === undefined) {
    const refusal = "refused with 413: the body is larger than any webhook's";
    return { status: 413, line: `${colors.red("✗")} ${refusal}` };
  }
  const fault = secret === undefined ? undefined : await findFault(body, request.headers, secret);
  if (fault === undefined) {
    const verdict = secret === undefined ? "" : colors.green("signature verified");
    return { status, line: describe(request, body, verdict) };
  }
  const verdict = colors.red(`signature refused with 401: ${fault}`);
  return { status: 401, line: describe(request, body, verdict) };
}

/** Reads a body to its end, because a sender that is cut off sees no answer; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size <= bodyBytesMax ? Buffer.concat(chunks) : undefined;
}

async function findFault(
  body: Buffer,
  headers: IncomingMessage["headers"],
  secret: string,
): Promise<string | undefined> {
  try {
    await verify(body, headers, secret);
    return undefined;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return error.message;
  }
}

function describe(request: IncomingMessage, body: Buffer, verdict: string): string {
  const time = new Date().toISOString().slice(11, 23);
  const head = `${colors.dim(time)} ${colors.green("◀")} ${request.method} ${request.url}  ${colors.bold(eventTypeOf(body))}`;
  const id = request.headers["webhook-id"] ?? "no webhook-id";
  return `${head}  ${id}${verdict === "" ? "" : `  ${verdict}`}\n  ${printable(body)}`;
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
