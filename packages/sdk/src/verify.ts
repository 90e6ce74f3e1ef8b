import { hmacSha256, sameText } from "./constant-time.ts";
import { encodeBase64, parseSecret } from "./secret.ts";

/** Says why a request was not accepted. */
export type WebhookVerificationCode =
  | "missing_header"
  | "invalid_header"
  | "timestamp_too_old"
  | "timestamp_too_new"
  | "no_matching_signature";

/** Is thrown by `verify` for a request that must not be trusted; answer it with 401. */
export class WebhookVerificationError extends Error {
  readonly code: WebhookVerificationCode;

  constructor(code: WebhookVerificationCode, message: string) {
    super(message);
    this.name = "WebhookVerificationError";
    this.code = code;
  }
}

/** Are the headers of a request as `fetch` or as Node, Express and Lambda hand them over. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/** Changes how fresh a request must be (300 seconds unless told) and which clock says so (ms). */
export type VerifyOptions = { toleranceSeconds?: number; now?: () => number };

const SIGNATURES_MAX = 16;

/**
 * Proves that a request was signed under the secret, recently, and not changed since.
 *
 * Takes the raw body, never parsed and printed again: the signature covers bytes. Any one of several
 * secrets will do. Gives the event's id, the key to drop duplicates by, and the time of the attempt.
 * Throws WebhookVerificationError for the request, TypeError for a malformed secret. Needs WebCrypto
 * only: Node ≥ 20, browsers, edge runtimes. Format: https://www.standardwebhooks.com.
 */
export async function verify(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | string[],
  options: VerifyOptions = {},
): Promise<{ id: string; timestamp: Date }> {
  const keys = (Array.isArray(secret) ? secret : [secret]).map(parseSecret);
  if (keys.length === 0) throw new TypeError("At least one signing secret is needed.");

  const id = singleHeader(headers, "webhook-id");
  const timestamp = singleHeader(headers, "webhook-timestamp");
  const signatures = headerValues(headers, "webhook-signature").join(" ");
  if (signatures === "") throw missing("webhook-signature");
  // A full stop would let the same signed bytes be cut into another id and another time.
  if (id.includes(".")) throw invalid("webhook-id");
  if (!/^\d{1,12}$/.test(timestamp)) throw invalid("webhook-timestamp");
  requireFresh(Number(timestamp), options);

  const content = signedContent(`${id}.${timestamp}.`, body);
  for (const key of keys) {
    const expected = encodeBase64(await hmacSha256(key, content));
    if (signatures.split(" ", SIGNATURES_MAX).some((given) => sameText(given, `v1,${expected}`))) {
      return { id, timestamp: new Date(Number(timestamp) * 1000) };
    }
  }
  throw new WebhookVerificationError("no_matching_signature", "No signature matches the request.");
}

function requireFresh(timestampSeconds: number, options: VerifyOptions): void {
  const { toleranceSeconds = 300, now = Date.now } = options;
  if (!(toleranceSeconds >= 0)) throw new TypeError("toleranceSeconds must be 0 or more.");
  const ageSeconds = Math.floor(now() / 1000) - timestampSeconds;
  if (ageSeconds > toleranceSeconds) {
    throw new WebhookVerificationError("timestamp_too_old", "The request was signed too long ago.");
  }
  if (ageSeconds < -toleranceSeconds) {
    throw new WebhookVerificationError(
      "timestamp_too_new",
      "The request was signed in the future.",
    );
  }
}

function singleHeader(headers: WebhookHeaders, name: string): string {
  const [value, ...others] = headerValues(headers, name);
  if (!value) throw missing(name);
  if (others.length > 0) throw invalid(name);
  return value;
}

function headerValues(headers: WebhookHeaders, name: string): string[] {
  // By its method, not by instanceof: frameworks bring Headers classes of their own.
  if (typeof headers.get === "function") {
    const value = (headers as Headers).get(name);
    return value === null ? [] : [value];
  }
  return Object.entries(headers as Record<string, string | string[] | undefined>)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? []);
}

function signedContent(prefix: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const head = encoder.encode(prefix);
  const tail = typeof body === "string" ? encoder.encode(body) : body;
  const content = new Uint8Array(head.length + tail.length);
  content.set(head);
  content.set(tail, head.length);
  return content;
}

function missing(name: string): WebhookVerificationError {
  return new WebhookVerificationError("missing_header", `The ${name} header is missing.`);
}

function invalid(name: string): WebhookVerificationError {
  return new WebhookVerificationError("invalid_header", `The ${name} header is malformed.`);
}
