import { expect, test } from "vitest";
import { decide } from "../../src/domain/decide.ts";
import type { Fact } from "../../src/domain/facts.ts";
import { joinObject } from "../../src/domain/json-text.ts";
import type { Assistant } from "../../src/domain/lifecycle/call.ts";
import { noChanges, subjectKey, type World } from "../../src/domain/world.ts";

const now = new Date("2026-11-21T10:30:00.000Z");
const after = (ms: number) => new Date(now.getTime() + ms);
const key = subjectKey("team", "c");

const assistant: Assistant = {
  teamId: "team",
  id: "a",
  name: "Ada",
  hangTimeoutSeconds: 5,
  endReportWaitSeconds: 30,
  document: joinObject([]),
  createdAt: now,
  updatedAt: now,
  deletedAt: null,
};

const worldWith = (...assistants: Assistant[]): World => ({
  now,
  workflows: new Map(),
  versions: new Map(),
  runs: new Map(),
  steps: new Map(),
  assistants: new Map(assistants.map((one) => [subjectKey(one.teamId, one.id), one])),
  calls: new Map(),
  messages: new Map(),
  cancelledRunsMax: 1,
});

type Reported = Pick<Fact, "type" | "occurredAt"> & { data?: object; teamId?: string };

function tell(world: World, reported: Reported) {
  const changes = noChanges();
  const fact = { teamId: "team", actor: "key", callId: "c", assistantId: "a", ...reported };
  const recorded = decide(fact as Fact, world, changes);
  return { recorded, changes, kinds: changes.happened.map(({ happening }) => happening.kind) };
}

const create: Reported = { type: "call.created", data: { callType: "web", status: "ongoing" } };
const say = (messageId: string | null, role = "user"): Reported => ({
  type: "call.message",
  data: { messageId, role, text: "words", timestampMs: null },
});
const forward: Reported = { type: "call.status", data: { status: "forwarded" } };
const fail: Reported = { type: "call.error", data: { type: "llm_error" } };
const end: Reported = { type: "call.ended", data: {} };
const hang: Reported = { type: "call.hung" };
const due: Reported = { type: "call.report_due" };

test.each<[string, Reported[], number, Reported, string[]]>([
  ["another status", [], 0, forward, ["call_status"]],
  ["an error", [], 0, fail, ["call_error"]],
  ["the end of a call whose report waits", [], 0, end, ["call_status"]],
  ["a silence that became too long", [say("m")], 5_000, hang, ["call_hung"]],
  ["a report that waited long enough", [end], 30_000, due, ["call_ended"]],
  ["a message", [], 0, say("m"), ["call_message"]],
])("%s changes a known call, and is told", (_, before, passedMs, fact, told) => {
  const world = worldWith(assistant);
  for (const one of [create, ...before]) tell(world, one);
  world.now = after(passedMs);
  const { recorded, changes, kinds } = tell(world, fact);
  expect(kinds).toEqual(told);
  expect(recorded).toMatchObject({ outcome: "recorded", call: world.calls.get(key) });
  expect([changes.newCalls, changes.changedCalls]).toEqual([new Set(), new Set([key])]);
  expect(changes.happened[0]?.occurrence).toEqual({ actor: "key", occurredAt: after(passedMs) });
});

test("a call that begins is new; begun again, it is a repeat with the present state", () => {
  const world = worldWith(assistant);
  const occurredAt = after(-1_000);
  const { recorded, changes, kinds } = tell(world, { ...create, occurredAt });
  expect(kinds).toEqual(["call_status"]);
  expect(changes.happened[0]?.occurrence).toEqual({ actor: "key", occurredAt });
  expect([changes.newCalls, changes.changedCalls]).toEqual([new Set([key]), new Set()]);
  expect(recorded).toMatchObject({ outcome: "recorded", call: { startAt: occurredAt } });
  tell(world, forward);
  const again = tell(world, create);
  expect(again.recorded).toMatchObject({ outcome: "repeated", call: { status: "forwarded" } });
  expect(again.changes).toEqual(noChanges());
});

test("messages have positions in the order of their reports, and a repeat has none", () => {
  const world = worldWith(assistant);
  tell(world, create);
  const told = [say("m"), say("m"), say(null, "assistant")].map((fact) => tell(world, fact));
  expect(told.map(({ recorded }) => [recorded.outcome, recorded.message?.messageId])).toEqual([
    ...[
      ["recorded", "m"],
      ["repeated", "m"],
      ["recorded", "c-2"],
    ],
  ]);
  const written = { teamId: "team", callId: "c", text: "words" };
  expect(told.map(({ changes }) => changes.newMessages)).toEqual([
    [expect.objectContaining({ ...written, messageId: "m", position: 1 })],
    [],
    [expect.objectContaining({ ...written, messageId: "c-2", position: 2 })],
  ]);
  expect(world.messages.get(key)?.map(({ messageId }) => messageId)).toEqual(["m", "c-2"]);
});

const notFound = expect.objectContaining({ code: "not_found" });

test("a call begins with an existing assistant, and continues when that is deleted", () => {
  const deleted = { ...assistant, deletedAt: now };
  expect(() => tell(worldWith(), create)).toThrow(notFound);
  expect(() => tell(worldWith(deleted), create)).toThrow(notFound);
  const world = worldWith(assistant);
  tell(world, create);
  world.assistants.set(subjectKey("team", "a"), deleted);
  for (const fact of [create, say("m"), end]) expect(() => tell(world, fact)).not.toThrow();
});

test.each([forward, fail, end, hang, due, say("m")])(
  "$type of a call that is not there, or is another team's, is not found",
  (fact) => {
    expect(() => tell(worldWith(assistant), fact)).toThrow(notFound);
    const world = worldWith(assistant, { ...assistant, teamId: "other" });
    tell(world, create);
    expect(() => tell(world, { ...fact, teamId: "other" })).toThrow(notFound);
    // Nothing is told of a call without the assistant that it is told of.
    world.assistants.clear();
    expect(() => tell(world, fact)).toThrow(notFound);
  },
);
