import { responseBodyContext, responseHeadersContext } from "../db/attempts.ts";
import { payloadContext } from "../db/events.ts";
import type { DeliveryRow } from "../db/history.ts";
import type { JsonText } from "../domain/json-text.ts";
import { shownResponseHeaders } from "../domain/response-headers.ts";
import { openValue } from "../sealed-values.ts";
import type { Keyring } from "../secrets.ts";
import { type Shown, seesPayloads, shownTo } from "./hidden.ts";
import type { Caller } from "./request.ts";

type Reader = Pick<Caller, "teamId" | "scopes">;

type StoredPayload = Pick<DeliveryRow, "payload" | "payloadHeld" | "eventId">;

/** Opens a delivery's payload for a caller; it is exact JSON text, and no byte changes. */
export const shownPayload = (
  keyring: Keyring,
  reader: Reader,
  stored: StoredPayload,
): Shown<"payload", JsonText> =>
  shownTo(
    reader,
    { payload: payloadText(keyring, reader, stored) },
    stored.payloadHeld ? ["payload"] : [],
  );

/** The payload as the text of a request's body. */
export const shownRequestBody = (
  keyring: Keyring,
  reader: Reader,
  stored: StoredPayload,
): Shown<"body", string> =>
  shownTo(
    reader,
    { body: payloadText(keyring, reader, stored) },
    stored.payloadHeld ? ["body"] : [],
  );

function payloadText(
  keyring: Keyring,
  { teamId }: Reader,
  { payload, eventId }: StoredPayload,
): JsonText | null {
  const place = payloadContext(teamId, eventId);
  return payload && (openValue(keyring, payload, place).toString("utf8") as JsonText);
}

/** An attempt's answer as it is stored, plain or sealed. */
type StoredAnswer = {
  deliveryId: string;
  number: number;
  responseBody: string | null;
  sealedResponseBody: Buffer | null;
};

/** Opens a receiver's answer for a caller; nothing is opened that the caller may not see. */
export function shownResponseBody(
  keyring: Keyring,
  reader: Reader,
  { deliveryId, number, responseBody, sealedResponseBody }: StoredAnswer,
): Shown<"response_body", string> {
  const held = responseBody !== null || sealedResponseBody !== null ? ["response_body"] : [];
  const place = responseBodyContext(reader.teamId, deliveryId, number);
  const body =
    sealedResponseBody && seesPayloads(reader)
      ? keyring.open(sealedResponseBody, place)
      : responseBody;
  return shownTo(reader, { response_body: body }, held);
}

/** The same with the headers of the answer, as a map by lower-case name. */
export function shownAnswer(
  keyring: Keyring,
  reader: Reader,
  stored: StoredAnswer & { responseHeaders: string | null; sealedResponseHeaders: Buffer | null },
): {
  members: { response_body: string | null; response_headers: Record<string, string> | null };
  hidden: { hidden?: string[] };
} {
  const { deliveryId, number, responseHeaders, sealedResponseHeaders } = stored;
  const body = shownResponseBody(keyring, reader, stored);
  const held =
    responseHeaders !== null || sealedResponseHeaders !== null ? ["response_headers"] : [];
  const place = responseHeadersContext(reader.teamId, deliveryId, number);
  const text =
    sealedResponseHeaders && seesPayloads(reader)
      ? keyring.open(sealedResponseHeaders, place)
      : responseHeaders;
  const headers = shownTo(
    reader,
    { response_headers: text === null ? null : shownResponseHeaders(text) },
    held,
  );
  const hidden = [...(body.hidden.hidden ?? []), ...(headers.hidden.hidden ?? [])];
  return {
    members: { ...body.members, ...headers.members },
    hidden: hidden.length === 0 ? {} : { hidden },
  };
}
