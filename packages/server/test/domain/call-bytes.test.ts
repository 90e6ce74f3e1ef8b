import fc from "fast-check";
import { expect, test } from "vitest";
import { callBodyBytesMax, callBytesMax } from "../../src/domain/call-bytes.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import type { CallEnd, NewCall, NewMessage } from "../../src/domain/facts.ts";
import { joinObject, jsonText } from "../../src/domain/json-text.ts";
import {
  type Assistant,
  addMessage,
  bytesOf,
  type CallSubject,
  createCall,
} from "../../src/domain/lifecycle/call.ts";
import { endCall } from "../../src/domain/lifecycle/call-states.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";

const assistant: Assistant = {
  teamId: "a".repeat(24),
  id: "b".repeat(24),
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: joinObject([]),
  createdAt: new Date(0),
  updatedAt: new Date(0),
  deletedAt: null,
};
const report = { actor: "system", now: new Date(5_000), occurredAt: new Date(5_000) };

/** The call that these reports make, all of which are accepted, and its report's size. */
function told(begin: NewCall, messages: readonly NewMessage[], details: CallEnd) {
  const created = createCall({ id: "WC-1", assistant }, begin, report);
  if (created.kind !== "changed") throw new Error(`the beginning is ${created.kind}`);
  const subject = { call: created.state, assistant, messages: [] } as CallSubject;
  const said = messages.reduce((before: CallSubject, data): CallSubject => {
    const { message, ...added } = addMessage(before, data, report);
    if (added.kind !== "changed" || !message) throw new Error(`a message is ${added.kind}`);
    return { call: added.state, assistant, messages: before.messages.concat(message) };
  }, subject);
  const ended = endCall(said, details, report);
  if (ended.kind !== "changed") throw new Error(`the end is ${ended.kind}`);
  const { payload } = assistantMessages.render(ended.happened.at(-1) as Happening, report);
  return {
    call: ended.state,
    bytes: payload.length,
    counted: bytesOf({ ...said, call: { ...ended.state, reportBytes: null } }),
  };
}

const text = fc.string({ unit: "binary", maxLength: 40 });
const json = fc.jsonValue().map(jsonText);
const documentOrNot = fc.option(json, { nil: undefined });

test("whatever is reported, a report grows by no more than is counted for it, and counting anew gives the same", () => {
  const begin: NewCall = { callType: "web" };
  const empty = told(begin, [], {}).bytes;
  // Numbers of the computed metrics, and times, grow as well; they have room of their own.
  const slack = 512;
  fc.assert(
    fc.property(
      fc.record({ userNumber: text, assistantNumber: text, phoneProvider: text, metadata: json }),
      fc.array(
        fc.record({
          messageId: fc.constant(null),
          role: fc.constantFrom("user" as const, "assistant" as const),
          text,
          timestampMs: fc.integer({ min: 0, max: 253_402_300_799_999 }),
          metrics: documentOrNot,
        }),
        { maxLength: 12 },
      ),
      fc.record({
        recording: documentOrNot,
        analysis: documentOrNot,
        cost: documentOrNot,
        metrics: documentOrNot,
      }),
      (created, messages, details) => {
        const whole = told(
          { ...begin, ...created },
          messages.map(({ metrics, ...said }) => ({ ...said, ...(metrics && { metrics }) })),
          Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)),
        );
        expect(whole.bytes - empty - slack).toBeLessThanOrEqual(whole.call.reportBytes ?? 0);
        expect(whole.counted).toBe(whole.call.reportBytes);
      },
    ),
  );
});

test.each(["recording", "analysis", "cost", "metrics"] as const)(
  "%s counts byte for byte",
  (name) => {
    const { call } = told({ callType: "web" }, [], { [name]: jsonText("é".repeat(1_000)) });
    expect(call.reportBytes).toBe(
      2_002 + (told({ callType: "web" }, [], {}).call.reportBytes ?? 0),
    );
  },
);

test("a call of as many messages as there may be, each of a few words, has a report within its bound", () => {
  const messages = Array.from({ length: 2_000 }, (_, n): NewMessage => {
    return {
      messageId: `WC-01234567-89ab-cdef-0123-456789abcdef-${n}`,
      role: n % 2 === 0 ? "user" : "assistant",
      text: "well",
      timestampMs: 253_402_300_799_999,
    };
  });
  const { bytes, call } = told({ callType: "web" }, messages, {});
  expect(call.reportBytes).toBeLessThanOrEqual(callBytesMax);
  expect(bytes).toBeLessThanOrEqual(call.reportBytes ?? 0);
});

test("the last byte that a call has room for is taken, and the next is refused", () => {
  const begin = (bytes: number): NewCall => ({
    callType: "web",
    metadata: jsonText("x".repeat(bytes - 2)),
  });
  const at = (bytes: number) => createCall({ id: "WC-1", assistant }, begin(bytes), report);
  // Three texts that are not there count as empty ones, one of them twice.
  const room = callBytesMax - 8;
  expect(at(room).kind).toBe("changed");
  expect(at(room + 1)).toMatchObject({ kind: "refused", code: "body_too_large" });
  const created = at(room);
  if (created.kind !== "changed") throw new Error("it does not begin");
  const full = { call: created.state, assistant, messages: [] };
  const words: NewMessage = { messageId: null, role: "user", text: "", timestampMs: 0 };
  expect(addMessage(full, words, report)).toMatchObject({ code: "body_too_large" });
  expect(endCall(full, { cost: jsonText(1) }, report)).toMatchObject({ code: "body_too_large" });
  const line = "\u0001".repeat(255);
  const end = { phoneCallStatus: line, phoneCallStatusReason: line, callEndTriggerBy: line };
  expect(endCall(full, end, report).kind).toBe("changed");
  expect(String(callBodyBytesMax)).toBe("1048576");
});
