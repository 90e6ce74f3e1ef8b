import type {
  CallEnd,
  CallError,
  CallStatus,
  CallStatusReport,
  NewCall,
  NewMessage,
} from "../facts.ts";
import type { JsonText } from "../json-text.ts";
import type { CallHappening, Transition } from "./happening.ts";
import type { Report } from "./workflow.ts";

/** An assistant as its platform described it; where its messages go is a subscription's business. */
export type Assistant = {
  teamId: string;
  id: string;
  name: string;
  hangTimeoutSeconds: number;
  /** Every other member as it was given, without `assistantServer`. */
  document: JsonText;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
};

export type Call = NewCallFields & {
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
  textLength: number;
  /** Counts what happened in the call. */
  position: number;
  /** When the silence becomes a hang; null while nobody waits for an answer. */
  hangDueAt: Date | null;
  /** The present silence has been told. */
  hung: boolean;
  createdBy: string;
  updatedBy: string;
  createdAt: Date;
  updatedAt: Date;
};

type NewCallFields = Omit<NewCall, "status">;

export type Message = {
  messageId: string;
  role: "user" | "assistant";
  text: string;
  timestampMs: number;
  metrics: JsonText | null;
};

/** Messages and characters of text that one call may have: every update carries the whole conversation. */
export const messagesMax = 2_000;
export const textLengthMax = 1024 * 1024;

/** The longest a call can be said to have lasted: what a platform's clocks make of it may be more than that. */
export const durationMsMax = 2 ** 31 - 1;

/** What a fact about a call is applied to. */
export type CallSubject = { call: Call; assistant: Assistant; messages: readonly Message[] };

/** Begins a call; the same id for the same assistant is a repeat, for another one a conflict. */
export function createCall(
  existing: Call | undefined,
  subject: { id: string; assistant: Assistant },
  data: NewCall,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const { assistant, id } = subject;
  if (existing) {
    return existing.assistantId === assistant.id && existing.callType === data.callType
      ? { kind: "repeated", state: existing }
      : { kind: "refused", code: "id_taken", detail: `The id ${id} already names another call.` };
  }
  const { status, ...fields } = data;
  const state: Call = {
    ...fields,
    teamId: assistant.teamId,
    id,
    assistantId: assistant.id,
    status,
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
    textLength: 0,
    position: 0,
    hangDueAt: null,
    hung: false,
    createdBy: report.actor,
    updatedBy: report.actor,
    createdAt: report.now,
    updatedAt: report.now,
  };
  return happens({ call: state, assistant, messages: [] }, report, [{ kind: "call_status" }]);
}

const successors: Record<CallStatus, readonly CallStatus[]> = {
  queued: ["ongoing", "finished"],
  ongoing: ["forwarded", "finished"],
  forwarded: ["finished"],
  finished: [],
};

/** Moves a call on; `finished` ends it without further details. */
export function changeCallStatus(
  subject: CallSubject,
  data: CallStatusReport,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const { call, assistant, messages } = subject;
  const { status, ...line } = data;
  if (status === "finished") return endCall(subject, line, report);
  if (status === call.status) return { kind: "repeated", state: call };
  if (!successors[call.status].includes(status)) {
    return refused(`The call is ${call.status}; it cannot become ${status}.`);
  }
  const next: Call = {
    ...call,
    ...line,
    status,
    startAt: call.startAt ?? (status === "ongoing" ? report.occurredAt : null),
    // Somebody else has taken over: nobody waits for the assistant.
    hangDueAt: null,
  };
  // What the user said before the call was reported as ongoing waits for its answer from now on.
  const waits = status === "ongoing" && messages.at(-1)?.role === "user";
  const begun = waits && silence(next, "user", assistant.hangTimeoutSeconds, report.now);
  return happens({ ...subject, call: { ...next, ...begun } }, report, [{ kind: "call_status" }]);
}

/** Adds a message; the same message id again is a repeat. */
export function addMessage(
  subject: CallSubject,
  data: NewMessage,
  report: Report & { occurredAt: Date },
): Transition<Call> & { message?: Message } {
  const { call, assistant, messages } = subject;
  const known = messages.find(({ messageId }) => messageId === data.messageId);
  if (known) return { kind: "repeated", state: call, message: known };
  if (call.status === "finished") {
    return refused("The call is finished; it takes no further messages.");
  }
  const textLength = call.textLength + data.text.length;
  if (call.messageCount >= messagesMax || textLength > textLengthMax) {
    return refused(
      `The call has reached its limit of ${messagesMax} messages or ${textLengthMax} characters.`,
    );
  }
  const message: Message = {
    messageId: data.messageId ?? unusedMessageId(call, messages),
    role: data.role,
    text: data.text,
    timestampMs: data.timestampMs ?? report.occurredAt.getTime(),
    metrics: data.metrics,
  };
  const next: Call = {
    ...call,
    ...silence(call, data.role, assistant.hangTimeoutSeconds, report.now),
    messageCount: call.messageCount + 1,
    textLength,
  };
  const told = happens({ call: next, assistant, messages: [...messages, message] }, report, [
    { kind: "call_message" },
  ]);
  return { ...told, message };
}

/** Numbers a message; a platform's own ids may have taken the number. */
function unusedMessageId(call: Call, messages: readonly Message[]): string {
  const taken = new Set(messages.map(({ messageId }) => messageId));
  let number = call.messageCount + 1;
  while (taken.has(`${call.id}-${number}`)) number++;
  return `${call.id}-${number}`;
}

/** A silence begins with the first message of a user that has no answer, and ends with the assistant's. */
function silence(
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

/** Tells that an answer has been waited for too long, once a silence; an answer that came meanwhile settles it. */
export function reportHang(subject: CallSubject, report: Report): Transition<Call> {
  const { call } = subject;
  if (call.hangDueAt === null || call.hangDueAt > report.now) {
    return { kind: "repeated", state: call };
  }
  const next: Call = { ...call, hangDueAt: null, hung: true };
  return happens({ ...subject, call: next }, report, [{ kind: "call_hung" }]);
}

/** Tells a failure of the language model or the speech recognition. */
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

/** Ends a call: its last status, then the report of all of it. Ended again it is a repeat. */
export function endCall(
  subject: CallSubject,
  data: CallEnd,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const { call } = subject;
  if (call.status === "finished") return { kind: "repeated", state: call };
  const startMs = (call.startAt ?? report.occurredAt).getTime();
  const endMs = Math.max(report.occurredAt.getTime(), startMs);
  const next: Call = {
    ...call,
    ...data,
    status: "finished",
    endAt: new Date(endMs),
    durationMs: data.durationMs ?? Math.min(endMs - startMs, durationMsMax),
    hangDueAt: null,
  };
  return happens({ ...subject, call: next }, report, [
    { kind: "call_status" },
    { kind: "call_ended" },
  ]);
}

type Told =
  | { kind: Exclude<CallHappening["kind"], "call_error"> }
  | { kind: "call_error"; error: CallError };

/** Gives what happened its place in the call's order. */
function happens(
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

const refused = (detail: string) =>
  ({ kind: "refused", code: "transition_refused", detail }) as const;
