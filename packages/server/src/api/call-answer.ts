import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { messageText } from "../domain/contracts/assistant-messages.ts";
import { callDirections, callStatuses, callTypes, messageRoles } from "../domain/facts.ts";
import type { JsonText } from "../domain/json-text.ts";
import type { Call, Message } from "../domain/lifecycle/call.ts";
import type { Recorded } from "../domain/world.ts";
import { callIdPattern } from "../ids.ts";
import { objectText } from "./exact-json.ts";
import { nullable, Timestamp } from "./fields.ts";
import { hiddenField, seesPayloads, shownTo } from "./hidden.ts";

/** The statuses of a call. */
export const Status = Type.Enum([...callStatuses]);

/** The schema of a message. */
export const CallMessage = Type.Object(
  {
    messageId: Type.String(),
    role: Type.Enum([...messageRoles]),
    text: nullable(Type.String()),
    timestamp: Type.Integer(),
    ...hiddenField,
    metrics: Type.Optional(Type.Unknown()),
  },
  { title: "CallMessage" },
);

const callFields = {
  id: Type.String({ pattern: callIdPattern }),
  teamId: Type.String(),
  assistantId: Type.String(),
  callType: Type.Enum([...callTypes]),
  direction: Type.Enum([...callDirections]),
  status: Status,
  startAt: nullable(Timestamp),
  endAt: nullable(Timestamp),
  userNumber: nullable(Type.String()),
  assistantNumber: nullable(Type.String()),
  phoneProvider: nullable(Type.String()),
  phoneCallStatus: nullable(Type.String()),
  phoneCallStatusReason: nullable(Type.String()),
  callEndTriggerBy: nullable(Type.String()),
  assistantCallDuration: nullable(Type.Integer({ description: "Milliseconds." })),
  messageCount: Type.Integer(),
  createdBy: Type.String(),
  updatedBy: Type.String(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
};

/** A call in a list. */
export const ListedConversation = Type.Object(callFields, { title: "ListedConversation" });
/** A call with the documents that its platform reported. */
export const Conversation = Type.Object(
  {
    ...callFields,
    ...hiddenField,
    metadata: Type.Unknown(),
    recording: Type.Unknown(),
    analysis: Type.Unknown(),
    cost: Type.Unknown(),
    metrics: Type.Unknown(),
  },
  { title: "Conversation" },
);
/** A call with all its messages. */
export const ConversationWithMessages = Type.Object(
  { ...Conversation.properties, messages: Type.Array(CallMessage) },
  { title: "ConversationWithMessages" },
);

type Asking = Pick<FastifyRequest, "caller">;

/** Prints a call, with its messages if given; private members only for callers who may see them. */
export function callAnswer(
  asking: Asking,
  { call }: Partial<Recorded>,
  messages?: readonly Message[],
): JsonText {
  if (!call) throw new Error("a call fact came back without its call");
  const { metadata, recording, analysis, cost, metrics } = call;
  const documents = { metadata, recording, analysis, cost, metrics };
  const { members, hidden } = shownTo(asking.caller, documents);
  const list = messages?.map((message) => shownMessage(asking, message)).join(",");
  return objectText(
    { ...plainCall(call), ...hidden },
    {
      ...members,
      ...(list !== undefined && { messages: `[${list}]` as JsonText }),
    },
  );
}

/** Prints a call without its documents. */
export const listedCall = (call: Call): JsonText => objectText(plainCall(call));

const plainCall = (call: Call) => ({
  id: call.id,
  teamId: call.teamId,
  assistantId: call.assistantId,
  callType: call.callType,
  direction: call.direction,
  status: call.status,
  startAt: call.startAt,
  endAt: call.endAt,
  userNumber: call.userNumber,
  assistantNumber: call.assistantNumber,
  phoneProvider: call.phoneProvider,
  phoneCallStatus: call.phoneCallStatus,
  phoneCallStatusReason: call.phoneCallStatusReason,
  callEndTriggerBy: call.callEndTriggerBy,
  assistantCallDuration: call.durationMs,
  messageCount: call.messageCount,
  createdBy: call.createdBy,
  updatedBy: call.updatedBy,
  createdAt: call.createdAt,
  updatedAt: call.updatedAt,
});

/** Prints a message; its text only for callers who may see it. */
export function shownMessage({ caller }: Asking, message: Message): JsonText {
  if (seesPayloads(caller)) return messageText(message);
  const { messageId, role, timestampMs, text, metrics } = message;
  const { hidden } = shownTo(caller, { text, metrics });
  return objectText({ messageId, role, text: null, timestamp: timestampMs, ...hidden });
}
