import type { CallMessage, Delivery } from "@postrider/sdk";

/** One thing in a call: something that was said, or something that happened; and the deliveries that tell of it. */
export type Moment = {
  at: string;
  message: CallMessage | undefined;
  /** What happened, for a moment in which nothing was said. */
  type: string | undefined;
  told: readonly Delivery[];
};

/** Puts what was said and what was told of a call into one order: of when it happened. */
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
