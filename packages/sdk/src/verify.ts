import { hmacSha256, sameText } from "./constant-time.ts";
import { readEvent, type WebhookEvent } from "./events.ts";
import { findTimeFault, requireVerifyOptions, type VerifyOptions } from "./freshness.ts";
import { type Bytes, isTexts, kindOf, requireBody, requireObject } from "./guards.ts";
import { encodeBase64, requireSecrets } from "./secret.ts";

/** Says why a request was not accepted. */
export type WebhookVerificationCode =
  | "missing_header"
  | "invalid_header"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "no_matching_signature";

/** Thrown by `verify` for a request that must not be trusted. Answer it with 401. */
export class WebhookVerificationError extends Error {
  readonly code: WebhookVerificationCode;

  constructor(code: WebhookVerificationCode, message: string) {
    super(message);
    this.name = "WebhookVerificationError";
    this.code = code;
  }
}

/** The headers of a request, as `fetch`, Node, Express or Lambda give them. */
export type WebhookHeaders =
  | Headers
  | ReadonlyMap<string, string | readonly string[] | null | undefined>
  | Record<string, string | readonly string[] | null | undefined>;

const SIGNATURES_MAX = 16;

/**
 * Proves that a request was signed under the secret, recently, and not changed since.
 *
 * Takes the raw body as text or bytes, never parsed and printed again: the signature covers the bytes. Of several
 * secrets, one must match. Returns the event: its id (drop duplicates by it), the time of the attempt, its contract, its
 * type, and the payload of that type.
 *
 * Throws WebhookVerificationError for an error of the sender: a header is missing, malformed or too old, or the signature is wrong.
 * Throws a TypeError for a mistake of the caller: a secret that is not set or not a `whsec_…`, a body that was
 * parsed before, invalid headers, an unknown option. Answer the first with 401; the second is a bug.
 * Needs WebCrypto only: Node ≥ 20, browsers, edge runtimes. Format: https://www.standardwebhooks.com.
 */
export async function verify(
  body: Bytes,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options?: VerifyOptions,
): Promise<WebhookEvent> {
  requireVerifyOptions(options);
  const keys = requireSecrets(secret);
  const bytes = requireBody(body);
  const valuesOf = requireHeaders(headers);

  const id = singleHeader(valuesOf, "webhook-id");
  const timestamp = singleHeader(valuesOf, "webhook-timestamp");
  const signatures = valuesOf("webhook-signature").join(" ");
  if (signatures === "") throw missing("webhook-signature");
  // With a full stop in the id, the same signed bytes could mean another id and another time.
  if (id.includes(".")) throw invalid("webhook-id");
  requireFresh(timestamp, options);

  const content = signedContent(`${id}.${timestamp}.`, bytes);
  for (const key of keys) {
    const expected = encodeBase64(await hmacSha256(key, content));
    if (signatures.split(" ", SIGNATURES_MAX).some((given) => sameText(given, `v1,${expected}`))) {
      return readEvent(bytes, { id, timestamp: new Date(Number(timestamp) * 1000) });
    }
  }
  throw new WebhookVerificationError("no_matching_signature", "No signature matches the request.");
}

function requireFresh(timestamp: string, options: VerifyOptions = {}): void {
  switch (findTimeFault(timestamp, options)) {
    case "malformed":
      throw invalid("webhook-timestamp");
    case "too_old":
      throw new WebhookVerificationError(
        "timestamp_too_old",
        "The request was signed too long ago.",
      );
    case "too_new":
      throw new WebhookVerificationError(
        "timestamp_too_new",
        "The request was signed in the future.",
      );
  }
}

/** Returns the values of a header, whatever the case of its name. */
type ValuesOf = (name: string) => string[];

function singleHeader(valuesOf: ValuesOf, name: string): string {
  const [value, ...others] = valuesOf(name);
  if (!value) throw missing(name);
  if (others.length > 0) throw invalid(name);
  return value;
}

/** Requires the headers of a request: an object of names and values, a Headers, or a Map. */
function requireHeaders(headers: WebhookHeaders): ValuesOf {
  const { get, entries } = (headers ?? {}) as Partial<Headers>;
  // Recognised by methods, not by instanceof: frameworks have their own Headers classes.
  if (typeof get === "function" && typeof entries !== "function") {
    return (name) => textsOf((headers as Headers).get(name));
  }
  const pairs =
    typeof get === "function"
      ? [...(headers as ReadonlyMap<string, string>).entries()]
      : Object.entries(requireObject(headers, "The headers"));
  const values = pairs.map(
    ([name, value]) => [String(name).toLowerCase(), textsOf(value)] as const,
  );
  return (name) => values.flatMap(([given, texts]) => (given === name ? texts : []));
}

function textsOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [value];
  if (isTexts(value)) return value;
  throw new TypeError(
    `Each header must be a string, but one is ${kindOf(value)}. Pass the request's headers.`,
  );
}

function signedContent(prefix: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(prefix);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

function missing(name: string): WebhookVerificationError {
  return new WebhookVerificationError("missing_header", `The ${name} header is missing.`);
}

function invalid(name: string): WebhookVerificationError {
  return new WebhookVerificationError("invalid_header", `The ${name} header is malformed.`);
}
