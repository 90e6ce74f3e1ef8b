import { hmacSha256, sameText } from "./constant-time.ts";

/** A header as frameworks hand it over; more than one of it is never accepted. */
export type HeaderValue = string | readonly string[] | null | undefined;

/**
 * Proves `X-Webhook-Signature`: the lower-case hex HMAC-SHA256 of the raw body under the webhook's secret.
 *
 * It covers no time: a request may be played again. Prefer `verify`, which every request can be checked with too.
 */
export async function verifyBody(
  body: string | Uint8Array,
  header: HeaderValue,
  secret: string,
): Promise<boolean> {
  requireSecret(secret);
  const encoder = new TextEncoder();
  const bytes = typeof body === "string" ? encoder.encode(body) : new Uint8Array(body);
  const expected = await hmacSha256(encoder.encode(secret), bytes);
  const hex = [...expected].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return typeof header === "string" && sameText(header, hex);
}

/** Proves `Authorization: Bearer <token>`. The scheme's name may be in any case (RFC 9110 §11.1). */
export async function verifyBearer(header: HeaderValue, token: string): Promise<boolean> {
  requireSecret(token);
  const given = typeof header === "string" ? /^bearer +(.*)$/is.exec(header)?.[1] : undefined;
  return await sameSecret(given ?? "", token);
}

/** Proves `x-interactly-secret`, or whatever your operator calls it. */
export async function verifySecret(header: HeaderValue, secret: string): Promise<boolean> {
  requireSecret(secret);
  return await sameSecret(typeof header === "string" ? header : "", secret);
}

/** Compares digests under a key of this moment: the time tells neither where two texts differ nor how long they are. */
async function sameSecret(given: string, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const key = crypto.getRandomValues(new Uint8Array(32));
  const [a, b] = await Promise.all(
    [given, expected].map((text) => hmacSha256(key, encoder.encode(text))),
  );
  return sameText(String(a), String(b));
}

/** An empty secret would be proven by an empty header. */
function requireSecret(secret: string): void {
  if (secret === "") throw new TypeError("The secret must not be empty.");
}
