import http from "node:http";
import https from "node:https";

export type TraceExporterOptions = {
  /** `http://host:4318`; spans go to `/v1/traces` below it. */
  endpoint: string;
  /** Headers of each request; they may be secrets. */
  headers: Readonly<Record<string, string>>;
  /** JSON before and after the spans of a request. */
  envelope: { head: string; tail: string };
};

/** Takes spans, and sends them when there are many or a second has passed. */
export type TraceExporter = {
  /** Takes the JSON of one span. */
  add(span: string): void;
  /** Sends the remaining spans; resolves when they were accepted or given up. */
  close(): Promise<void>;
};

const batchBytes = 1024 * 1024;
const batchMs = 1_000;
const requestsMax = 2;
const answerMsMax = 5_000;

/**
 * Opens the exporter to a collector: OTLP as JSON over HTTP. Nothing waits for it; spans that the collector does not
 * accept are lost.
 *
 * Spans are written into one buffer at once: objects that are kept until they are sent would cost the garbage collector
 * more than the rest of tracing (ADR 35).
 */
export function openTraceExporter({
  endpoint,
  headers,
  envelope,
}: TraceExporterOptions): TraceExporter {
  const url = new URL(`${endpoint.replace(/\/$/, "")}/v1/traces`);
  const { Agent, request } = url.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: requestsMax });
  const head = Buffer.from(envelope.head);
  const tail = Buffer.from(envelope.tail);
  const spare: Buffer[] = [];
  const underway = new Set<Promise<void>>();
  let batch = begin();
  let timer: NodeJS.Timeout | undefined;

  function begin() {
    const bytes = spare.pop() ?? Buffer.allocUnsafeSlow(batchBytes);
    return { bytes, used: head.copy(bytes), empty: true };
  }

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    if (batch.empty) return;
    const { bytes, used } = batch;
    const body = bytes.subarray(0, used + tail.copy(bytes, used));
    if (underway.size < requestsMax) {
      const posted = post(body).finally(() => {
        underway.delete(posted);
        spare.push(bytes);
      });
      underway.add(posted);
    } else spare.push(bytes);
    batch = begin();
  }

  /** Resolves when the request is over, whatever its result. */
  function post(body: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const sent = request(url, {
        method: "POST",
        agent,
        timeout: answerMsMax,
        headers: {
          ...headers,
          "content-type": "application/json",
          "content-length": String(body.length),
        },
      });
      sent.on("timeout", () => sent.destroy());
      sent.on("error", () => {});
      sent.on("response", (response) => response.resume());
      sent.on("close", resolve);
      sent.end(body);
    });
  }

  return {
    add(span) {
      // A UTF-16 unit is at most three bytes of UTF-8.
      const mostBytes = span.length * 3 + 1 + tail.length;
      if (batch.used + mostBytes > batchBytes) send();
      if (batch.used + mostBytes > batchBytes) return;
      if (!batch.empty) batch.bytes[batch.used++] = comma;
      batch.used += batch.bytes.write(span, batch.used);
      batch.empty = false;
      timer ??= setTimeout(send, batchMs).unref();
    },
    async close() {
      send();
      await Promise.all(underway);
      agent.destroy();
    },
  };
}

const comma = 0x2c;
