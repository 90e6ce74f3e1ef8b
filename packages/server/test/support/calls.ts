import { onTestFinished } from "vitest";
import { createAssistant } from "../../src/actions/assistants.ts";
import { readConfig } from "../../src/config.ts";
import { assistantMessageTypes } from "../../src/domain/contracts/assistant-messages.ts";
import type { CallEnd, NewCall, NewMessage } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import { newCallId, newId } from "../../src/ids.ts";
import { openTimers } from "../../src/watch/timers.ts";
import { type House, type HouseProcess, until } from "./house.ts";
import type { ReceivedRequest, Receiver } from "./http-receiver.ts";

/** One server message as its receiver reads it. */
export type ServerMessage = {
  type: string;
  timestamp: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into every part of the envelope.
  [part: string]: any;
};

export type AssistantOptions = {
  receiver?: Receiver;
  messages?: readonly string[];
  hangTimeoutSeconds?: number;
  endReportWaitSeconds?: number;
  timeoutSeconds?: number;
  secret?: string;
  headers?: Record<string, string>;
  members?: Record<string, unknown>;
  teamId?: string;
};

/** Makes an assistant whose server hears everything, and returns its id. */
export async function makeAssistant(house: House, given: AssistantOptions = {}): Promise<string> {
  const id = newId();
  const members = Object.entries(given.members ?? {}).map(
    ([name, value]) => [name, jsonText(value)] as [string, JsonText],
  );
  await createAssistant(
    { ...house, config: readConfig("development", {}) },
    { teamId: given.teamId ?? house.teamId, id, actor: "system" },
    {
      name: "an assistant",
      hangTimeoutSeconds: given.hangTimeoutSeconds ?? 5,
      endReportWaitSeconds: given.endReportWaitSeconds ?? 0,
      server: {
        enabled: true,
        url: `${(given.receiver ?? house.receiver).origin}/`,
        timeoutSeconds: given.timeoutSeconds ?? 20,
        messages: given.messages ?? assistantMessageTypes,
        ...(given.secret !== undefined && { secret: given.secret }),
        ...(given.headers !== undefined && { headers: given.headers }),
      },
      members: new Map(members),
    },
  );
  return id;
}

/** Reports that a call began, and returns its id. */
export async function startCall(
  house: House,
  assistantId: string,
  given: Partial<NewCall> = {},
  by?: HouseProcess,
): Promise<string> {
  const callId = newCallId(given.callType ?? "web");
  const data: NewCall = {
    callType: "web",
    direction: "inbound",
    status: "ongoing",
    userNumber: null,
    assistantNumber: null,
    phoneProvider: null,
    metadata: null,
    ...given,
  };
  await house.record({ type: "call.created", callId, assistantId, data }, by);
  return callId;
}

/** Reports that somebody spoke. */
export async function say(
  house: House,
  callId: string,
  role: "user" | "assistant",
  text = "words",
  given: Partial<NewMessage> = {},
  by?: HouseProcess,
): Promise<void> {
  const data: NewMessage = {
    messageId: null,
    timestampMs: null,
    metrics: null,
    role,
    text,
    ...given,
  };
  await house.record({ type: "call.message", callId, data }, by);
}

/** Reports that a call ended. */
export async function endCall(house: House, callId: string, data: CallEnd = {}): Promise<void> {
  await house.record({ type: "call.ended", callId, data });
}

/** Reads what a receiver got. */
export const readServerMessage = ({ body }: ReceivedRequest): ServerMessage =>
  JSON.parse(body.toString("utf8")).message;

/** Reads all that a receiver got, in the order of arrival; of one call if named. */
export const serverMessages = (receiver: Receiver, callId?: string): ServerMessage[] =>
  receiver.requests
    .map(readServerMessage)
    .filter(({ call }) => callId === undefined || call.id === callId);

/** Waits until a call's server has been told so many messages, and returns them. */
export async function told(
  receiver: Receiver,
  callId: string,
  count: number,
): Promise<ServerMessage[]> {
  await until(`${count} messages of the call arrive`, () => {
    return serverMessages(receiver, callId).length >= count;
  });
  return serverMessages(receiver, callId);
}

/** Watches the clock for a process, as the service does. */
export function watch(house: House, process: HouseProcess = house) {
  const timers = openTimers({
    database: house.database,
    recordFacts: process.facts.record,
    onError: (_message, error) => process.errors.push(error),
  });
  onTestFinished(() => timers.close());
  return timers;
}
