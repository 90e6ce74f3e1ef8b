import { type ApiError, apiErrorOf, ConnectionError, isTransient } from "./api-error.ts";
import type { ClientOptions } from "./client-options.ts";
import { requireSignal } from "./guards.ts";

/** What every method takes last. */
export type RequestOptions = {
  signal?: AbortSignal;
  /** Names a POST; the same name within 24 hours is the same request. Made up unless told. */
  idempotencyKey?: string;
};

/** One request of the API; `json` is a body that is JSON text already. */
export type ApiRequest = RequestOptions & {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: object | undefined;
  body?: unknown;
  json?: string;
  /** The body names what it reports: sent twice it counts once, also without an Idempotency-Key. */
  namesItself?: boolean;
  /** The request is repeated for so long, instead of so often. */
  patienceMs?: number;
  /** Finds in an answer what the service could not do just now. */
  unfinished?: (answer: object | undefined) => ApiError | undefined;
};

/** Sends a request until it is answered and gives the parsed body; throws ApiError or ConnectionError. */
export type Send = <Answer>(request: ApiRequest) => Promise<Answer>;

const retryBaseMs = 250;
const retryDelayMaxMs = 10_000;

/** How long to wait before attempt 2, 3 and so on, unless the service asks for more; `random` is from 0 up to 1. */
export const backoffMs = (attempt: number, random: number): number =>
  Math.min(retryDelayMaxMs, retryBaseMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
/** A service that asks for more patience than this is not waited for. */
const retryAfterMaxMs = 60_000;

type Failure = { error: ApiError | ConnectionError; retryAfterMs: number };

/**
 * Makes the one function through which everything goes.
 *
 * Network errors, timeouts, 429 and 5xx (but 501) are retried after an exponential delay with jitter, or after `Retry-After`
 * where that is longer. All attempts at a POST carry the same Idempotency-Key, so that it is done once. Redirects are never
 * followed: the API key would go along.
 */
export function openSend(options: ClientOptions): Send {
  const { retriesMax = 4, delay = wait, random = chance, now = Date.now } = options;

  return async <Answer>(request: ApiRequest): Promise<Answer> => {
    requireRequestOptions(request);
    const fixed = init(options, request);
    const startedAtMs = now();
    let waitedMs = 0;
    const isEnough = (attempt: number) =>
      request.patienceMs === undefined
        ? attempt > retriesMax
        : Math.max(waitedMs, now() - startedAtMs) >= request.patienceMs;
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      const result = await tryOnce<Answer>(options, request, fixed);
      if ("answer" in result) return result.answer;
      const { error, retryAfterMs } = result;
      // The lost answer to an earlier attempt must have been 204.
      if (attempt > 1 && request.method === "DELETE" && isStatus(error, 404)) {
        return undefined as Answer;
      }
      if (!retryable(error) || isEnough(attempt) || retryAfterMs > retryAfterMaxMs) throw error;
      const delayMs = Math.max(retryAfterMs, backoffMs(attempt, random()));
      await delay(delayMs, request.signal);
      waitedMs += delayMs;
    }
  };
}

type Init = { url: string; method: string; headers: Record<string, string>; body?: string };

/** What is equal on all attempts. */
function init(options: ClientOptions, request: ApiRequest): Init {
  const body =
    request.json ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
  return {
    url: urlOf(options, request),
    method: request.method,
    headers: {
      accept: "application/json, application/problem+json",
      ...callerHeaders(options),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(request.method === "POST" && !request.namesItself
        ? { "idempotency-key": request.idempotencyKey ?? crypto.randomUUID() }
        : {}),
    },
    ...(body === undefined ? {} : { body }),
  };
}

/** Where a request goes. */
export const urlOf = (
  { url }: ClientOptions,
  { path, query }: Pick<ApiRequest, "path" | "query">,
): string => url.replace(/\/+$/, "") + path + queryText(query);

/** The headers that say who asks, and for which team. */
export const callerHeaders = ({ apiKey, teamId }: ClientOptions): Record<string, string> => ({
  authorization: `Bearer ${apiKey}`,
  ...(teamId === undefined ? {} : { "x-org-id": teamId }),
});

async function tryOnce<Answer>(
  { fetch: send = fetch, timeoutMs = 30_000, now = Date.now }: ClientOptions,
  { signal: stop, unfinished }: ApiRequest,
  { url, ...fixed }: Init,
): Promise<{ answer: Answer } | Failure> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = stop ? AbortSignal.any([stop, timeout]) : timeout;
  try {
    const response = await send(url, { ...fixed, redirect: "manual", signal });
    const text = await response.text();
    const body = parse(text);
    const ok = response.ok && (text === "" || body !== undefined);
    const error = ok ? unfinished?.(body as object | undefined) : apiErrorOf(response, body);
    if (error === undefined) return { answer: body as Answer };
    return { error, retryAfterMs: retryAfterMs(response.headers.get("retry-after") ?? "", now()) };
  } catch (error) {
    stop?.throwIfAborted();
    return { error: new ConnectionError(error), retryAfterMs: 0 };
  }
}

function retryable(error: Failure["error"]): boolean {
  // Our own earlier attempt, whose answer we did not wait for, is still being worked on.
  return isTransient(error) || ("code" in error && error.code === "idempotency_key_in_flight");
}

const optionNames = ["signal", "idempotencyKey"];
/** What the methods themselves say of a request. */
const ownNames = [
  "method",
  "path",
  "query",
  "body",
  "json",
  "namesItself",
  "patienceMs",
  "unfinished",
];

/** Requires what every method takes last, where it is given, and nothing that no method knows. */
function requireRequestOptions(request: ApiRequest): void {
  const unknown = Object.keys(request).find(
    (name) => !optionNames.includes(name) && !ownNames.includes(name),
  );
  if (unknown !== undefined) {
    throw new TypeError(
      `The options have no member "${unknown}"; there are ${optionNames.join(", ")}.`,
    );
  }
  const { signal, idempotencyKey } = request;
  requireSignal(signal);
  if (idempotencyKey === undefined) return;
  if (typeof idempotencyKey !== "string" || !/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw new TypeError("idempotencyKey must be 1 to 255 printable ASCII characters.");
  }
}

const isStatus = (error: Failure["error"], status: number): boolean =>
  "status" in error && error.status === status;

/** Reads JSON; undefined for what is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads seconds or an HTTP date (RFC 9110 §10.2.3); anything else is no delay, and neither is a date that is over. */
export function retryAfterMs(value: string, nowMs: number): number {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? 0 : atMs - nowMs;
}

function queryText(query: object = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    // A list is its parameter, repeated.
    .flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)]));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** Waits for real. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** A number from 0 up to 1. */
export function chance(): number {
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
  return drawn / 2 ** 32;
}
