import { type ApiError, apiErrorOf, ConnectionError, isTransient } from "./api-error.ts";
import type { ClientOptions } from "./client-options.ts";
import { requireObject, requireOptions, requireSignal } from "./guards.ts";

/** The options of every method, its last argument. */
export type RequestOptions = {
  signal?: AbortSignal;
  /** The `Idempotency-Key` of a POST: the same key within 24 hours is the same request. Default: a random key. */
  idempotencyKey?: string;
};

/** One request of the API; `json` is a body that is JSON text already. */
export type ApiRequest = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: object | undefined;
  body?: unknown;
  json?: string;
  /** The body identifies itself: if it is sent twice, it counts once. Without a key of the caller, it is sent without one. */
  namesItself?: boolean;
  /** Milliseconds for which the request is repeated, instead of `retriesMax`. */
  patienceMs?: number;
  /** Finds in an answer an error because of which the request must be sent again. */
  unfinished?: (answer: object | undefined) => ApiError | undefined;
};

/**
 * Sends a request until it is answered and gives the parsed body; throws ApiError or ConnectionError.
 *
 * The options are the caller's own, as a method got them: whatever is not a known option is a TypeError.
 */
export type Send = <Answer>(request: ApiRequest, options?: RequestOptions) => Promise<Answer>;

const retryBaseMs = 250;
const retryDelayMaxMs = 10_000;

/** How long to wait before attempt 2, 3 and so on, unless the service asks for more; `random` is from 0 up to 1. */
export const backoffMs = (attempt: number, random: number): number =>
  Math.min(retryDelayMaxMs, retryBaseMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
/** The longest `Retry-After` that the client waits for. */
const retryAfterMaxMs = 60_000;

type Failure = { error: ApiError | ConnectionError; retryAfterMs: number };

/**
 * Makes the one function that sends all requests.
 *
 * Network errors, timeouts, 429 and 5xx (but 501) are retried after an exponential delay with jitter, or after `Retry-After`
 * where that is longer. All attempts of a POST have the same Idempotency-Key, so that it is executed once. Redirects are never
 * followed: the API key would go along.
 */
export function openSend(options: ClientOptions): Send {
  const { retriesMax = 4, delay = wait, random = chance, now = Date.now } = options;

  return async <Answer>(request: ApiRequest, own?: RequestOptions): Promise<Answer> => {
    requireOptions(own, { signal: requireSignal, idempotencyKey: requireIdempotencyKey });
    const { signal, idempotencyKey } = own ?? {};
    const fixed = init(options, request, idempotencyKey);
    const startedAtMs = now();
    let waitedMs = 0;
    const isEnough = (attempt: number) =>
      request.patienceMs === undefined
        ? attempt > retriesMax
        : Math.max(waitedMs, now() - startedAtMs) >= request.patienceMs;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const result = await tryOnce<Answer>(options, request, fixed, signal);
      if ("answer" in result) return result.answer;
      const { error, retryAfterMs } = result;
      // An earlier attempt, whose answer was lost, must have deleted it.
      if (attempt > 1 && request.method === "DELETE" && isStatus(error, 404)) {
        return undefined as Answer;
      }
      if (!retryable(error) || isEnough(attempt) || retryAfterMs > retryAfterMaxMs) throw error;
      const delayMs = Math.max(retryAfterMs, backoffMs(attempt, random()));
      await delay(delayMs, signal);
      waitedMs += delayMs;
    }
  };
}

type Init = { url: string; method: string; headers: Record<string, string>; body?: string };

/** The parts of a request that are the same on all attempts. */
function init(
  options: ClientOptions,
  request: ApiRequest,
  idempotencyKey: string | undefined = request.namesItself ? undefined : crypto.randomUUID(),
): Init {
  const body =
    request.json ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
  return {
    url: urlOf(options, request),
    method: request.method,
    headers: {
      accept: "application/json, application/problem+json",
      ...callerHeaders(options),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(request.method === "POST" && idempotencyKey !== undefined
        ? { "idempotency-key": idempotencyKey }
        : {}),
    },
    ...(body === undefined ? {} : { body }),
  };
}

/** The URL of a request. */
export const urlOf = (
  { url }: ClientOptions,
  { path, query }: Pick<ApiRequest, "path" | "query">,
): string => url.replace(/\/+$/, "") + path + queryText(query);

/** The headers with the API key and the team. */
export const callerHeaders = ({ apiKey, teamId }: ClientOptions): Record<string, string> => ({
  authorization: `Bearer ${apiKey}`,
  ...(teamId === undefined ? {} : { "x-org-id": teamId }),
});

async function tryOnce<Answer>(
  { fetch: send = fetch, timeoutMs = 30_000, now = Date.now }: ClientOptions,
  { unfinished }: ApiRequest,
  { url, ...fixed }: Init,
  stop: AbortSignal | undefined,
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
  // The service still works on an earlier attempt whose answer this client did not wait for.
  return isTransient(error) || ("code" in error && error.code === "idempotency_key_in_flight");
}

function requireIdempotencyKey(value: unknown, name: string): void {
  if (typeof value !== "string" || !/^[\x20-\x7e]{1,255}$/.test(value)) {
    throw new TypeError(`${name} must be 1 to 255 printable ASCII characters.`);
  }
}

const isStatus = (error: Failure["error"], status: number): boolean =>
  "status" in error && error.status === status;

/** Parses JSON; undefined when it is invalid. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads seconds or an HTTP date (RFC 9110 §10.2.3); 0 for anything else and for a date in the past. */
export function retryAfterMs(value: string, nowMs: number): number {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? 0 : atMs - nowMs;
}

function queryText(query: object = {}): string {
  const pairs = Object.entries(requireObject(query, "The query"))
    .filter(([, value]) => value !== undefined)
    // A list becomes a repeated parameter.
    .flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, String(one)]));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

/** Waits with a timer. */
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

/** A random number from 0 (included) to 1 (excluded). */
export function chance(): number {
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
  return drawn / 2 ** 32;
}
