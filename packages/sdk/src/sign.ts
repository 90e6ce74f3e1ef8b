import { createHmac } from "node:crypto";
import { parseSecret } from "./secret.ts";

export { encodeSecret } from "./secret.ts";

/**
 * Signs one request as Standard Webhooks asks: `v1,` and base64 HMAC-SHA256 of `id.timestamp.body`.
 *
 * Takes the decoded secret and the exact bytes that go on the wire; the id must hold no full stop.
 */
export function sign(secret: Buffer, id: string, timestampSeconds: number, body: Buffer): string {
  // Two updates: joining id, time and body into one string costs twice as much.
  const hmac = createHmac("sha256", secret).update(`${id}.${timestampSeconds}.`).update(body);
  return `v1,${hmac.digest("base64")}`;
}

/** Signs the bare body for `X-Webhook-Signature`: lower-case hex HMAC-SHA256 under the secret as UTF-8. */
export function signBody(secret: string, body: Buffer): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** Reads the bytes of a `whsec_…` signing secret (strict base64, 24 to 64 bytes) or throws a TypeError. */
export function decodeSecret(secret: string): Buffer {
  return Buffer.from(parseSecret(secret).buffer);
}
