import type { AttemptResult } from "../domain/outcome.ts";
import type { Timing } from "../domain/timing.ts";
import { reach } from "../fault-points.ts";
import type { Connection, Connections, Handler } from "./connections.ts";
import { type Deadlines, Expiring } from "./deadlines.ts";
import { ConnectError, describeFailure, type Failure, slowFailure } from "./failures.ts";
import type { Request } from "./request-text.ts";
import { ResponseBody } from "./response-body.ts";

/** One request as it is sent; only `host`, `connection` and `content-length` are added. */
export type SendRequest = {
  /** `https://host:port` */
  origin: string;
  /** Path and query. */
  path: string;
  /** Names and values in turn. */
  headers: readonly string[];
  body: Buffer;
  /** HEAD: a test of the way to a receiver; undefined: POST. */
  method?: "HEAD";
  /** Time limit from the call to the complete response head. */
  timeoutMs: number;
};

/** What was seen on the wire besides the result. */
export type Wire = {
  /** The IP address that was connected to; null when there was none, or only the proxy knows it. */
  address: string | null;
  timing: Timing;
  /** Names and values in turn, in latin1, as they were received. */
  responseHeaders: readonly string[];
};

/** The wire of a request that was never sent. */
export const nothingSeen: Wire = {
  address: null,
  timing: { dns: null, connect: null, tls: null, wait: null, read: null },
  responseHeaders: [],
};

/** How it ended, the time until the response head or the failure, and what else was seen. */
export type SendReport = { result: AttemptResult; latencyMs: number; wire: Wire };

export type ExchangeDeps = {
  connections: Connections;
  deadlines: Deadlines;
  /** Called once when the exchange is over. */
  onEnd: () => void;
};

const bodyTimeMs = 1_000;

/**
 * One request and its response: the connection's handler and its own deadline in one object, because
 * closures for each request would cost more than the request itself.
 *
 * Until `onWriting` nothing was sent, and a kept connection that turns out to be dead is replaced once by a new one. After
 * that, bytes may have been sent, and a failure is reported: the receiver may have acted on the request.
 */
export class Exchange extends Expiring implements Handler {
  readonly #deps: ExchangeDeps;
  readonly #request: SendRequest;
  readonly #resolve: (report: SendReport) => void;
  readonly #startedMs = performance.now();
  #latencyMs = 0;
  #connection: Connection | undefined;
  #writing = false;
  /** The status of the final response head; 0 until there is one. */
  #status = 0;
  #retryAfter: string | undefined;
  #contentEncoding: string | undefined;
  #responseHeaders: readonly string[] = [];
  /** The connection had an exchange before this one. */
  #reused = false;
  #body: ResponseBody | undefined;
  #settled = false;

  constructor(deps: ExchangeDeps, request: SendRequest, resolve: (report: SendReport) => void) {
    super();
    this.#deps = deps;
    this.#request = request;
    this.#resolve = resolve;
  }

  /** Starts the exchange; `resolve` is called exactly once. */
  start() {
    this.#deps.deadlines.arm(this, this.#request.timeoutMs);
    this.#dispatch({ fresh: false });
  }

  #dispatch(options: { fresh: boolean }) {
    const { origin, path, headers, body, method = "POST" } = this.#request;
    try {
      this.#connection = this.#deps.connections.acquire(origin, options);
    } catch (error) {
      this.#fail(describeFailure(error));
      return;
    }
    this.#reused = this.#connection.kept;
    const request: Request = { method, path, headers, body: method === "HEAD" ? null : body };
    this.#deps.connections.dispatch(this.#connection, request, this);
  }

  onWriting() {
    this.#writing = true;
  }

  onWritten() {
    reach("after_request_written");
  }

  onHeaders(status: number, headers: readonly string[]) {
    if (this.#settled) return;
    reach("after_response_head");
    this.#latencyMs = performance.now() - this.#startedMs;
    this.#status = status;
    this.#responseHeaders = headers;
    this.#retryAfter = findHeader(headers, "retry-after");
    this.#contentEncoding = findHeader(headers, "content-encoding");
    this.#deps.deadlines.arm(this, bodyTimeMs);
  }

  onData(chunk: Buffer) {
    if (this.#settled) return;
    this.#body ??= new ResponseBody(this.#contentEncoding);
    if (!this.#body.add(chunk)) this.#respond(false);
  }

  onComplete() {
    if (!this.#settled) this.#respond(true);
  }

  onError(error: Error) {
    if (this.#settled) return;
    const connection = this.#connection;
    if (this.#status !== 0) {
      this.#respond(false);
    } else if (!this.#writing && connection?.kept && !(error instanceof ConnectError)) {
      this.#deps.connections.discard(connection);
      this.#dispatch({ fresh: true });
    } else {
      this.#fail(describeFailure(error));
    }
  }

  expire() {
    if (this.#settled) return;
    if (this.#status !== 0) {
      this.#respond(false);
    } else {
      const stage = this.#connection?.connecting?.stage ?? "answering";
      this.#fail(slowFailure(stage, this.#request.timeoutMs));
    }
  }

  #respond(complete: boolean) {
    const body = this.#body?.read(complete);
    this.#settle(complete, {
      kind: "responded",
      status: this.#status,
      body: body?.text ?? "",
      bodyTruncated: body?.truncated ?? !complete,
      retryAfter: this.#retryAfter,
    });
  }

  #fail({ reason, detail }: Failure) {
    this.#latencyMs = performance.now() - this.#startedMs;
    const seen = this.#connection?.answer.read();
    this.#settle(false, {
      kind: "unanswered",
      reason,
      detail,
      ...(seen && { seen }),
    });
  }

  #settle(clean: boolean, result: AttemptResult) {
    this.#settled = true;
    this.#deps.deadlines.disarm(this);
    if (this.#connection) {
      if (clean) this.#deps.connections.release(this.#connection);
      else this.#deps.connections.discard(this.#connection);
    }
    this.#deps.onEnd();
    this.#resolve({ result, latencyMs: this.#latencyMs, wire: this.#wire() });
  }

  /** Call it after the connection was released: before that it may still be opening. */
  #wire(): Wire {
    const way = this.#connection?.way;
    const { dns = null, connect = null, tls = null } = (this.#reused ? undefined : way) ?? {};
    const opening = (dns ?? 0) + (connect ?? 0) + (tls ?? 0);
    const headAtMs = this.#startedMs + this.#latencyMs;
    return {
      address: way?.address ?? null,
      timing: {
        dns,
        connect,
        tls,
        wait: this.#writing ? Math.max(0, this.#latencyMs - opening) : null,
        read: this.#status === 0 ? null : performance.now() - headAtMs,
      },
      responseHeaders: this.#responseHeaders,
    };
  }
}

/** The value of a field, repeated ones joined by ", " (RFC 9110 5.3); `name` in lower case. */
function findHeader(headers: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const field = headers[index];
    if (field?.length !== name.length || field.toLowerCase() !== name) continue;
    const value = headers[index + 1] ?? "";
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}
