import { encodeSecret, sign } from "../src/sign.ts";

const key = new Uint8Array(32).fill(7);

/** The secret that the requests of these tests are signed with. */
export const secretText = encodeSecret(key);

/** A request as the service posts it. */
export function signedRequest(body: string) {
  const now = Math.floor(Date.now() / 1000);
  return {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "webhook-id": "event_1",
      "webhook-timestamp": String(now),
      "webhook-signature": sign(key, "event_1", now, new TextEncoder().encode(body)),
    },
  };
}
