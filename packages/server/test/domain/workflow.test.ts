import { expect, test } from "vitest";
import type { NewVersion, NewWorkflow, WorkflowChanges } from "../../src/domain/facts.ts";
import { type JsonText, jsonText } from "../../src/domain/json-text.ts";
import type { Transition } from "../../src/domain/lifecycle/happening.ts";
import {
  activateVersion,
  createVersion,
  createWorkflow,
  deleteWorkflow,
  updateWorkflow,
  type Version,
  type Workflow,
} from "../../src/domain/lifecycle/workflow.ts";

const report = { actor: "key", now: new Date("2026-11-21T10:30:00.000Z") };
const subject = { teamId: "team", id: "workflow" };

function stateOf(next: Transition<Workflow>): Workflow {
  if (next.kind !== "changed") throw new Error(`nothing changed: ${next.kind}`);
  return next.state;
}

const created: NewWorkflow = {
  name: "A",
  description: "words",
  configuration: '{"a":1,"b":{"c":[2]}}' as JsonText,
  settings: jsonText({}),
  versionName: "v1",
};
const create = (data: NewWorkflow, existing?: Workflow) =>
  createWorkflow(existing, subject, data, report);
const change = (workflow: Workflow, data: WorkflowChanges) =>
  stateOf(updateWorkflow(workflow, data, report));
const first: Version = { id: subject.id, number: 1, name: "v1", markedActive: true };
const second: Version = { id: "second", number: 2, name: "v2", markedActive: false };

const differing = (...members: string[]) => ({
  kind: "refused",
  code: "reported_differently",
  members,
});

const begun = stateOf(create(created));
const lives: [string, Workflow][] = [
  ["as it was created", begun],
  ["renamed", change(begun, { name: "B" })],
  ["renamed twice", change(change(begun, { name: "B" }), { name: "C" })],
  ["renamed and back", change(change(begun, { name: "B" }), { name: "A" })],
  ["configured anew", change(begun, { configuration: null, settings: null, description: null })],
  ["with another version", stateOf(activateVersion(begun, [first, second], 2, report))],
];

test.each(lives)(
  "%s: the creation again is a repeat, and any other is refused by its members",
  (_, workflow) => {
    const again = (more: Partial<NewWorkflow>) => create({ ...created, ...more }, workflow);
    expect(again({})).toEqual({ kind: "repeated", state: workflow });
    expect(create({ name: "A" }, workflow).kind).toBe("repeated");
    const respelt = '{ "b": {"c":[2.0]}, "a": 1 }' as JsonText;
    expect(again({ configuration: respelt }).kind).toBe("repeated");
    expect(again({ name: "B" })).toMatchObject(differing("name"));
    expect(again({ name: "D", versionName: "v2" })).toMatchObject(
      differing("name", "version_name"),
    );
    expect(
      again({ description: null, configuration: jsonText({ a: 1 }), settings: null }),
    ).toMatchObject(differing("description", "configuration", "settings"));
  },
);

test("what the creation left out differs when a repeat adds it, even if it was changed to just that", () => {
  const bare = stateOf(create({ name: "A" }));
  for (const workflow of [bare, change(bare, { description: "words" })]) {
    expect(create({ name: "A", description: "words" }, workflow)).toMatchObject(
      differing("description"),
    );
    expect(create({ name: "A", description: null, settings: null }, workflow).kind).toBe(
      "repeated",
    );
  }
});

test("a workflow keeps nothing of its creation until something is changed", () => {
  expect(begun.createdAs).toBeNull();
  expect(updateWorkflow(begun, { name: "A" }, report)).toEqual({ kind: "repeated", state: begun });
  // Five members, 16 characters each, and nothing to be read in them.
  expect(change(begun, { name: "B" }).createdAs).toMatch(/^[0-9a-f]{80}$/);
});

test("the id of a deleted workflow stays taken", () => {
  const deleted = stateOf(deleteWorkflow(begun, report));
  for (const data of [created, { name: "B" }]) {
    expect(create(data, deleted)).toMatchObject({ kind: "refused", code: "id_taken" });
  }
});

test.each<[string, Partial<NewVersion>, string[]]>([
  ["the same", { versionName: "v2", markAsActive: false }, []],
  ["nothing", {}, []],
  ["another name", { versionName: "v3" }, ["version_name"]],
  ["no name", { versionName: null }, ["version_name"]],
  ["that it is active", { markAsActive: true }, ["mark_as_active"]],
  ["both", { versionName: "v3", markAsActive: true }, ["version_name", "mark_as_active"]],
])("a version id again that says %s", (_, data, members) => {
  const next = createVersion(begun, [first, second], { versionId: "second", ...data }, report);
  if (members.length > 0) expect(next).toMatchObject(differing(...members));
  else expect(next).toEqual({ kind: "repeated", state: begun, version: second });
});

test("of a version that an older service recorded it is not known whether it was to be active", () => {
  const old = { ...second, markedActive: null };
  for (const markAsActive of [true, false, undefined]) {
    const data = { versionId: "second", markAsActive };
    expect(createVersion(begun, [first, old], data, report).kind).toBe("repeated");
  }
});

test("a version is recorded with what its report asked", () => {
  for (const markAsActive of [true, false, undefined]) {
    const { version } = createVersion(begun, [first], { versionId: "x", markAsActive }, report);
    expect(version).toEqual({
      id: "x",
      number: 2,
      name: null,
      markedActive: markAsActive === true,
    });
  }
});
