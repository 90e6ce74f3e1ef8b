import type { WebhookEvent } from "./events.ts";
import { type VerifyOptions, verifyOptionGuards } from "./freshness.ts";
import { requireFunction, requireNumber, requireOptions } from "./guards.ts";
import { requireSecrets } from "./secret.ts";
import { verify, type WebhookHeaders, WebhookVerificationError } from "./verify.ts";

/** How webhooks are received, whatever the framework. */
export type ReceiverOptions = VerifyOptions & {
  /** The signing secret (`whsec_…`) of the subscription, or several of them. */
  secret: string | readonly string[];
  /** The largest body that is read: 5,000,000 bytes unless told, which is more than any event has. */
  bodyBytesMax?: number;
  /**
   * Gets each event whose signature was verified, with the exact text of its body. Its answer is awaited before the
   * sender's: store the event and return, and work afterwards.
   *
   * What it throws is the framework's to report and to answer with 500, and the event is sent again where its contract
   * retries.
   */
  onEvent: (event: WebhookEvent, body: string) => void | Promise<void>;
};

/** What a sender is answered; a refusal says why in one word. */
export type ReceiverAnswer = { status: 204 | 401 | 413; text: string };

/** A receiver whose options were checked. */
export type Receiver = {
  bodyBytesMax: number;
  /** Verifies a request and hands its event over; undefined stands for a body that was too large to read. */
  receive(body: Uint8Array | undefined, headers: WebhookHeaders): Promise<ReceiverAnswer>;
};

/** Thrown where a body was read before: what was signed is its bytes, and those are gone. */
export const bodyWasRead = (): TypeError =>
  new TypeError(
    "The body was read before, for instance by a JSON parser. Put the webhook's route before it, or leave the route out of it.",
  );

/** Checks a receiver's options, so that a secret that is not set stops the start and not the first event. */
export function openReceiver(options: ReceiverOptions): Receiver {
  requireOptions<Required<ReceiverOptions>>((options ?? null) as Required<ReceiverOptions>, {
    ...verifyOptionGuards,
    secret: requireSecrets,
    bodyBytesMax: (value, name) => requireNumber(value, name, { min: 1, whole: true }),
    onEvent: requireFunction,
  });
  const { secret, bodyBytesMax = 5_000_000, onEvent, ...freshness } = options;
  requireSecrets(secret);
  requireFunction(onEvent, "onEvent");

  return {
    bodyBytesMax,
    async receive(body, headers) {
      if (body === undefined) return { status: 413, text: "body_too_large" };
      let event: WebhookEvent;
      try {
        event = await verify(body, headers, secret, freshness);
      } catch (error) {
        if (error instanceof WebhookVerificationError) return { status: 401, text: error.code };
        throw error;
      }
      await onEvent(event, new TextDecoder().decode(body));
      return { status: 204, text: "" };
    },
  };
}
