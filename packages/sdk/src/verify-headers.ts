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
 * All of these return false for a request without a valid header: it is absent, present twice, or wrong. They throw a
 * TypeError for a mistake of the caller: a missing secret, a parsed body, a header that is not a text.
 */

/** The value of a header, as frameworks give it; several headers with one name are never accepted. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** The two headers that workflow webhooks carry for the platform's own SDK. */
export type TimedHeaders = { signature: HeaderValue; timestamp: HeaderValue };

/**
 * Proves `X-Webhook-Signature`: the lower-case hex HMAC-SHA256 of the raw body under the webhook's secret.
 *
 * It covers no time, so an attacker can replay a request. Prefer `verify`, which works for every request.
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
 * Proves `X-Interactly-Signature` and checks `X-Interactly-Timestamp`, which workflow webhooks have.
 *
 * The signature is that of `verifyBody`, with the undecoded text `whsec_…` as the key. The time is not signed, so an
 * attacker can replay a request with a new time. Prefer `verify`.
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

/** Proves `x-interactly-secret`, or the header that your operator configured instead. */
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

/** Compares digests under a random key: the time depends neither on where two texts differ nor on their lengths. */
async function sameSecret(given: string | undefined, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const key = crypto.getRandomValues(new Uint8Array(32));
  const [a, b] = await Promise.all(
    [given ?? "", expected].map((text) => hmacSha256(key, encoder.encode(text))),
  );
  return given !== undefined && sameText(String(a), String(b));
}
