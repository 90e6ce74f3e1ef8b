import { expect, test } from "vitest";
import {
  eventId,
  idFromSeed,
  isObjectId,
  newId,
  objectIdPattern,
  parseEventId,
  publicEventId,
} from "../../src/ids.ts";

const identity = {
  teamId: "6560a0000000000000000001",
  contract: "workflow",
  dedupeKey: "workflow_created:65e1a2b3c4d5e6f708192a3b",
  subjectId: "65e1a2b3c4d5e6f708192a3b",
};

test("new ids are ObjectIds, all different, and sort by time", () => {
  const ids = Array.from({ length: 10_000 }, () => newId());
  expect(new Set(ids).size).toBe(10_000);
  for (const id of ids) expect(id).toMatch(new RegExp(objectIdPattern));
  expect(newId(0x65e1a2b3).slice(0, 8)).toBe("65e1a2b3");
  expect(newId(1_000) < newId(1_001)).toBe(true);
  expect(newId(0xff_ff_ff_ff).slice(0, 8)).toBe("ffffffff");
});

test("an id from a seed is the same every time and another for another seed", () => {
  expect(idFromSeed(7, "a")).toBe(idFromSeed(7, "a"));
  expect(idFromSeed(7, "a")).not.toBe(idFromSeed(7, "b"));
  expect(isObjectId(idFromSeed(7, "a"))).toBe(true);
});

test("only 24 lower-case hex digits are an ObjectId", () => {
  expect(isObjectId("65e1a2b3c4d5e6f708192a3b")).toBe(true);
  for (const text of [
    "",
    "65E1A2B3C4D5E6F708192A3B",
    "65e1a2b3c4d5e6f708192a3",
    "65e1a2b3c4d5e6f708192a3b\n",
    "z".repeat(24),
  ]) {
    expect(isObjectId(text)).toBe(false);
  }
});

test("an event's id follows from its identity alone and changes with every part of it", () => {
  const id = eventId(identity);
  expect(eventId({ ...identity })).toBe(id);
  const others = [
    { ...identity, teamId: "6560a0000000000000000002" },
    { ...identity, contract: "organisation" },
    { ...identity, dedupeKey: "workflow_deleted:65e1a2b3c4d5e6f708192a3b" },
  ].map(eventId);
  expect(new Set([id, ...others]).size).toBe(4);
});

test("an event's id is a UUID of version 8 that begins with its subject's seconds", () => {
  for (const subjectId of [identity.subjectId, "WC-3f2a"]) {
    for (let n = 0; n < 200; n++) {
      const id = eventId({ ...identity, subjectId, dedupeKey: `k:${n}` });
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      if (subjectId === identity.subjectId) expect(id.slice(0, 8)).toBe("65e1a2b3");
    }
  }
});

test("the id that is pinned here never changes: a receiver may have seen it", () => {
  expect(eventId(identity)).toBe("65e1a2b3-26a7-8d54-b580-65d77554432f");
});

test("the public form and back; anything else is no event id", () => {
  const id = eventId(identity);
  expect(parseEventId(publicEventId(id))).toBe(id);
  for (const text of [id, `event_${id.toUpperCase()}`, `event_${id} `, "event_", `event_${id}\n`]) {
    expect(parseEventId(text)).toBeUndefined();
  }
});
