import {
  assistantDocumentBytesMax,
  callBodyBytesMax,
  callBytesMax,
  creationBytes,
  detailBytes,
  messageBytes,
} from "../call-bytes.ts";
import {
  type CallError,
  type CallStatus,
  callStatuses,
  type NewCall,
  type NewMessage,
} from "../facts.ts";
import type { JsonText } from "../json-text.ts";
import { jsonDiffers, plainDiffers, repeatUnless } from "../repeats.ts";
import type { CallHappening, Transition } from "./happening.ts";
import type { Report } from "./workflow.ts";

/** An assistant as its platform described it. The URL of its messages is in a subscription. */
export type Assistant = {
  teamId: string;
  id: string;
  name: string;
  hangTimeoutSeconds: number;
  /** How long the report of a finished call waits for its recording, cost or analysis; 0: it is made at once. */
  endReportWaitSeconds: number;
  /** Every other member as it was given, without `assistantServer`. */
  document: JsonText;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
};

/** A call as it is stored; null: not reported. Free-form values are the exact JSON text of the report. */
export type Call = Required<Omit<NewCall, "status">> & {
  teamId: string;
  id: string;
  assistantId: string;
  status: CallStatus;
  phoneCallStatus: string | null;
  phoneCallStatusReason: string | null;
  callEndTriggerBy: string | null;
  startAt: Date | null;
  endAt: Date | null;
  durationMs: number | null;
  recording: JsonText | null;
  analysis: JsonText | null;
  cost: JsonText | null;
  metrics: JsonText | null;
  messageCount: number;
  /** The most bytes that its content takes in its report (call-bytes.ts); null: not counted yet. */
  reportBytes: number | null;
  /** Digests of what was reported about its line and its end, by state (repeats.ts). */
  reported: string | null;
  /** Counts what happened in the call. */
  position: number;
  /** When the silence becomes a hang; null while no answer is awaited. */
  hangDueAt: Date | null;
  /** A hang was reported for the present silence. */
  hung: boolean;
  /** When the report of a finished call is made without further details; null: it does not wait. */
  reportDueAt: Date | null;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

/** One message of a call. Times are Unix milliseconds by the platform's clock; `metrics` is the exact text of the report. */
export type Message = {
  messageId: string;
  role: "user" | "assistant";
  text: string;
  timestampMs: number;
  metrics: JsonText | null;
};

/** The most messages that one call may have, because every update carries the whole conversation. */
export const messagesMax = 2_000;

/** The longest duration that is reported for a call. A platform's clocks may give a longer one. */
export const durationMsMax = 2 ** 31 - 1;

/** The state that a fact about a call is applied to. */
export type CallSubject = { call: Call; assistant: Assistant; messages: readonly Message[] };

/** Says whether a call that is in state `now` has been, or could have been, in `status` before. */
export const isPast = (status: CallStatus, now: CallStatus): boolean =>
  callStatuses.indexOf(status) < callStatuses.indexOf(now);

/** Begins a call. */
export function createCall(
  { id, assistant }: { id: string; assistant: Assistant },
  data: NewCall,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const status = data.status ?? "queued";
  const state: Call = {
    teamId: assistant.teamId,
    id,
    assistantId: assistant.id,
    callType: data.callType,
    direction: data.direction ?? "outbound",
    status,
    userNumber: data.userNumber ?? null,
    assistantNumber: data.assistantNumber ?? null,
    phoneProvider: data.phoneProvider ?? null,
    metadata: data.metadata ?? null,
    phoneCallStatus: null,
    phoneCallStatusReason: null,
    callEndTriggerBy: null,
    startAt: status === "ongoing" ? report.occurredAt : null,
    endAt: null,
    durationMs: null,
    recording: null,
    analysis: null,
    cost: null,
    metrics: null,
    messageCount: 0,
    reportBytes: creationBytes(data),
    reported: null,
    position: 0,
    hangDueAt: null,
    hung: false,
    reportDueAt: null,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
  if (creationBytes(data) > callBytesMax) return tooLarge;
  return happens({ call: state, assistant, messages: [] }, report, [{ kind: "call_status" }]);
}

/**
 * Compares a creation with the call that already has its id. The creation's status must be one that the call has, or
 * could have had.
 */
export const createAgain = (call: Call, assistantId: string, data: NewCall): Transition<Call> =>
  repeatUnless(
    [
      ...plainDiffers("assistantId", assistantId, call.assistantId),
      ...plainDiffers("callType", data.callType, call.callType),
      ...plainDiffers("direction", data.direction, call.direction),
      ...(data.status && isPast(call.status, data.status) ? ["status"] : []),
      ...plainDiffers("userNumber", data.userNumber, call.userNumber),
      ...plainDiffers("assistantNumber", data.assistantNumber, call.assistantNumber),
      ...plainDiffers("phoneProvider", data.phoneProvider, call.phoneProvider),
      ...jsonDiffers("metadata", data.metadata, call.metadata),
    ],
    call,
  );

/** Adds a message; a message with a known id is a repeat if it says the same. */
export function addMessage(
  subject: CallSubject,
  data: NewMessage,
  report: Report & { occurredAt: Date },
): Transition<Call> & { message?: Message } {
  const { call, assistant, messages } = subject;
  const known = messages.find(({ messageId }) => messageId === data.messageId);
  if (known) return { ...repeatUnless(differing(data, known), call), message: known };
  if (call.status === "finished") {
    return refused("The call is finished; it takes no further messages.");
  }
  if (call.messageCount >= messagesMax) {
    return refused(`The call has reached its limit of ${messagesMax} messages.`);
  }
  const message: Message = {
    messageId: data.messageId ?? unusedMessageId(call, messages),
    role: data.role,
    text: data.text,
    timestampMs: data.timestampMs ?? report.occurredAt.getTime(),
    metrics: data.metrics ?? null,
  };
  const reportBytes = bytesOf(subject) + messageBytes(message);
  if (reportBytes > callBytesMax) return tooLarge;
  const next: Call = {
    ...call,
    ...silence(call, data.role, assistant.hangTimeoutSeconds, report.now),
    messageCount: call.messageCount + 1,
    reportBytes,
  };
  const told = happens({ call: next, assistant, messages: [...messages, message] }, report, [
    { kind: "call_message" },
  ]);
  return { ...told, message };
}

const differing = (data: NewMessage, known: Message): string[] => [
  ...plainDiffers("role", data.role, known.role),
  ...plainDiffers("text", data.text, known.text),
  ...plainDiffers("timestamp", data.timestampMs ?? undefined, known.timestampMs),
  ...jsonDiffers("metrics", data.metrics, known.metrics),
];

/** The bytes that a call takes in its report; counted anew for a call that an older version of the service began. */
export const bytesOf = ({ call, messages }: CallSubject): number =>
  call.reportBytes ??
  messages.reduce(
    (sum, message) => sum + messageBytes(message),
    creationBytes(call) + detailBytes(call),
  );

/** Numbers a message; a platform's own ids may have taken the number. */
function unusedMessageId(call: Call, messages: readonly Message[]): string {
  const taken = new Set(messages.map(({ messageId }) => messageId));
  let number = call.messageCount + 1;
  while (taken.has(`${call.id}-${number}`)) number++;
  return `${call.id}-${number}`;
}

/** A silence begins with the first message of a user that has no answer, and ends with the assistant's. */
export function silence(
  call: Call,
  role: Message["role"],
  timeoutSeconds: number,
  now: Date,
): Pick<Call, "hangDueAt" | "hung"> {
  if (role === "assistant") return { hangDueAt: null, hung: false };
  if (call.status !== "ongoing" || call.hung || call.hangDueAt !== null) {
    return { hangDueAt: call.hangDueAt, hung: call.hung };
  }
  return { hangDueAt: new Date(now.getTime() + timeoutSeconds * 1_000), hung: false };
}

/** Makes a hang when an answer is overdue, once for each silence; if an answer came meanwhile, nothing happens. */
export function reportHang(subject: CallSubject, report: Report): Transition<Call> {
  const { call } = subject;
  if (call.hangDueAt === null || call.hangDueAt > report.now) {
    return { kind: "repeated", state: call };
  }
  const next: Call = { ...call, hangDueAt: null, hung: true };
  return happens({ ...subject, call: next }, report, [{ kind: "call_hung" }]);
}

/** Reports a failure of the language model or the speech recognition. */
export function reportCallError(
  subject: CallSubject,
  error: CallError,
  report: Report,
): Transition<Call> {
  if (subject.call.status === "finished") {
    return refused("The call is finished; it takes no further errors.");
  }
  return happens(subject, report, [{ kind: "call_error", error }]);
}

type Told =
  | { kind: Exclude<CallHappening["kind"], "call_error"> }
  | { kind: "call_error"; error: CallError };

/** Gives what happened its place in the call's order. */
export function happens(
  { call, assistant, messages }: CallSubject,
  report: Report,
  told: readonly Told[],
): Transition<Call> & { kind: "changed" } {
  const changed = { ...call, updatedBy: report.actor, updatedAt: report.now };
  const happened = told.map((one, index): CallHappening => {
    const position = call.position + index + 1;
    return { ...one, assistant, messages, call: { ...changed, position } };
  });
  return {
    kind: "changed",
    state: { ...changed, position: call.position + told.length },
    happened,
  };
}

/** Refuses content that would make the call's report too large. */
export const tooLarge = {
  kind: "refused",
  code: "body_too_large",
  detail: `The call's report may have ${callBodyBytesMax} bytes: ${callBytesMax} for the call's own content, the rest for its assistant (${assistantDocumentBytesMax}) and for what the service adds. This would exceed it.`,
} as const;

/** Refuses a change that is not possible in the present state. */
export const refused = (detail: string) =>
  ({ kind: "refused", code: "transition_refused", detail }) as const;
