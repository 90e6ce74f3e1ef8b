// Verifies each of the five ways in which Postrider's requests prove where they come from.
// Needs the SDK only. `body` is the raw body; hand in the secrets of the subscription.
//
// False, or a WebhookVerificationError, is a request that must not be trusted: answer 401. A TypeError is a mistake
// of the caller: a secret that is not set or no whsec_…, a body that was parsed before.
import {
  type Bytes,
  verify,
  verifyBearer,
  verifyBody,
  verifySecret,
  verifyTimedBody,
} from "@postrider/sdk";

/** webhook-signature (Standard Webhooks), on every request: throws WebhookVerificationError. */
export async function verifySignature(headers: Headers, body: Bytes, secret: string) {
  const { id } = await verify(body, headers, secret);
  return id; // Drop duplicates by it.
}

/** X-Webhook-Signature of organisation webhooks. */
export const isSignedBody = (headers: Headers, body: Bytes, secret: string) =>
  verifyBody(body, headers.get("x-webhook-signature"), secret);

/** X-Interactly-Signature and X-Interactly-Timestamp of workflow webhooks. */
export const isTimedBody = (headers: Headers, body: Bytes, secret: string) =>
  verifyTimedBody(
    body,
    {
      signature: headers.get("x-interactly-signature"),
      timestamp: headers.get("x-interactly-timestamp"),
    },
    secret,
  );

/** Authorization of workflow webhooks. */
export const hasBearerToken = (headers: Headers, token: string) =>
  verifyBearer(headers.get("authorization"), token);

/** x-interactly-secret of assistant server messages. */
export const hasSharedSecret = (headers: Headers, secret: string) =>
  verifySecret(headers.get("x-interactly-secret"), secret);
