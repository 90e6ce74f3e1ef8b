import fc from "fast-check";
import { expect, test } from "vitest";
import { decide } from "../../src/domain/decide.ts";
import type {
  CallEnd,
  CallStatus,
  CallStatusReport,
  Fact,
  NewCall,
  NewMessage,
} from "../../src/domain/facts.ts";
import { joinObject, jsonText } from "../../src/domain/json-text.ts";
import {
  type Assistant,
  addMessage,
  type Call,
  type CallSubject,
  createAgain,
  createCall,
} from "../../src/domain/lifecycle/call.ts";
import {
  changeCallStatus,
  endCall,
  tellDueReport,
} from "../../src/domain/lifecycle/call-states.ts";
import type { Transition } from "../../src/domain/lifecycle/happening.ts";
import { noChanges, subjectKey, type World } from "../../src/domain/world.ts";
import { AppError } from "../../src/errors.ts";

const teamId = "t";
const assistant: Assistant = {
  teamId,
  id: "a",
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 0,
  document: joinObject([]),
  createdAt: new Date(0),
  updatedAt: new Date(0),
  deletedAt: null,
};
const patient: Assistant = { ...assistant, endReportWaitSeconds: 30 };

const at = (ms: number, occurredAtMs = ms) => ({
  actor: "system",
  now: new Date(ms),
  occurredAt: new Date(occurredAtMs),
});

const begin: NewCall = {
  callType: "web",
  direction: "inbound",
  userNumber: "+15550100",
  metadata: jsonText({ room: 7, floor: [1.0] }),
};

function changed(transition: Transition<Call>): Call {
  if (transition.kind !== "changed") throw new Error(`it is ${transition.kind}`);
  return transition.state;
}

const begun = (by: Assistant = assistant): CallSubject => ({
  call: changed(createCall({ id: "WC-1", assistant: by }, begin, at(0))),
  assistant: by,
  messages: [],
});

/** What a transition comes to: the events, or the refusal with the members it names. */
const outcome = (transition: Transition<Call>) => {
  if (transition.kind === "changed") return transition.happened.map(({ kind }) => kind);
  if (transition.kind === "repeated") return "repeated";
  return "members" in transition ? transition.members : transition.code;
};

type Report = CallStatusReport | (CallEnd & { status?: undefined });

const apply = (subject: CallSubject, report: Report, ms = 1) =>
  report.status === undefined
    ? endCall(subject, report, at(ms))
    : changeCallStatus(subject, report, at(ms));

/** The call after these reports, none of which may be refused. */
function after(subject: CallSubject, ...reports: Report[]): CallSubject {
  let { call } = subject;
  for (const report of reports) {
    const transition = apply({ ...subject, call }, report);
    if (transition.kind !== "repeated") call = changed(transition);
  }
  return { ...subject, call };
}

const reaching: Record<CallStatus, readonly CallStatus[]> = {
  queued: [],
  ongoing: ["ongoing"],
  forwarded: ["ongoing", "forwarded"],
  finished: ["ongoing", "forwarded", "finished"],
};

test.each([
  ["queued", ["repeated", ["call_status"], "transition_refused", ["call_status", "call_ended"]]],
  ["ongoing", ["repeated", "repeated", ["call_status"], ["call_status", "call_ended"]]],
  ["forwarded", ["repeated", "repeated", "repeated", ["call_status", "call_ended"]]],
  ["finished", ["repeated", "repeated", "repeated", "repeated"]],
] as const)("from %s a call goes only forwards, and a past state is a repeat", (from, expected) => {
  const subject = after(begun(), ...reaching[from].map((status) => ({ status })));
  const reached = (["queued", "ongoing", "forwarded", "finished"] as const).map((status) =>
    outcome(changeCallStatus(subject, { status }, at(1))),
  );
  expect(reached).toEqual(expected);
});

test.each<[string, Partial<NewCall>, unknown]>([
  ["the same", {}, "repeated"],
  [
    "less",
    { direction: undefined, userNumber: undefined, metadata: undefined } as never,
    "repeated",
  ],
  ["equal JSON", { metadata: jsonText({ floor: [1], room: 7 }) }, "repeated"],
  ["nothing more than null", { assistantNumber: null, phoneProvider: null }, "repeated"],
  ["where it began", { status: "queued" }, "repeated"],
  ["a state that it has not reached", { status: "ongoing" }, ["status"]],
  ["another direction", { direction: "outbound" }, ["direction"]],
  ["another type", { callType: "phone" }, ["callType"]],
  ["another number", { userNumber: "+15550101" }, ["userNumber"]],
  ["no number", { userNumber: null }, ["userNumber"]],
  [
    "members that it adds",
    { assistantNumber: "1", phoneProvider: "x" },
    ["assistantNumber", "phoneProvider"],
  ],
  ["other metadata", { metadata: jsonText({ room: 7, floor: [2] }) }, ["metadata"]],
])("a creation that says %s again", (_, said, expected) => {
  const { call } = begun();
  expect(outcome(createAgain(call, "a", { ...begin, ...said }))).toEqual(expected);
});

test("a creation names its assistant, and a later state than it began in is no contradiction", () => {
  expect(outcome(createAgain(begun().call, "b", begin))).toEqual(["assistantId"]);
  const { call } = after(begun(), { status: "finished" });
  for (const status of ["queued", "ongoing"] as const) {
    expect(outcome(createAgain(call, "a", { ...begin, status }))).toBe("repeated");
  }
});

test.each<[string, Partial<NewMessage>, unknown]>([
  ["the same", {}, "repeated"],
  ["less", { timestampMs: null, metrics: undefined } as never, "repeated"],
  ["equal metrics", { metrics: jsonText({ b: 2, a: 1 }) }, "repeated"],
  ["another text", { text: "words and more" }, ["text"]],
  ["another role", { role: "assistant" }, ["role"]],
  ["another time", { timestampMs: 8 }, ["timestamp"]],
  ["other metrics", { metrics: jsonText({ a: 1 }) }, ["metrics"]],
  [
    "all of it otherwise",
    { role: "assistant", text: "", timestampMs: 1, metrics: null },
    [...["role", "text", "timestamp", "metrics"]],
  ],
])("a message that says %s again, before the end and after it", (_, said, expected) => {
  const data: NewMessage = {
    messageId: "m",
    role: "user",
    text: "words",
    timestampMs: 7,
    metrics: jsonText({ a: 1, b: 2 }),
  };
  const subject = after(begun(), { status: "ongoing" });
  const added = addMessage(subject, data, at(1));
  const spoken = {
    ...subject,
    call: changed(added),
    messages: added.message ? [added.message] : [],
  };
  for (const later of [spoken, after(spoken, { status: "finished" })]) {
    expect(outcome(addMessage(later, { ...data, ...said }, at(9)))).toEqual(expected);
  }
});

test("a message that adds metrics differs from one without", () => {
  const data: NewMessage = { messageId: "m", role: "user", text: "words", timestampMs: 7 };
  const added = addMessage(begun(), data, at(1));
  const spoken = { ...begun(), messages: added.message ? [added.message] : [] };
  const metrics = jsonText({ a: 1 });
  expect(outcome(addMessage(spoken, { ...data, metrics }, at(9)))).toEqual(["metrics"]);
});

test("the present state again may bring other news of the line, which is recorded without an event", () => {
  const ongoing = after(begun(), { status: "ongoing", phoneCallStatus: "ringing" });
  const more = { status: "ongoing", phoneCallStatusReason: "busy" } as const;
  const changedLine = changeCallStatus(ongoing, more, at(5));
  expect(outcome(changedLine)).toEqual([]);
  expect(changed(changedLine)).toMatchObject({
    status: "ongoing",
    phoneCallStatus: "ringing",
    phoneCallStatusReason: "busy",
    position: ongoing.call.position,
    updatedAt: new Date(5),
  });
  expect(outcome(apply(after(ongoing, more), more))).toBe("repeated");
  const queued = changeCallStatus(
    begun(),
    { status: "queued", phoneCallStatus: "dialling" },
    at(5),
  );
  expect(outcome(queued)).toEqual([]);
});

test("news of the line leave the user's silence as it is", () => {
  const waiting = {
    ...after(begun(), { status: "ongoing" }),
    messages: [{ messageId: "m", role: "user" as const, text: "", timestampMs: 0, metrics: null }],
  };
  const call = { ...waiting.call, hangDueAt: new Date(5_000) };
  const line = { status: "ongoing", phoneCallStatus: "in-progress" } as const;
  expect(changed(changeCallStatus({ ...waiting, call }, line, at(4_000))).hangDueAt).toEqual(
    new Date(5_000),
  );
});

test("a past state is compared with what was reported in it, not with the latest state", () => {
  const moved = after(
    begun(),
    { status: "ongoing", phoneCallStatus: "ringing" },
    { status: "ongoing", phoneCallStatus: "in-progress", phoneCallStatusReason: "answered" },
    { status: "forwarded", phoneCallStatus: "transferred" },
    { phoneCallStatus: "completed" },
  );
  const told = (report: CallStatusReport) => outcome(changeCallStatus(moved, report, at(9)));
  expect(told({ status: "ongoing", phoneCallStatus: "ringing" })).toBe("repeated");
  expect(told({ status: "ongoing", phoneCallStatusReason: "answered" })).toBe("repeated");
  expect(told({ status: "forwarded", phoneCallStatus: "transferred" })).toBe("repeated");
  // What nobody reported in that state would be lost behind a success.
  expect(told({ status: "ongoing", phoneCallStatus: "completed" })).toEqual(["phoneCallStatus"]);
  expect(told({ status: "queued", phoneCallStatusReason: "x" })).toEqual(["phoneCallStatusReason"]);
  expect(told({ status: "forwarded", phoneCallStatus: "x", phoneCallStatusReason: "y" })).toEqual([
    "phoneCallStatus",
    "phoneCallStatusReason",
  ]);
});

const recording = jsonText({ url: "https://example.com/a.mp3" });
const cost = jsonText(0.5);

test("an end again: equal is a repeat, changed is a contradiction, more comes after the report", () => {
  const ended = after(begun(), {
    phoneCallStatus: "completed",
    durationMs: 7,
    recording,
    cost,
    metrics: jsonText({ a: 1 }),
  });
  const told = (data: CallEnd) => outcome(endCall(ended, data, at(9)));
  expect(told({})).toBe("repeated");
  expect(told({ recording, cost: jsonText(0.5), durationMs: 7 })).toBe("repeated");
  expect(told({ analysis: null, callEndTriggerBy: null })).toBe("repeated");
  expect(told({ recording: jsonText("x") })).toEqual(["recording"]);
  expect(told({ cost: null, durationMs: 8 })).toEqual(["assistantCallDuration", "cost"]);
  expect(told({ phoneCallStatus: "failed", metrics: jsonText({ a: 2 }) })).toEqual([
    "phoneCallStatus",
    "metrics",
  ]);
  expect(told({ analysis: jsonText("good") })).toBe("report_sent");
  expect(told({ callEndTriggerBy: "user" })).toBe("report_sent");
  // A contradiction is named before what only came too late.
  expect(told({ analysis: jsonText("good"), cost: jsonText(1) })).toEqual(["cost"]);
  const status = { status: "finished", phoneCallStatus: "completed" } as const;
  expect(outcome(changeCallStatus(ended, status, at(9)))).toBe("repeated");
  expect(outcome(changeCallStatus(ended, { ...status, phoneCallStatus: "x" }, at(9)))).toEqual([
    "phoneCallStatus",
  ]);
});

test("details that come after a report that did not wait are refused, and named", () => {
  const finished = after(begun(), { status: "finished" });
  const late = endCall(finished, { recording, cost, durationMs: 9 }, at(9));
  expect(late).toMatchObject({ kind: "refused", code: "report_sent" });
  expect(late).toMatchObject({ detail: expect.stringContaining("recording, cost") });
});

test("a report waits after finished for its details, and goes with the first recording, cost or analysis", () => {
  const finished = changeCallStatus(begun(patient), { status: "finished" }, at(1_000, 500));
  expect(outcome(finished)).toEqual(["call_status"]);
  // Counted from the service's clock.
  expect(changed(finished).reportDueAt).toEqual(new Date(31_000));
  const waiting = { ...begun(patient), call: changed(finished) };

  for (const details of [{ recording }, { cost }, { analysis: jsonText("good") }]) {
    const goes = endCall(waiting, details, at(2_000));
    expect(outcome(goes)).toEqual(["call_ended"]);
    expect(changed(goes)).toMatchObject({ ...details, reportDueAt: null, endAt: new Date(500) });
  }
  const told = { callEndTriggerBy: "user", durationMs: 7, metrics: jsonText({ own: 1 }) };
  const more = endCall(waiting, { ...told, recording: null }, at(2_000));
  expect(outcome(more)).toEqual([]);
  expect(changed(more)).toMatchObject({ ...told, reportDueAt: new Date(31_000) });
  const same = { ...waiting, call: changed(more) };
  expect(outcome(endCall(same, told, at(3_000)))).toBe("repeated");
  expect(outcome(endCall(same, { ...told, durationMs: 8, cost }, at(3_000)))).toEqual([
    "assistantCallDuration",
  ]);
  expect(outcome(endCall(same, { ...told, cost }, at(3_000)))).toEqual(["call_ended"]);
});

test("an end that brings the details sends the report at once, wait or no wait", () => {
  const ended = endCall(begun(patient), { recording }, at(1));
  expect(outcome(ended)).toEqual(["call_status", "call_ended"]);
  expect(changed(ended).reportDueAt).toBeNull();
  expect(outcome(endCall(begun(), {}, at(1)))).toEqual(["call_status", "call_ended"]);
});

test("a report whose time is over goes without details, not before and once", () => {
  const waiting = { ...begun(patient), call: changed(endCall(begun(patient), {}, at(0))) };
  expect(outcome(tellDueReport(waiting, at(29_999)))).toBe("repeated");
  const due = tellDueReport(waiting, at(30_000));
  expect(outcome(due)).toEqual(["call_ended"]);
  const told = { ...waiting, call: changed(due) };
  expect(outcome(tellDueReport(told, at(60_000)))).toBe("repeated");
  expect(outcome(endCall(told, { cost }, at(60_000)))).toBe("report_sent");
  expect(outcome(endCall(told, {}, at(60_000)))).toBe("repeated");
});

test("what only the end reports of the line is no contradiction of what the line was like before", () => {
  const waiting = after(
    begun(patient),
    { status: "ongoing", phoneCallStatus: "in-progress" },
    { status: "finished" },
  );
  const ended = endCall(waiting, { phoneCallStatus: "completed", cost }, at(2));
  expect(outcome(ended)).toEqual(["call_ended"]);
  expect(changed(ended).phoneCallStatus).toBe("completed");
});

const line = fc.record(
  {
    phoneCallStatus: fc.constantFrom("a", "b", null),
    phoneCallStatusReason: fc.constantFrom("a", "b", null),
  },
  { requiredKeys: [] },
);
const json = fc.constantFrom(jsonText({ a: 1 }), jsonText([1]), null);
const report = fc.oneof(
  fc.record({
    type: fc.constant("call.created"),
    data: fc.constantFrom(begin, { ...begin, status: "ongoing" }),
  }),
  fc
    .tuple(fc.constantFrom("queued", "ongoing", "forwarded", "finished"), line)
    .map(([status, given]) => ({ type: "call.status", data: { status, ...given } })),
  fc.record({
    type: fc.constant("call.message"),
    data: fc.record({
      messageId: fc.constantFrom("m", "n"),
      role: fc.constantFrom("user", "assistant"),
      text: fc.constantFrom("x", "y"),
      timestampMs: fc.constantFrom(1, null),
      metrics: json,
    }),
  }),
  fc
    .tuple(
      line,
      fc.record(
        {
          callEndTriggerBy: fc.constantFrom("user", "assistant", null),
          durationMs: fc.constantFrom(1, 2, null),
          recording: json,
          analysis: json,
          cost: json,
          metrics: json,
        },
        { requiredKeys: [] },
      ),
    )
    .map(([given, details]) => ({ type: "call.ended", data: { ...given, ...details } })),
  fc.constant({ type: "call.report_due" }),
) as fc.Arbitrary<Pick<Fact, "type">>;

test("whatever is reported: a report that was accepted once is accepted again, and sends nothing", () => {
  fc.assert(
    fc.property(
      fc.array(report, { minLength: 1, maxLength: 14 }),
      fc.constantFrom(0, 30),
      (reports, endReportWaitSeconds) => {
        const world: World = {
          now: new Date(0),
          workflows: new Map(),
          versions: new Map(),
          runs: new Map(),
          steps: new Map(),
          assistants: new Map([[subjectKey(teamId, "a"), { ...assistant, endReportWaitSeconds }]]),
          calls: new Map(),
          messages: new Map(),
          cancelledRunsMax: 1,
        };
        const changes = noChanges();
        const told: Fact[] = [];
        const tell = (fact: Fact) => decide(fact, world, changes);
        const happenedAlready = () => changes.happened.map(({ happening }) => happening.kind);
        for (const one of reports) {
          world.now = new Date(world.now.getTime() + 10_000);
          const fact = { teamId, actor: "x", callId: "WC-1", assistantId: "a", ...one } as Fact;
          try {
            tell(fact);
          } catch (error) {
            if (error instanceof AppError) continue;
            throw error;
          }
          // Time is not told again.
          if (fact.type !== "call.report_due") told.push(fact);
          const before = happenedAlready();
          // Also in the words of one that runs again from the start.
          for (const again of told) tell(again);
          expect(happenedAlready()).toEqual(before);
        }
        const reportsTold = happenedAlready().filter((kind) => kind === "call_ended");
        expect(reportsTold.length).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 2_000 },
  );
});
