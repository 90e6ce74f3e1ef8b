import { hmacSha256, sameText } from "./constant-time.ts";
import { findTimeFault, requireVerifyOptions, type VerifyOptions } from "./freshness.ts";
import {
  type Bytes,
  requireBody,
  requireHeaderText,
  requireHeaderValue,
  requireOptions,
  requireText,
} from "./guards.ts";
import { parseSecret } from "./secret.ts";

/*
 * All of these give false for a request that proves nothing: its header is absent, there twice, or wrong. They throw a
 * TypeError for what only the caller can have got wrong: a secret that is not set, a parsed body, a header that is no text.
 */

/** A header as frameworks hand it over; more than one of it is never accepted. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** The two headers that workflow webhooks carry for the platform's own SDK. */
export type TimedHeaders = { signature: HeaderValue; timestamp: HeaderValue };

/**
 * Proves `X-Webhook-Signature`: the lower-case hex HMAC-SHA256 of the raw body under the webhook's secret.
 *
 * It covers no time: a request may be played again. Prefer `verify`, which every request can be checked with too.
 */
export async function verifyBody(
  body: Bytes,
  header: HeaderValue,
  secret: string,
): Promise<boolean> {
  const key = requireText(secret, "The secret");
  return await signsBody(requireBody(body), requireHeaderValue(header), key);
}

/**
 * Proves `X-Interactly-Signature` and looks at `X-Interactly-Timestamp`, which workflow webhooks carry.
 *
 * The signature is that of `verifyBody`, under the text `whsec_…` as it stands. The time is not signed: it keeps nobody
 * from playing a request again. Prefer `verify`.
 */
export async function verifyTimedBody(
  body: Bytes,
  headers: TimedHeaders,
  secret: string,
  options?: VerifyOptions,
): Promise<boolean> {
  parseSecret(secret);
  requireVerifyOptions(options);
  requireOptions(
    headers ?? null,
    { signature: requireHeaderValue, timestamp: requireHeaderValue },
    "The headers",
  );
  const bytes = requireBody(body);
  const timestamp = requireHeaderValue(headers.timestamp) ?? "";
  if (findTimeFault(timestamp, options ?? {}) !== undefined) return false;
  return await signsBody(bytes, requireHeaderValue(headers.signature), secret);
}

/** Proves `Authorization: Bearer <token>`. The scheme's name may be in any case (RFC 9110 §11.1). */
export async function verifyBearer(header: HeaderValue, token: string): Promise<boolean> {
  const expected = requireHeaderText(token, "The token");
  const given = /^bearer +(.*)$/is.exec(requireHeaderValue(header) ?? "")?.[1];
  return await sameSecret(given, expected);
}

/** Proves `x-interactly-secret`, or whatever your operator calls it. */
export async function verifySecret(header: HeaderValue, secret: string): Promise<boolean> {
  const expected = requireHeaderText(secret, "The secret");
  return await sameSecret(requireHeaderValue(header), expected);
}

async function signsBody(
  body: Uint8Array,
  signature: string | undefined,
  secret: string,
): Promise<boolean> {
  const expected = await hmacSha256(new TextEncoder().encode(secret), body);
  const hex = [...expected].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return signature !== undefined && sameText(signature, hex);
}

/** Compares digests under a key of this moment: the time tells neither where two texts differ nor how long they are. */
async function sameSecret(given: string | undefined, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const key = crypto.getRandomValues(new Uint8Array(32));
  const [a, b] = await Promise.all(
    [given ?? "", expected].map((text) => hmacSha256(key, encoder.encode(text))),
  );
  return given !== undefined && sameText(String(a), String(b));
}
