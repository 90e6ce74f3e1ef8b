// Reports phone calls by Twilio's status callbacks. Start it with TWILIO_AUTH_TOKEN, CALLBACK_URL (as Twilio calls it) and ASSISTANT_ID.
//
// In Twilio: statusCallback = CALLBACK_URL, statusCallbackEvent = initiated ringing answered completed.
import type { Fact } from "@postrider/sdk";
import twilio from "twilio";
import { type Callback, callIdOf, NotFromThere, serveCallbacks } from "./callbacks.ts";
import { openPostrider, stop } from "./postrider.ts";

export type TwilioSettings = {
  authToken: string;
  /** The whole URL that was given to Twilio: it is part of what is signed. */
  callbackUrl: string;
  assistantId: string;
};

/** Verifies a status callback by Twilio's own library, and reads it. */
export function readTwilio(settings: TwilioSettings) {
  return ({ headers, body }: Callback): Fact[] => {
    const params = Object.fromEntries(new URLSearchParams(body));
    const signature = headers["x-twilio-signature"];
    if (
      typeof signature !== "string" ||
      !twilio.validateRequest(settings.authToken, signature, settings.callbackUrl, params)
    ) {
      throw new NotFromThere("The callback is not signed by Twilio.");
    }
    return factsOf(params, settings.assistantId);
  };
}

const ended = ["completed", "busy", "failed", "no-answer", "canceled"];

/**
 * Reads what a callback says: that the call is there, and how it stands.
 *
 * Each says both, as the first ones may be lost or overtaken. `queued`, `initiated` and `ringing` are one state here.
 */
function factsOf(params: Record<string, string>, assistantId: string): Fact[] {
  const { CallSid: sid = "", CallStatus: status = "", From: from, To: to } = params;
  if (sid === "") return [];
  const inbound = params.Direction === "inbound";
  const call_id = callIdOf("phone", "twilio", sid);
  const at = params.Timestamp ? new Date(params.Timestamp) : undefined;
  const when = at && !Number.isNaN(at.getTime()) ? { occurred_at: at.toISOString() } : {};
  const facts: Fact[] = [
    {
      type: "call.created",
      ...when,
      data: {
        id: call_id,
        assistantId,
        callType: "phone",
        direction: inbound ? "inbound" : "outbound",
        userNumber: (inbound ? from : to) ?? null,
        assistantNumber: (inbound ? to : from) ?? null,
        phoneProvider: "twilio",
        metadata: { callSid: sid },
      },
    },
  ];
  if (status === "in-progress") {
    facts.push({ type: "call.status", ...when, data: { call_id, status: "ongoing" } });
  } else if (ended.includes(status)) {
    facts.push({
      type: "call.ended",
      ...when,
      data: {
        call_id,
        phoneCallStatus: status,
        phoneCallStatusReason: params.SipResponseCode ? `SIP ${params.SipResponseCode}` : null,
        ...(params.CallDuration && {
          assistantCallDuration: Number(params.CallDuration) * 1_000,
        }),
        ...(params.RecordingUrl && { recording: { url: params.RecordingUrl } }),
      },
    });
  }
  return facts;
}

if (process.argv[1] === import.meta.filename) {
  const { TWILIO_AUTH_TOKEN, CALLBACK_URL, ASSISTANT_ID } = process.env;
  if (!TWILIO_AUTH_TOKEN || !CALLBACK_URL || !ASSISTANT_ID) {
    stop("Set TWILIO_AUTH_TOKEN, CALLBACK_URL and ASSISTANT_ID.");
  }
  const settings = {
    authToken: TWILIO_AUTH_TOKEN,
    callbackUrl: CALLBACK_URL,
    assistantId: ASSISTANT_ID,
  };
  serveCallbacks(openPostrider(), readTwilio(settings)).listen(Number(process.env.PORT ?? 3000));
}
