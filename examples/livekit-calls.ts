// Reports calls by LiveKit's webhooks: a room is a call. Start it with LIVEKIT_API_KEY, LIVEKIT_API_SECRET and ASSISTANT_ID.
import type { Fact } from "@postrider/sdk";
import { type WebhookEvent, WebhookReceiver } from "livekit-server-sdk";
import { type Callback, callIdOf, NotFromThere, serveCallbacks } from "./callbacks.ts";
import { openPostrider, stop } from "./postrider.ts";

export type LiveKitSettings = { apiKey: string; apiSecret: string; assistantId: string };

/** Verifies a webhook by LiveKit's own library, and reads it. */
export function readLiveKit({ apiKey, apiSecret, assistantId }: LiveKitSettings) {
  const receiver = new WebhookReceiver(apiKey, apiSecret);
  return async ({ headers, body }: Callback): Promise<Fact[]> => {
    const event = await receiver.receive(body, headers.authorization).catch(() => {
      throw new NotFromThere("The webhook is not signed by LiveKit.");
    });
    return factsOf(event, assistantId);
  };
}

/** LiveKit's kind of a participant that is a program: the assistant. */
const agentKind = 4;

/**
 * Reads what a webhook says. The call is there with its room, goes on once the assistant has joined, and ends with the room.
 *
 * A participant who joins by telephone has the numbers as attributes, but by then the call is reported: what was reported
 * once stays. Rooms of telephone calls are told by their name, which a dispatch rule of LiveKit gives them ("call-…").
 */
function factsOf(event: WebhookEvent, assistantId: string): Fact[] {
  const { room, participant } = event;
  if (!room?.sid) return [];
  const callType = room.name.startsWith("call-") ? "phone" : "web";
  const call_id = callIdOf(callType, "livekit", room.sid);
  const when = event.createdAt
    ? { occurred_at: new Date(Number(event.createdAt) * 1_000).toISOString() }
    : {};
  const created: Fact = {
    type: "call.created",
    ...when,
    data: {
      id: call_id,
      assistantId,
      callType,
      direction: "inbound",
      phoneProvider: callType === "phone" ? "livekit" : null,
      metadata: { room: room.name, roomSid: room.sid },
    },
  };
  switch (event.event) {
    case "room_started":
      return [created];
    case "participant_joined":
      return participant?.kind === agentKind
        ? [created, { type: "call.status", ...when, data: { call_id, status: "ongoing" } }]
        : [created];
    case "room_finished":
      return [created, { type: "call.ended", ...when, data: { call_id } }];
    default:
      return [];
  }
}

if (process.argv[1] === import.meta.filename) {
  const { LIVEKIT_API_KEY, LIVEKIT_API_SECRET, ASSISTANT_ID } = process.env;
  if (!LIVEKIT_API_KEY || !LIVEKIT_API_SECRET || !ASSISTANT_ID) {
    stop("Set LIVEKIT_API_KEY, LIVEKIT_API_SECRET and ASSISTANT_ID.");
  }
  const settings = {
    apiKey: LIVEKIT_API_KEY,
    apiSecret: LIVEKIT_API_SECRET,
    assistantId: ASSISTANT_ID,
  };
  serveCallbacks(openPostrider(), readLiveKit(settings)).listen(Number(process.env.PORT ?? 3000));
}
