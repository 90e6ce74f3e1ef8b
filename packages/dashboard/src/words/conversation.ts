import type { CallMessage, Delivery } from "@postrider/sdk";

/** One entry of a call: a message or another happening, with its deliveries. */
export type Moment = {
  at: string;
  message: CallMessage | undefined;
  /** The happening of an entry without a message. */
  type: string | undefined;
  told: readonly Delivery[];
};

/** Merges a call's messages and deliveries in the order of their times. */
export function conversationOf(
  messages: readonly CallMessage[],
  deliveries: readonly Delivery[],
): Moment[] {
  const ofMessage = new Map<string, Delivery[]>();
  const ofCall = new Map<string, Delivery[]>();
  for (const delivery of deliveries) {
    const [group, key] =
      delivery.event_type === "conversation-update" && delivery.message_id !== null
        ? [ofMessage, delivery.message_id]
        : [ofCall, delivery.event_id];
    group.set(key, [...(group.get(key) ?? []), delivery]);
  }
  const said = messages.map(
    (message): Moment => ({
      at: new Date(message.timestamp).toISOString(),
      message,
      type: undefined,
      told: ofMessage.get(message.messageId) ?? [],
    }),
  );
  const known = new Set(messages.map(({ messageId }) => messageId));
  const unspoken = [...ofMessage].filter(([id]) => !known.has(id)).map(([, told]) => told);
  const happened = [...ofCall.values(), ...unspoken].map(
    (told): Moment => ({
      at: told[0]?.created_at ?? "",
      message: undefined,
      type: told[0]?.event_type,
      told,
    }),
  );
  return [...said, ...happened].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
