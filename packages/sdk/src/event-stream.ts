import { ApiError, apiErrorOf, ConnectionError, isTransient } from "./api-error.ts";
import type { ClientOptions } from "./client-options.ts";
import { requireFunction, requireOptions, requireSignal, requireText } from "./guards.ts";
import { backoffMs, callerHeaders, chance, parse, retryAfterMs, urlOf, wait } from "./request.ts";

/** The options of a stream. */
export type StreamOptions = {
  /** Ends the stream. Without a signal, the stream ends when you leave the loop. */
  signal?: AbortSignal | undefined;
  /** The `lastEventId` of a received event: the stream continues after it. */
  lastEventId?: string;
  /** Called once when the connection is lost or cannot be opened, with the reason in a few words. */
  onLost?: (reason: string) => void;
  /** Called when the connection is back, after `onLost`. */
  onBack?: () => void;
};

/** One server-sent event; `data` is the parsed JSON. */
export type StreamEvent = { event: string; data: unknown; lastEventId: string };

/** Opens and reads a stream of the API. After a lost connection, it reconnects and continues. Throws ApiError when refused. */
export type OpenStream = (
  path: string,
  query: object,
  options: StreamOptions,
) => AsyncGenerator<StreamEvent>;

/** The service sends something every 10 seconds: a connection that is silent for this time counts as lost. */
const silenceMsMax = 30_000;
/** The longest event: the service never sends a longer one. */
const eventCharactersMax = 4 * 1024 * 1024;

/**
 * Makes the one function that reads streams (server-sent events, WHATWG HTML, section 9.2).
 *
 * After a lost connection, 429 or 5xx it tries again, after a delay that grows until an event arrives. Any other refusal
 * is thrown as an ApiError.
 */
export function openStreams(options: ClientOptions): OpenStream {
  const { delay = wait, random = chance, now = Date.now } = options;
  return async function* (path, query, streamOptions) {
    requireOptions(streamOptions, {
      signal: requireSignal,
      lastEventId: requireText,
      onLost: requireFunction,
      onBack: requireFunction,
    });
    const { signal } = streamOptions;
    const connection = watchConnection(streamOptions);
    let { lastEventId: last = "" } = streamOptions;
    for (let attempt = 1; ; attempt++) {
      let afterMs = 0;
      try {
        const response = await connect(options, urlOf(options, { path, query }), last, signal);
        if (!isStream(response)) {
          afterMs = retryAfterMs(response.headers.get("retry-after") ?? "", now());
          throw apiErrorOf(response, parse(await response.text().catch(() => "")));
        }
        connection.isOpen();
        for await (const { id, event, data } of eventsOf(response, signal)) {
          last = id ?? last;
          attempt = 1;
          if (data !== "") yield { event, data: parse(data), lastEventId: last };
        }
        if (signal?.aborted) return;
        connection.isLost("the connection was closed");
      } catch (error) {
        if (signal?.aborted) return;
        if (!isTransient(error)) throw error;
        connection.isLost(
          error instanceof ApiError ? `the service answers ${error.status}` : "no connection",
        );
      }
      try {
        await delay(Math.max(afterMs, backoffMs(attempt, random())), signal);
      } catch (error) {
        if (signal?.aborted) return;
        throw error;
      }
    }
  };
}

/** Calls `onLost` and `onBack` once for each time that the connection is lost. */
function watchConnection({ onLost, onBack }: StreamOptions) {
  let lost = false;
  return {
    isOpen() {
      if (lost) onBack?.();
      lost = false;
    },
    isLost(reason: string) {
      if (!lost) onLost?.(reason);
      lost = true;
    },
  };
}

async function connect(
  options: ClientOptions,
  url: string,
  lastEventId: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const { fetch: send = fetch } = options;
  try {
    return await send(url, {
      method: "GET",
      headers: {
        accept: "text/event-stream, application/problem+json",
        ...callerHeaders(options),
        ...(lastEventId === "" ? {} : { "last-event-id": lastEventId }),
      },
      redirect: "manual",
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    throw new ConnectionError(error);
  }
}

const isStream = ({ ok, headers }: Response): boolean =>
  ok && (headers.get("content-type") ?? "").startsWith("text/event-stream");

type Block = { id: string | undefined; event: string; data: string };

/** Reads the blocks of a stream, also those without data, because their ids count. */
async function* eventsOf(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Block> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const read = await readInTime(reader, signal);
      if (read.done) return;
      text += decoder.decode(read.value, { stream: true });
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop() ?? "";
      if (text.length > eventCharactersMax) throw new ConnectionError("An event does not end.");
      for (const block of blocks) yield blockOf(block);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal | undefined,
) {
  signal?.throwIfAborted();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The stream is silent.")), silenceMsMax);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    throw new ConnectionError(error);
  } finally {
    clearTimeout(timer);
  }
}

function blockOf(text: string): Block {
  const block: Block = { id: undefined, event: "message", data: "" };
  const data: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name, value = ""] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === "id") block.id = value;
    if (name === "event") block.event = value;
    if (name === "data") data.push(value);
  }
  return { ...block, data: data.join("\n") };
}
