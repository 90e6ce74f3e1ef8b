import { bodyWasRead, openReceiver, type ReceiverOptions } from "./receive.ts";

export type { ReceiverOptions } from "./receive.ts";

/**
 * Receives webhooks in handlers that take a `Request` and return a `Response`: workers, Deno, Bun, route handlers.
 *
 * It reads the raw body, verifies it, awaits `onEvent` and answers 204. It answers 401, 405 or 413 to any other request,
 * and rejects when `onEvent` does.
 */
export function receiveWebhooks(options: ReceiverOptions): (request: Request) => Promise<Response> {
  const receiver = openReceiver(options);
  return async (request) => {
    if (request.method !== "POST") {
      return new Response("method_not_allowed", { status: 405, headers: { allow: "POST" } });
    }
    if (request.bodyUsed) throw bodyWasRead();
    const body = await readBody(request, receiver.bodyBytesMax);
    const { status, text } = await receiver.receive(body, request.headers);
    return new Response(status === 204 ? null : text, { status });
  };
}

/** Reads a body up to a number of bytes; undefined when there are more. */
async function readBody(request: Request, bytesMax: number): Promise<Uint8Array | undefined> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    size += chunk.value.length;
    if (size > bytesMax) {
      await reader.cancel().catch(() => {}); // The sender may be gone already.
      return undefined;
    }
    chunks.push(chunk.value);
  }
  return joined(chunks, size);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
