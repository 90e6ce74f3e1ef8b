import { createHmac, randomBytes } from "node:crypto";
import { type Dispatcher, Pool } from "undici";

/** Makes POSTs to one origin as fast as undici can: raw dispatch, kept connections, undici's own timeouts. */
export type Poster = {
  /** Makes one POST; resolves when a 2xx is complete, rejects at anything else. `headers`: names and values in turn. */
  post(path: string, headers: readonly string[], body: Buffer): Promise<Answer>;
  close(): Promise<void>;
};

/** Makes signed POSTs: the ceiling of the comparison, and the POST code of every peer. */
export type SignedPoster = {
  post(path: string, id: string, body: Buffer): Promise<Answer>;
  close(): Promise<void>;
};

export type Answer = { status: number; latencyMs: number };

const timeoutMs = 30_000;
const secret = randomBytes(32);

/** Opens as many connections to one origin as POSTs are to run at once. */
export function openPoster(origin: string, connections: number): Poster {
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 60_000,
    keepAliveMaxTimeout: 600_000,
  });
  return {
    post: (path, headers, body) =>
      new Promise((resolve, reject) => {
        const request = { method: "POST" as const, path, headers: headers as string[], body };
        pool.dispatch(request, new Post(resolve, reject));
      }),
    close: () => pool.close(),
  };
}

/** Opens a poster that signs as Standard Webhooks says. */
export function openSignedPoster(origin: string, connections: number): SignedPoster {
  const { post, close } = openPoster(origin, connections);
  return { post: (path, id, body) => post(path, signedHeaders(id, body), body), close };
}

/** The headers of Standard Webhooks, with a fresh time and signature. */
function signedHeaders(id: string, body: Buffer): string[] {
  const timestamp = Math.floor(Date.now() / 1_000);
  const signature = createHmac("sha256", secret)
    .update(`${id}.${timestamp}.`)
    .update(body)
    .digest("base64");
  return [
    "content-type",
    "application/json",
    "user-agent",
    "bench",
    "accept-encoding",
    "identity",
    "webhook-id",
    id,
    "webhook-timestamp",
    String(timestamp),
    "webhook-signature",
    `v1,${signature}`,
  ];
}

/** One exchange. A class and not closures, which would cost more for each request. */
class Post implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  readonly #startedMs = performance.now();
  #status = 0;

  constructor(resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onConnect() {}

  onHeaders(status: number): boolean {
    this.#status = status;
    return true;
  }

  onData(): boolean {
    return true;
  }

  onComplete() {
    if (this.#status >= 200 && this.#status < 300) {
      const latencyMs = Math.round(performance.now() - this.#startedMs);
      this.#resolve({ status: this.#status, latencyMs });
    } else this.#reject(new Error(`status ${this.#status}`));
  }

  onError(error: Error) {
    this.#reject(error);
  }
}
