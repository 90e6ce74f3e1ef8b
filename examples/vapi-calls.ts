// Reports calls by Vapi's server messages. Start it with VAPI_SECRET (the secret of the server URL) and ASSISTANT_ID.
//
// In Vapi: serverMessages = status-update, transcript[transcriptType="final"], end-of-call-report.
import type { Fact } from "@postrider/sdk";
import { type Callback, callIdOf, isSecret, NotFromThere, serveCallbacks } from "./callbacks.ts";
import { openPostrider, stop } from "./postrider.ts";

export type VapiSettings = { secret: string; assistantId: string };

/** The members of Vapi's messages that are read here. */
type VapiMessage = {
  type: string;
  timestamp?: number;
  status?: string;
  endedReason?: string;
  role?: string;
  transcriptType?: string;
  transcript?: string;
  durationSeconds?: number;
  cost?: number;
  costBreakdown?: object;
  analysis?: object;
  artifact?: { recordingUrl?: string; recording?: object };
  call?: { id?: string; type?: string };
  customer?: { number?: string };
  phoneNumber?: { number?: string };
};

/** Verifies a server message by the secret in its header, and reads it. */
export function readVapi({ secret, assistantId }: VapiSettings) {
  return ({ headers, body }: Callback): Fact[] => {
    if (!isSecret(headers["x-vapi-secret"], secret)) {
      throw new NotFromThere("The message does not bring Vapi's secret.");
    }
    const { message } = JSON.parse(body) as { message?: VapiMessage };
    return message?.call?.id ? factsOf(message, message.call.id, assistantId) : [];
  };
}

/** Reads what a message says: that the call is there, and what has happened in it. */
function factsOf(message: VapiMessage, vapiId: string, assistantId: string): Fact[] {
  const callType = /phone/i.test(message.call?.type ?? "") ? "phone" : "web";
  const call_id = callIdOf(callType, "vapi", vapiId);
  const { timestamp } = message;
  const when = timestamp ? { occurred_at: new Date(timestamp).toISOString() } : {};
  const created: Fact = {
    type: "call.created",
    ...when,
    data: {
      id: call_id,
      assistantId,
      callType,
      direction: message.call?.type === "outboundPhoneCall" ? "outbound" : "inbound",
      userNumber: message.customer?.number ?? null,
      assistantNumber: message.phoneNumber?.number ?? null,
      metadata: { vapiCallId: vapiId },
    },
  };
  const happened = happenedIn(message, call_id);
  return [created, ...(happened ? [{ ...when, ...happened } as Fact] : [])];
}

const statuses: Readonly<Record<string, "ongoing" | "forwarded">> = {
  "in-progress": "ongoing",
  forwarding: "forwarded",
};

function happenedIn(message: VapiMessage, call_id: string): Fact | undefined {
  switch (message.type) {
    case "status-update": {
      const status = statuses[message.status ?? ""];
      if (status) return { type: "call.status", data: { call_id, status } };
      if (message.status !== "ended") return undefined;
      return { type: "call.ended", data: { call_id, ...endOf(message) } };
    }
    case "transcript":
    case 'transcript[transcriptType="final"]':
      return message.transcriptType === "final" ? spokenIn(message, call_id) : undefined;
    case "end-of-call-report":
      return { type: "call.ended", data: { call_id, ...endOf(message), ...detailsOf(message) } };
    default:
      return undefined;
  }
}

/** Only final transcripts: a message's text is reported once. Its id makes one that is sent again a repeat. */
function spokenIn(message: VapiMessage, call_id: string): Fact {
  const { role, transcript = "", timestamp } = message;
  return {
    type: "call.message",
    data: {
      call_id,
      role: role === "user" ? "user" : "assistant",
      text: transcript,
      ...(timestamp && { timestamp, messageId: `${role}-${timestamp}` }),
    },
  };
}

const endOf = ({ endedReason }: VapiMessage) =>
  endedReason === undefined ? {} : { callEndTriggerBy: endedReason };

/** What comes with the report alone; the assistant's endReportWaitSeconds says how long our report waits for it. */
function detailsOf(message: VapiMessage) {
  const { durationSeconds, cost, costBreakdown, analysis, artifact } = message;
  const recording =
    artifact?.recording ?? (artifact?.recordingUrl && { url: artifact.recordingUrl });
  return {
    ...(durationSeconds !== undefined && {
      assistantCallDuration: Math.round(durationSeconds * 1_000),
    }),
    ...(cost !== undefined && { cost: { total: cost, ...costBreakdown } }),
    ...(analysis && { analysis }),
    ...(recording && { recording }),
  };
}

if (process.argv[1] === import.meta.filename) {
  const { VAPI_SECRET, ASSISTANT_ID } = process.env;
  if (!VAPI_SECRET || !ASSISTANT_ID) stop("Set VAPI_SECRET and ASSISTANT_ID.");
  const settings = { secret: VAPI_SECRET, assistantId: ASSISTANT_ID };
  serveCallbacks(openPostrider(), readVapi(settings)).listen(Number(process.env.PORT ?? 3000));
}
