import type { WebhookEvent } from "./events.ts";
import { type VerifyOptions, verifyOptionGuards } from "./freshness.ts";
import { requireFunction, requireNumber, requireOptions } from "./guards.ts";
import { requireSecrets } from "./secret.ts";
import { verify, type WebhookHeaders, WebhookVerificationError } from "./verify.ts";

/** The options of a receiver, for all frameworks. */
export type ReceiverOptions = VerifyOptions & {
  /** The signing secret (`whsec_…`) of the subscription, or several of them. */
  secret: string | readonly string[];
  /** The largest body that is read, in bytes. Default: 5,000,000, which is more than any event has. */
  bodyBytesMax?: number;
  /**
   * Called with each verified event and the exact text of its body. The sender is answered after it resolves: store the
   * event and return, and work afterwards.
   *
   * If it throws, the framework reports the error and answers 500, and the event is sent again if its contract retries.
   */
  onEvent: (event: WebhookEvent, body: string) => void | Promise<void>;
};

/** The answer to the sender; a refusal gives its reason in one word. */
export type ReceiverAnswer = { status: 204 | 401 | 413; text: string };

/** A receiver whose options were checked. */
export type Receiver = {
  bodyBytesMax: number;
  /** Verifies a request and calls `onEvent`; `body` undefined: it was too large to read. */
  receive(body: Uint8Array | undefined, headers: WebhookHeaders): Promise<ReceiverAnswer>;
};

/** Makes the error for a body that was read before: the signature covers its bytes, and they are gone. */
export const bodyWasRead = (): TypeError =>
  new TypeError(
    "The body was read before, for instance by a JSON parser. Put the webhook's route before it, or leave the route out of it.",
  );

/** Checks a receiver's options, so that a missing secret fails at the start and not at the first event. */
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
