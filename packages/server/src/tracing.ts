import { randomBytes } from "node:crypto";
import { type Attributes, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { openTraceExporter, type TraceExporterOptions } from "./trace-exporter.ts";

/** The parent of a span: a W3C `traceparent` of version 00, possibly with more text after it; none begins a trace. */
type Parent = string | null | undefined;

/** A span that has not ended. */
export type OpenSpan = {
  /** 16 hex digits. */
  spanId: string;
  /** It is exported, so other spans may be its children. */
  recorded: boolean;
  /** Ends it; an error is given as one of the service's codes. `shared`: more attributes, from `shareAttributes`. */
  end(attributes: Attributes, errorCode?: string | null, shared?: SharedAttributes): void;
};

/** Attributes that many spans have. They are encoded once: encoding them is most of what a span costs. */
export type SharedAttributes = { readonly encoded: string };

/** Encodes attributes that many spans have. */
export const shareAttributes = (attributes: Attributes): SharedAttributes => ({
  encoded: Buffer.from(encodeAttributes(attributes)).toString(),
});

/** Makes spans for a collector; without a collector, there is no `Tracing` at all. */
export type Tracing = {
  open(name: string, kind: "internal" | "client", parent: Parent): OpenSpan;
  /** Records a span that is over; `startedAtMs`: its start by `performance.now()`. */
  tell(name: string, startedAtMs: number, attributes: Attributes): void;
  /** Sends the remaining spans, for at most a few seconds. */
  close(): Promise<void>;
};

const kinds = { internal: SpanKind.INTERNAL, client: SpanKind.CLIENT } as const;

/**
 * Opens tracing: OpenTelemetry spans for a collector.
 *
 * A reported trace decides whether it is sampled; spans without a trace are always exported. It is our own code with
 * OpenTelemetry's formats: with its SDK each span costs three times as much (ADR 35).
 */
export function openTracing(
  collector: Pick<TraceExporterOptions, "endpoint" | "headers"> & { version: string },
): Tracing {
  const { add, close } = openTraceExporter({
    ...collector,
    envelope: envelopeOf("postrider", collector.version),
  });
  return {
    open(name, kind, parent) {
      const spanId = newId(8);
      if (parent && !isSampled(parent)) return { spanId, recorded: false, end: () => {} };
      const startedAtMs = performance.now();
      return {
        spanId,
        recorded: true,
        end(attributes, errorCode, shared) {
          const timing = { startedAtMs, endedAtMs: performance.now() };
          add(
            encodeSpan({
              name,
              kind: kinds[kind],
              spanId,
              parent,
              attributes,
              shared,
              errorCode,
              ...timing,
            }),
          );
        },
      };
    },
    tell(name, startedAtMs, attributes) {
      const timing = { startedAtMs, endedAtMs: performance.now() };
      const own = { kind: SpanKind.INTERNAL, spanId: newId(8), parent: null, errorCode: null };
      add(encodeSpan({ name, attributes, ...own, ...timing }));
    },
    close,
  };
}

const isSampled = (parent: string): boolean =>
  (Number.parseInt(parent.slice(53, 55), 16) & TraceFlags.SAMPLED) !== 0;

/** Random ids are cut from a pool of this size: made one by one, they cost more than the span. */
const poolBytes = 8_192;
let pool = "";
let poolAt = 0;

function newId(bytes: number): string {
  const digits = bytes * 2;
  if (poolAt + digits > pool.length) {
    pool = randomBytes(poolBytes).toString("hex");
    poolAt = 0;
  }
  poolAt += digits;
  return pool.slice(poolAt - digits, poolAt);
}

type EndedSpan = {
  name: string;
  kind: SpanKind;
  spanId: string;
  parent: Parent;
  startedAtMs: number;
  endedAtMs: number;
  attributes: Attributes;
  shared?: SharedAttributes | undefined;
  errorCode: string | null | undefined;
};

/** The JSON of OTLP (opentelemetry-proto, Span): its kinds are counted from 1. Ids and names are ours, other text is quoted. */
function encodeSpan(span: EndedSpan): string {
  const { name, kind, spanId, parent, startedAtMs, endedAtMs, errorCode } = span;
  const traceId = parent ? parent.slice(3, 35) : newId(16);
  const parentId = parent ? `"parentSpanId":"${parent.slice(36, 52)}",` : "";
  const failed = errorCode ? `,"status":{"code":${SpanStatusCode.ERROR}}` : "";
  const own = errorCode ? { ...span.attributes, "error.type": errorCode } : span.attributes;
  const attributes = encodeAttributes(own, span.shared?.encoded);
  return `{"traceId":"${traceId}","spanId":"${spanId}",${parentId}"name":"${name}","kind":${kind + 1},"startTimeUnixNano":"${nanoseconds(startedAtMs)}","endTimeUnixNano":"${nanoseconds(endedAtMs)}","attributes":[${attributes}]${failed}}`;
}

/** Nanoseconds since 1970, exact to a microsecond, which is the precision of a double. */
const nanoseconds = (atMs: number): string => `${Math.floor((originMs + atMs) * 1_000)}000`;

const originMs = performance.timeOrigin;

/** Encodes attributes; they are added to `encoded` ones. */
function encodeAttributes(attributes: Attributes, encoded = ""): string {
  let text = encoded;
  for (const key in attributes) {
    const value = attributes[key];
    if (value === undefined) continue;
    const typed =
      typeof value === "number"
        ? `{"intValue":"${value}"}`
        : `{"stringValue":${JSON.stringify(String(value))}}`;
    text += `${text === "" ? "" : ","}{"key":"${key}","value":${typed}}`;
  }
  return text;
}

/** The JSON around the spans of a request (ExportTraceServiceRequest). */
function envelopeOf(name: string, version: string): TraceExporterOptions["envelope"] {
  const resource = encodeAttributes({ "service.name": name, "service.version": version });
  const scope = JSON.stringify({ name, version });
  return {
    head: `{"resourceSpans":[{"resource":{"attributes":[${resource}]},"scopeSpans":[{"scope":${scope},"spans":[`,
    tail: "]}]}]}",
  };
}
