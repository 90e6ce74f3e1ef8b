import { responseBodyPlace } from "../db/attempts.ts";
import { payloadPlace } from "../db/events.ts";
import type { DeliveryRow } from "../db/history.ts";
import type { JsonText } from "../domain/json-text.ts";
import { openValue } from "../sealed-values.ts";
import type { Keyring } from "../secrets.ts";

/** Opens a delivery's payload for a reader: what was rendered is JSON, and not one byte of it changes on the way out. */
export function openedPayload(
  keyring: Keyring,
  teamId: string,
  { payload, eventId }: Pick<DeliveryRow, "payload" | "eventId">,
): JsonText | null {
  if (payload === null) return null;
  return openValue(keyring, payload, payloadPlace(teamId, eventId)).toString("utf8") as JsonText;
}

/** An attempt's answer as it is stored, plain or sealed. */
type StoredAnswer = {
  deliveryId: string;
  number: number;
  responseBody: string | null;
  sealedResponseBody: Buffer | null;
};

/** Opens what a receiver answered for a reader. */
export function openedResponseBody(
  keyring: Keyring,
  teamId: string,
  { deliveryId, number, responseBody, sealedResponseBody }: StoredAnswer,
): string | null {
  if (sealedResponseBody === null) return responseBody;
  return keyring.open(sealedResponseBody, responseBodyPlace(teamId, deliveryId, number));
}
