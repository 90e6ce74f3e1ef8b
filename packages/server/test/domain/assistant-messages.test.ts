import { expect, test } from "vitest";
import {
  assistantMessages,
  assistantMessageTypes,
} from "../../src/domain/contracts/assistant-messages.ts";
import type { NewCall } from "../../src/domain/facts.ts";
import { type JsonText, joinObject, jsonText } from "../../src/domain/json-text.ts";
import { type Assistant, createCall } from "../../src/domain/lifecycle/call.ts";
import { endCall } from "../../src/domain/lifecycle/call-states.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";

const exact = '{"n": 12345678901234567890,"f":1.0}' as JsonText;
const assistant: Assistant = {
  teamId: "5f0000000000000000000001",
  id: "5f0000000000000000000002",
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: joinObject([["model", exact]]),
  createdAt: new Date(0),
  updatedAt: new Date(0),
  deletedAt: null,
};
const begin: NewCall = {
  callType: "phone",
  direction: "outbound",
  status: "ongoing",
  userNumber: "+15550100",
  assistantNumber: null,
  phoneProvider: "twilio",
  metadata: exact,
};
const report = { actor: "system", now: new Date(5_000), occurredAt: new Date(5_000) };
const message = {
  messageId: "m",
  role: "user" as const,
  text: "Hi",
  timestampMs: 1,
  metrics: exact,
};

function begun() {
  const transition = createCall({ id: "CC-1", assistant }, begin, report);
  if (transition.kind !== "changed") throw new Error("it did not begin");
  return transition;
}

const render = (happening: Happening) =>
  assistantMessages.render(happening, { actor: "system", occurredAt: new Date(1_234) });

test("a status-update is the envelope without messages, its free-form parts byte for byte", () => {
  const [happening] = begun().happened;
  const event = render(happening as Happening);
  const text = event.payload.toString("utf8");
  const { message: told } = JSON.parse(text);
  expect(Object.keys(told)).toEqual([
    ...["type", "timestamp", "call", "assistant", "phone", "customer", "analysis"],
  ]);
  expect(told).toMatchObject({ type: "status-update", timestamp: 1_234, analysis: {} });
  expect(Object.keys(told.call)).toEqual([
    ...["id", "teamId", "assistantId", "callType", "direction", "startAt", "endAt", "userNumber"],
    ...["assistantNumber", "status", "phoneCallStatus", "phoneCallStatusReason"],
    ...["callEndTriggerBy", "assistantCallDuration", "recording", "metadata"],
  ]);
  expect(text).toContain(`"metadata":${exact}`);
  expect(text).toContain(`"model":${exact}`);
  expect(event.order).toEqual({ key: "CC-1", position: 1 });
});

test("the report carries all messages, the analysis, the cost and the metrics, reported ones before computed ones", () => {
  const { state } = begun();
  const subject = { call: state, assistant, messages: [message] };
  const details = {
    analysis: exact,
    cost: jsonText(1),
    metrics: jsonText({ turnCount: 7, own: 1 }),
  };
  const ended = endCall(subject, details, report);
  const happened = ended.kind === "changed" ? ended.happened : [];
  expect(happened.map((one) => render(one).eventType)).toEqual([
    "status-update",
    "end-of-call-report",
  ]);
  const [status, last] = happened.map((one) => render(one).payload.toString("utf8"));
  expect(JSON.parse(status ?? "").message).not.toHaveProperty("messages");
  expect(JSON.parse(last ?? "").message).toMatchObject({
    messages: [{ messageId: "m", role: "user", text: "Hi", timestamp: 1 }],
    call: { cost: 1, metrics: { turnCount: 7, own: 1, messageCount: 1 } },
  });
  expect(last).toContain(`"analysis":${exact}`);
});

test("a member of the assistant or of the metrics may have any name that JSON can say", () => {
  const names = ['a"b', "c\\d", "e\nf", "\u0000", "toString"];
  const members = Object.fromEntries(names.map((name, index) => [name, index]));
  const named = { ...assistant, document: jsonText(members) };
  const { state } = begun();
  const subject = { call: state, assistant: named, messages: [] };
  const ended = endCall(subject, { metrics: jsonText(members) }, report);
  const happened = ended.kind === "changed" ? ended.happened : [];
  const told = JSON.parse(render(happened[1] as Happening).payload.toString("utf8")).message;
  expect(told.assistant).toMatchObject(members);
  expect(told.call.metrics).toMatchObject(members);
});

test("an assistant gets messages of its own calls only", () => {
  const [happening] = begun().happened;
  expect(assistantMessages.subjectOf(happening as Happening)).toBe(assistant.id);
  const other = { kind: "workflow_created" } as Happening;
  expect(assistantMessages.eventTypeOf(other)).toBeUndefined();
});

test("the secret is its header, before the headers that were asked for", () => {
  const common = { signingSecret: "whsec_", headerPrefix: "x-acme" };
  expect(
    assistantMessages.headers({ ...common, credential: "a word", customHeaders: ["x-key", "v"] }),
  ).toEqual(["x-acme-secret", "a word", "x-key", "v"]);
  const none = { ...common, credential: null, customHeaders: [] };
  expect(assistantMessages.headers(none)).toEqual([]);
});

test("the same happening is the same event, another one of the call another", () => {
  const [happening] = begun().happened;
  const first = render(happening as Happening);
  expect(render(happening as Happening).id).toBe(first.id);
  const later = { ...happening, call: { ...begun().state, position: 2 } } as Happening;
  expect(render(later).id).not.toBe(first.id);
});

test("it has five types of messages, each sent at once, at most once", () => {
  expect(assistantMessageTypes).toEqual([
    ...["status-update", "conversation-update", "end-of-call-report", "hang", "error"],
  ]);
  expect(assistantMessages.name).toBe("assistant");
  expect(assistantMessages.ignoresRetryAfter).toBe(true);
  const bounds = assistantMessageTypes.map((type) => [type, 1_048_576]);
  expect(assistantMessages.bodyBytesMax).toEqual(Object.fromEntries(bounds));
});

test.each([
  ["call_status", "status-update", false],
  ["call_message", "conversation-update", true],
  ["call_hung", "hang", true],
  ["call_ended", "end-of-call-report", true],
  ["call_error", "error", true],
] as const)("%s is told as %s, with the messages where it has any", (kind, type, hasMessages) => {
  const error = { type: "llm_error", code: null, message: "down", provider: null, retryable: true };
  const call = { ...begun().state, analysis: exact };
  const happening = { kind, assistant, call, messages: [message], error } as Happening;
  expect(assistantMessages.eventTypeOf(happening)).toBe(type);
  const event = render(happening);
  expect(event).toMatchObject({
    ...{ teamId: assistant.teamId, contract: "assistant", eventType: type, createdBy: "system" },
    ...{ assistantId: assistant.id, callId: "CC-1", dedupeKey: `${type}:CC-1:1` },
    ...{ workflowId: null, workflowName: null, runId: null, runStatus: null },
  });
  const { message: told } = JSON.parse(event.payload.toString("utf8"));
  expect(told.messages?.length).toBe(hasMessages ? 1 : undefined);
  expect(told.error).toEqual(kind === "call_error" ? error : undefined);
  // What the call came to is in its report alone.
  expect(told.analysis).toEqual(kind === "call_ended" ? JSON.parse(exact) : {});
  expect("metrics" in told.call).toBe(kind === "call_ended");
  expect(told).toMatchObject({
    phone: { provider: { name: "twilio" } },
    customer: { number: "+15550100" },
    assistant: { id: assistant.id, name: "Ada", hangTimeoutSeconds: 5, endReportWaitSeconds: 0 },
  });
});

test("a line without a description has empty names", () => {
  const call = { ...begun().state, userNumber: null, phoneProvider: null };
  const { payload } = render({ kind: "call_status", assistant, call });
  expect(JSON.parse(payload.toString("utf8")).message).toMatchObject({
    phone: { provider: { name: "" } },
    customer: { number: "" },
  });
});

test("contract C has no event for happenings that are not about a call", () => {
  const other = { kind: "workflow_created" } as Happening;
  expect(assistantMessages.subjectOf(other)).toBeNull();
  expect(() => render(other)).toThrow("workflow_created");
});
