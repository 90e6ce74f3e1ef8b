import type { IncomingMessage, ServerResponse } from "node:http";
import { viewOf } from "./guards.ts";
import { bodyWasRead, openReceiver, type ReceiverOptions } from "./receive.ts";

export type { ReceiverOptions } from "./receive.ts";

/**
 * Receives webhooks as a handler of Express, or of any framework with Node's requests and responses.
 *
 * `app.post("/hooks", receiveWebhooks({ secret, onEvent }))`, before `express.json()`; after `express.raw()` works too.
 * An error of `onEvent` goes to `next`.
 */
export function receiveWebhooks(
  options: ReceiverOptions,
): (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error: unknown) => void,
) => Promise<void> {
  const receiver = openReceiver(options);
  return async (request, response, next) => {
    try {
      const body = await readBody(request, receiver.bodyBytesMax);
      const { status, text } = await receiver.receive(body, request.headers);
      // The rest of a body that is too large is not read.
      if (status === 413) response.setHeader("connection", "close");
      response.writeHead(status).end(text);
    } catch (error) {
      next(error);
    }
  };
}

/** Reads a body up to a number of bytes, or uses the bytes that a middleware has read; undefined when there are more. */
async function readBody(
  request: IncomingMessage & { body?: unknown },
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const read = viewOf(request.body);
  if (read !== undefined) return read.length > bytesMax ? undefined : read;
  if (request.readableDidRead) throw bodyWasRead();
  const chunks: Buffer[] = [];
  let size = 0;
  return await new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("close", () => reject(new Error("The sender went away before its body was read.")));
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > bytesMax) resolve(undefined);
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
  });
}
