import { expect, test } from "vitest";
import { callBytesMax } from "../../src/domain/call-bytes.ts";
import {
  attemptsMax,
  type CallEnd,
  type CallStatus,
  type NewCall,
  type NewMessage,
} from "../../src/domain/facts.ts";
import { type JsonText, joinObject, jsonText } from "../../src/domain/json-text.ts";
import {
  type Assistant,
  addMessage,
  type Call,
  type CallSubject,
  createCall,
  durationMsMax,
  messagesMax,
  reportCallError,
  reportHang,
} from "../../src/domain/lifecycle/call.ts";
import { changeCallStatus, endCall } from "../../src/domain/lifecycle/call-states.ts";
import type { Transition } from "../../src/domain/lifecycle/happening.ts";

const assistant: Assistant = {
  teamId: "t",
  id: "a",
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: joinObject([]),
  createdAt: new Date(0),
  updatedAt: new Date(0),
  deletedAt: null,
};

const at = (ms: number) => ({ actor: "system", now: new Date(ms), occurredAt: new Date(ms) });
const begin: NewCall = {
  callType: "web",
  direction: "inbound",
  status: "queued",
  userNumber: null,
  assistantNumber: null,
  phoneProvider: null,
  metadata: null,
};
const words = {
  messageId: null,
  role: "user" as const,
  text: "words",
  timestampMs: null,
  metrics: null,
} satisfies NewMessage;

function changed(transition: Transition<Call>): Call {
  if (transition.kind !== "changed") throw new Error(`it is ${transition.kind}`);
  return transition.state;
}

const call = (status: CallStatus = "ongoing", fields: Partial<Call> = {}): CallSubject => ({
  call: {
    ...changed(createCall({ id: "WC-1", assistant }, begin, at(0))),
    status,
    ...fields,
  },
  assistant,
  messages: [],
});

const kinds = (transition: Transition<Call>) =>
  transition.kind === "changed" ? transition.happened.map(({ kind }) => kind) : transition.kind;

test("what happens in a call is numbered without a gap", () => {
  const { call: begun } = call();
  expect(begun.position).toBe(1);
  const spoken = changed(addMessage(call(), words, at(1)));
  expect(spoken.position).toBe(2);
  const ended = endCall({ ...call(), call: spoken }, {}, at(2));
  const positions =
    ended.kind === "changed" && ended.happened.map((one) => "call" in one && one.call.position);
  expect(positions).toEqual([3, 4]);
  expect(changed(ended).position).toBe(4);
});

test("a silence begins with the user's first unanswered message while ongoing, and ends with an answer", () => {
  const first = changed(addMessage(call(), words, at(1_000)));
  expect(first.hangDueAt).toEqual(new Date(6_000));
  const second = changed(addMessage({ ...call(), call: first }, words, at(2_000)));
  expect(second.hangDueAt).toEqual(new Date(6_000));
  const answer = { ...words, role: "assistant" as const };
  expect(changed(addMessage({ ...call(), call: second }, answer, at(3_000))).hangDueAt).toBeNull();
  for (const status of ["queued", "forwarded"] as const) {
    expect(changed(addMessage(call(status), words, at(1_000))).hangDueAt).toBeNull();
  }
});

test("a call that becomes ongoing after the user has spoken waits from then on", () => {
  const message = { ...words, messageId: "m", timestampMs: 0 };
  const subject = { ...call("queued"), messages: [message] };
  const ongoing = changed(changeCallStatus(subject, { status: "ongoing" }, at(2_000)));
  expect(ongoing.hangDueAt).toEqual(new Date(7_000));
});

test("a silence is counted from the service's clock, whatever time the platform reports", () => {
  const report = (occurredAtMs: number) => ({ ...at(60_000), occurredAt: new Date(occurredAtMs) });
  const message = { ...words, messageId: "m", timestampMs: 0 };
  for (const occurredAtMs of [0, 59_000, 61_000, 3_600_000]) {
    const spoken = changed(addMessage(call(), words, report(occurredAtMs)));
    expect(spoken.hangDueAt).toEqual(new Date(65_000));
    const waiting = { ...call("queued"), messages: [message] };
    const begun = changeCallStatus(waiting, { status: "ongoing" }, report(occurredAtMs));
    expect(changed(begun)).toMatchObject({
      hangDueAt: new Date(65_000),
      startAt: new Date(occurredAtMs),
    });
  }
});

test("a hang is sent at its time and not earlier, once per silence, and again only after an answer", () => {
  const waiting = call("ongoing", { hangDueAt: new Date(5_000) });
  expect(kinds(reportHang(waiting, at(4_999)))).toBe("repeated");
  const hang = reportHang(waiting, at(5_000));
  expect(kinds(hang)).toEqual(["call_hung"]);
  const hung = { ...call(), call: changed(hang) };
  expect(kinds(reportHang(hung, at(9_000)))).toBe("repeated");
  expect(changed(addMessage(hung, words, at(9_000))).hangDueAt).toBeNull();
  const answered = changed(addMessage(hung, { ...words, role: "assistant" }, at(9_000)));
  const again = changed(addMessage({ ...call(), call: answered }, words, at(10_000)));
  expect(again.hangDueAt).toEqual(new Date(15_000));
});

test("a call lasts from its start to its end, never less than nothing nor more than can be said", () => {
  const lasted = (startMs: number | null, endMs: number) => {
    const startAt = startMs === null ? null : new Date(startMs);
    return changed(endCall(call("ongoing", { startAt }), {}, at(endMs))).durationMs;
  };
  expect(lasted(1_000, 61_000)).toBe(60_000);
  expect(lasted(5_000, 1_000)).toBe(0);
  expect(lasted(null, 1_000)).toBe(0);
  expect(lasted(0, 9e12)).toBe(durationMsMax);
  expect(changed(endCall(call(), { durationMs: 7 }, at(1))).durationMs).toBe(7);
});

test("a message keeps its own id, is numbered without one, and is known again", () => {
  const named = { ...words, messageId: "WC-1-1", timestampMs: 0 };
  expect(addMessage({ ...call(), messages: [named] }, words, at(1)).message?.messageId).toBe(
    "WC-1-2",
  );
  const again = addMessage({ ...call(), messages: [named] }, named, at(1));
  expect(again).toMatchObject({ kind: "repeated", message: named });
  // Known also after the end: a repeat is a repeat.
  const ended = { ...call("finished"), messages: [named] };
  expect(addMessage(ended, named, at(1)).kind).toBe("repeated");
  expect(addMessage(ended, words, at(1)).kind).toBe("refused");
});

test("a call has at most the limit of messages", () => {
  const full = call("ongoing", { messageCount: messagesMax });
  expect(addMessage(full, words, at(1)).kind).toBe("refused");
  const room = call("ongoing", { messageCount: messagesMax - 1 });
  expect(addMessage(room, words, at(1)).kind).toBe("changed");
});

test("errors are sent until the call is finished", () => {
  const error = {
    type: "llm_error" as const,
    code: null,
    message: null,
    provider: null,
    retryable: null,
  };
  expect(kinds(reportCallError(call(), error, at(1)))).toEqual(["call_error"]);
  expect(kinds(reportCallError(call("finished"), error, at(1)))).toBe("refused");
});

test("a call that says no more begins outbound and queued, and with nothing that was not said", () => {
  const bare = changed(createCall({ id: "WC-1", assistant }, { callType: "phone" }, at(7)));
  expect(bare).toEqual({
    ...{ teamId: "t", id: "WC-1", assistantId: "a", callType: "phone", direction: "outbound" },
    ...{ status: "queued", userNumber: null, assistantNumber: null, phoneProvider: null },
    ...{ metadata: null, phoneCallStatus: null, phoneCallStatusReason: null },
    ...{ callEndTriggerBy: null, startAt: null, endAt: null, durationMs: null, recording: null },
    ...{ analysis: null, cost: null, metrics: null, messageCount: 0, reported: null, position: 1 },
    ...{ hangDueAt: null, hung: false, reportDueAt: null, createdBy: "system" },
    ...{ updatedBy: "system", createdAt: new Date(7), updatedAt: new Date(7) },
    reportBytes: 8,
  });
  const ongoing = createCall({ id: "WC-1", assistant }, { ...begin, status: "ongoing" }, at(7));
  expect(changed(ongoing)).toMatchObject({ direction: "inbound", startAt: new Date(7) });
});

test("a call, a step and a time have the bounds that callers were promised", () => {
  expect([messagesMax, attemptsMax, durationMsMax]).toEqual([2_000, 1_000, 2_147_483_647]);
});

test("a report may be filled to its last byte, by a message or by the end", () => {
  const cost = jsonText(1);
  const withRoom = (bytes: number) => call("ongoing", { reportBytes: callBytesMax - bytes });
  const tooLarge = { kind: "refused", code: "body_too_large" };
  const size = (changed(addMessage(withRoom(1_000), words, at(1))).reportBytes ?? 0) - callBytesMax;
  expect(addMessage(withRoom(1_000 + size), words, at(1)).kind).toBe("changed");
  expect(addMessage(withRoom(999 + size), words, at(1))).toMatchObject(tooLarge);
  expect(endCall(withRoom(1), { cost }, at(1)).kind).toBe("changed");
  expect(endCall(withRoom(0), { cost }, at(1))).toMatchObject(tooLarge);
  expect(endCall(withRoom(0), {}, at(1)).kind).toBe("changed");
});

test.each(["recording", "analysis", "cost", "metrics"])(
  "%s told again at the end may be other words of the same JSON, and null settles nothing",
  (name) => {
    const [told, again] = ['{"a":1,"b":2}', '{ "b": 2.0, "a": 1 }'] as JsonText[];
    const endWith = (subject: CallSubject, value: JsonText | undefined | null) =>
      endCall(subject, { [name]: value } as CallEnd, at(9));
    const ended = { ...call(), call: changed(endWith(call(), told)) };
    expect(endWith(ended, again).kind).toBe("repeated");
    expect(endWith(ended, jsonText("other")).kind).toBe("refused");

    const patient = { ...call(), assistant: { ...assistant, endReportWaitSeconds: 30 } };
    const waiting = { ...patient, call: changed(endWith(patient, null)) };
    expect(changed(endWith(waiting, told))).toMatchObject({ [name]: told });
  },
);

test("a duration of null leaves it to the service, at the first end and at a repeat", () => {
  const begun = call("ongoing", { startAt: new Date(0) });
  for (const durationMs of [null, 5]) {
    const ended = changed(endCall(begun, { durationMs }, at(7)));
    expect(ended.durationMs).toBe(durationMs ?? 7);
    expect(endCall({ ...begun, call: ended }, { durationMs: null }, at(9)).kind).toBe("repeated");
  }
});
