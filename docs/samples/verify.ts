// Verifies each of the four ways in which Postrider's requests prove where they come from.
// Needs the SDK only. `body` is the raw body; hand in the secrets of the subscription.
import { verify, verifyBearer, verifyBody, verifySecret } from "@postrider/sdk";

/** webhook-signature (Standard Webhooks), on every request: throws WebhookVerificationError. */
export async function verifySignature(headers: Headers, body: Uint8Array, secret: string) {
  const { id } = await verify(body, headers, secret);
  return id; // Drop duplicates by it.
}

/** X-Webhook-Signature of organisation webhooks. */
export const isSignedBody = (headers: Headers, body: Uint8Array, secret: string) =>
  verifyBody(body, headers.get("x-webhook-signature"), secret);

/** Authorization of workflow webhooks. */
export const hasBearerToken = (headers: Headers, token: string) =>
  verifyBearer(headers.get("authorization"), token);

/** x-interactly-secret of assistant server messages. */
export const hasSharedSecret = (headers: Headers, secret: string) =>
  verifySecret(headers.get("x-interactly-secret"), secret);
