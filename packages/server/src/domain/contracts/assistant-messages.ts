import { eventId } from "../../ids.ts";
import { callBodyBytesMax } from "../call-bytes.ts";
import { callMetrics } from "../call-metrics.ts";
import { extendObject, type JsonText, joinObject, jsonMembers, jsonText } from "../json-text.ts";
import type { Assistant, Call, Message } from "../lifecycle/call.ts";
import type { CallHappening } from "../lifecycle/happening.ts";
import type { Contract } from "./contract.ts";

/** Contract C's event types: its message types. */
export const assistantMessageTypes = [
  "status-update",
  "conversation-update",
  "end-of-call-report",
  "hang",
  "error",
] as const;
export type AssistantMessageType = (typeof assistantMessageTypes)[number];

const types: Record<CallHappening["kind"], AssistantMessageType> = {
  call_status: "status-update",
  call_message: "conversation-update",
  call_ended: "end-of-call-report",
  call_hung: "hang",
  call_error: "error",
};

/** Contract C: messages about one assistant's calls, in order within a call, each at most once on the wire. */
export const assistantMessages: Contract = {
  name: "assistant",
  ignoresRetryAfter: true,
  eventTypes: assistantMessageTypes,
  bodyBytesMax: Object.fromEntries(assistantMessageTypes.map((type) => [type, callBodyBytesMax])),
  mayTell: {}, // Its subscriptions belong to an assistant, and the call names it.
  eventTypeOf: (happening) => ("call" in happening ? types[happening.kind] : undefined),
  subjectOf: (happening) => ("call" in happening ? happening.call.assistantId : null),

  render(happening, { actor, occurredAt }) {
    if (!("call" in happening)) throw new Error(`contract C does not tell ${happening.kind}`);
    const { call, assistant } = happening;
    const eventType = types[happening.kind];
    const dedupeKey = `${eventType}:${call.id}:${call.position}`;
    const id = eventId({
      teamId: call.teamId,
      contract: "assistant",
      dedupeKey,
      subjectId: call.id,
    });
    const error = happening.kind === "call_error" ? happening.error : undefined;
    const messages = happening.kind === "call_status" ? undefined : happening.messages;
    const ended = happening.kind === "call_ended";
    const message = extendObject({ type: eventType, timestamp: occurredAt.getTime() }, [
      ["error", error && jsonText(error)],
      ["call", callText(call, ended ? (messages ?? []) : undefined)],
      ["assistant", assistantText(assistant)],
      ["messages", messages && messagesText(messages)],
      ["phone", jsonText({ provider: { name: call.phoneProvider ?? "" } })],
      ["customer", jsonText({ number: call.userNumber ?? "" })],
      ["analysis", (ended ? call.analysis : null) ?? jsonText({})],
    ]);
    return {
      id,
      teamId: call.teamId,
      contract: "assistant",
      eventType,
      dedupeKey,
      workflowId: null,
      workflowName: null,
      runId: null,
      runStatus: null,
      assistantId: call.assistantId,
      callId: call.id,
      messageId: happening.kind === "call_message" ? (messages?.at(-1)?.messageId ?? null) : null,
      order: { key: call.id, position: call.position },
      createdBy: actor,
      payload: Buffer.from(extendObject({}, [["message", message]])),
    };
  },

  headers: ({ credential, customHeaders, headerPrefix }) => [
    ...(credential === null ? [] : [`${headerPrefix}-secret`, credential]),
    ...customHeaders,
  ],
};

const jsonNull = jsonText(null);

/** The call as it was at the time; in the report, with its end and its metrics. */
const callText = (call: Call, reportOn?: readonly Message[]): JsonText =>
  extendObject(
    {
      id: call.id,
      teamId: call.teamId,
      assistantId: call.assistantId,
      callType: call.callType,
      direction: call.direction,
      startAt: call.startAt,
      endAt: call.endAt,
      userNumber: call.userNumber,
      assistantNumber: call.assistantNumber,
      status: call.status,
      phoneCallStatus: call.phoneCallStatus,
      phoneCallStatusReason: call.phoneCallStatusReason,
      callEndTriggerBy: call.callEndTriggerBy,
      assistantCallDuration: call.durationMs,
    },
    [
      ["recording", call.recording ?? jsonNull],
      ["metadata", call.metadata ?? jsonNull],
      ["cost", reportOn && (call.cost ?? jsonNull)],
      ["metrics", reportOn && metricsText(call, reportOn)],
    ],
  );

/** Computes the metrics; a metric that the platform reported under the same name wins. */
function metricsText(call: Call, messages: readonly Message[]): JsonText {
  const reported = call.metrics === null ? new Map<string, JsonText>() : jsonMembers(call.metrics);
  const computed = plainMembers(callMetrics(call, messages)).filter(
    ([name]) => !reported.has(name),
  );
  return joinObject([...computed, ...reported]);
}

/** The assistant as it is stored: without its server, and so without its credentials. */
const assistantText = (assistant: Assistant): JsonText =>
  joinObject([
    ...plainMembers({
      id: assistant.id,
      name: assistant.name,
      hangTimeoutSeconds: assistant.hangTimeoutSeconds,
      endReportWaitSeconds: assistant.endReportWaitSeconds,
    }),
    ...jsonMembers(assistant.document),
  ]);

const plainMembers = (plain: object) =>
  Object.entries(plain).map(([name, value]) => [name, jsonText(value)] as const);

const messagesText = (messages: readonly Message[]): JsonText =>
  `[${messages.map(messageText).join(",")}]` as JsonText;

/** One message, as receivers and callers see it. */
export const messageText = ({ messageId, role, text, timestampMs, metrics }: Message): JsonText =>
  extendObject({ messageId, role, text, timestamp: timestampMs }, [
    ["metrics", metrics ?? undefined],
  ]);
