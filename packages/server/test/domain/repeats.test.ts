import { expect, test } from "vitest";
import { type Fact, type FactIdentity, subjectOf } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import {
  digestsOf,
  namesOutside,
  refuseOtherFact,
  rememberedOf,
} from "../../src/domain/repeats.ts";

const contentOf = (members: object) =>
  new Map(Object.entries(members).map(([name, value]) => [name, jsonText(value)]));

test("a content is known again member by member, in any order and other words of JSON, at its place only", () => {
  const digests = digestsOf("place", contentOf({ a: { b: 1, c: 2 }, d: null }));
  expect(digests).toMatch(/^[0-9a-f]{32}$/);
  const outside = (members: [string, string][], salt = "place") =>
    namesOutside(digests, salt, new Map(members as [string, JsonText][]));
  expect(outside([["d", " null "]])).toEqual([]);
  expect(outside([["a", '{ "c": 2.0, "b": 1 }']])).toEqual([]);
  expect(outside([["a", '{"b":1}']])).toEqual(["a"]);
  expect(outside([["d", '{"b":1,"c":2}']])).toEqual(["d"]);
  expect(outside([["d", "null"]], "another place")).toEqual(["d"]);
});

type Identified = Fact & { identity: FactIdentity };
const identity = (members: object, within: "body" | "fact" = "body"): FactIdentity => ({
  name: "name",
  content: contentOf(members),
  within,
});
const common = { teamId: "team", actor: "key", identity: identity({ a: 1 }) };
const facts = [
  [{ type: "workflow.created", workflowId: "w", data: { name: "A" } }, "w", true],
  [{ type: "workflow.version_created", workflowId: "w", data: { versionId: "v" } }, "v", true],
  [{ type: "run.started", runId: "r", workflowId: "w", data: { trigger: "manual" } }, "r", true],
  [{ type: "call.created", callId: "c", assistantId: "a", data: { callType: "web" } }, "c", true],
  [{ type: "workflow.updated", workflowId: "w", data: {} }, "w", false],
  [{ type: "run.updated", runId: "r", data: {} }, "r", false],
  [{ type: "step.reported", runId: "r", stepId: "s", data: { status: "started" } }, "s", false],
  [{ type: "call.hung", callId: "c" }, "c", false],
] as [object, string, boolean][];

test.each(facts)(
  "of %j the subject is %s, and its id is kept where the fact begins it: %s",
  (...row) => {
    const [said, subject, kept] = row;
    const fact = { ...common, ...said } as Identified;
    expect(subjectOf(fact)).toBe(subject);
    expect(rememberedOf(fact).subjectId).toBe(kept ? subject : null);
  },
);

test("a fact under a known identity is refused by the members that differ, wherever they stand", () => {
  const fact = (members: object, more: object = {}, within?: "fact") =>
    ({
      ...{ teamId: "team", actor: "key", type: "run.updated", runId: "r", data: {} },
      identity: { ...identity(members, within), ...more },
    }) as Identified;
  const known = rememberedOf(fact({ "data.a": 1, b: 2 }));
  const refusing = (other: Identified) => () => refuseOtherFact(known, other);
  expect(refusing(fact({ "data.a": 1, b: 2 }))).not.toThrow();
  expect(refusing(fact({ b: 2 }))).not.toThrow();
  expect(refusing(fact({ "data.a": 2, b: 2 }))).toThrow(
    expect.objectContaining({
      code: "reported_differently",
      errors: [expect.objectContaining({ loc: ["body", "data", "a"] })],
    }),
  );
  expect(refusing(fact({ b: 3 }, {}, "fact"))).toThrow(
    expect.objectContaining({ errors: [expect.objectContaining({ loc: ["fact", "b"] })] }),
  );
  // The same under another name, or another team's, has nothing in common with it.
  const refused = expect.objectContaining({ code: "reported_differently" });
  expect(refusing(fact({ b: 2 }, { name: "other" }))).toThrow(refused);
  expect(refusing({ ...fact({ b: 2 }), teamId: "other" })).toThrow(refused);
  // Of what an older service recorded nothing is known, and nothing refused.
  const forgotten = { digests: null, subjectId: null };
  expect(() => refuseOtherFact(forgotten, fact({ b: 3 }))).not.toThrow();
});
