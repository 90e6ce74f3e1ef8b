import { responseBodyPlace } from "../db/attempts.ts";
import { payloadPlace } from "../db/events.ts";
import type { DeliveryRow } from "../db/history.ts";
import type { JsonText } from "../domain/json-text.ts";
import { openValue } from "../sealed-values.ts";
import type { Keyring } from "../secrets.ts";
import { type Shown, seesPayloads, shownTo } from "./hidden.ts";
import type { Caller } from "./request.ts";

type Reader = Pick<Caller, "teamId" | "scopes">;

/** Opens a delivery's payload for its reader: what was rendered is JSON, and not one byte of it changes on the way out. */
export function shownPayload(
  keyring: Keyring,
  reader: Reader,
  { payload, payloadHeld, eventId }: Pick<DeliveryRow, "payload" | "payloadHeld" | "eventId">,
): Shown<"payload", JsonText> {
  const place = payloadPlace(reader.teamId, eventId);
  const text = payload && (openValue(keyring, payload, place).toString("utf8") as JsonText);
  return shownTo(reader, { payload: text }, payloadHeld ? ["payload"] : []);
}

/** An attempt's answer as it is stored, plain or sealed. */
type StoredAnswer = {
  deliveryId: string;
  number: number;
  responseBody: string | null;
  sealedResponseBody: Buffer | null;
};

/** Opens what a receiver answered for its reader; nothing is opened that the reader may not see. */
export function shownResponseBody(
  keyring: Keyring,
  reader: Reader,
  { deliveryId, number, responseBody, sealedResponseBody }: StoredAnswer,
): Shown<"response_body", string> {
  const held = responseBody !== null || sealedResponseBody !== null ? ["response_body"] : [];
  const place = responseBodyPlace(reader.teamId, deliveryId, number);
  const body =
    sealedResponseBody && seesPayloads(reader)
      ? keyring.open(sealedResponseBody, place)
      : responseBody;
  return shownTo(reader, { response_body: body }, held);
}
