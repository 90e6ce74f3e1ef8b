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

test("for a version of an older service, it is unknown whether it was marked active", () => {
  const old = { ...second, markedActive: null };
  for (const markAsActive of [true, false, undefined]) {
    const data = { versionId: "second", markAsActive };
    expect(createVersion(begun, [first, old], data, report).kind).toBe("repeated");
  }
});

test("a version is recorded with the mark of its report", () => {
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

test("a workflow begins at version 1 with what its creation said, and null where it said nothing", () => {
  const common = {
    ...{ ...subject, revision: 0, versionNumber: 1, createdAs: null, deletedAt: null },
    ...{ createdBy: "key", updatedBy: "key", createdAt: report.now, updatedAt: report.now },
  };
  expect(begun).toEqual({ ...common, ...created });
  const documents = { description: null, configuration: null, settings: null, versionName: null };
  const bare = stateOf(create({ name: "A" }));
  expect(bare).toEqual({ ...common, name: "A", ...documents });
  expect(create({ name: "A" })).toMatchObject({ happened: [{ kind: "workflow_created" }] });
});

const document = (text: string) => text as JsonText;

test.each<[string, WorkflowChanges, object[], string]>([
  ["a name", { name: "B" }, [{ path: "name", oldValue: '"A"', newValue: '"B"' }], "settings"],
  [
    "no description",
    { description: null },
    [{ path: "description", oldValue: '"words"', newValue: "null" }],
    "settings",
  ],
  [
    "settings where there was a document without any",
    { settings: document('{"x": 1.0}') },
    [{ path: "settings.x", oldValue: undefined, newValue: "1.0" }],
    "settings",
  ],
  [
    "a member's other value, another that is gone and a new one",
    { configuration: document('{"c":null,"a":2.0}') },
    [
      { path: "configuration.a", oldValue: "1", newValue: "2.0" },
      { path: "configuration.b", oldValue: '{"c":[2]}', newValue: undefined },
      { path: "configuration.c", oldValue: undefined, newValue: "null" },
    ],
    "configuration",
  ],
  [
    "no configuration, which is told as a whole",
    { configuration: null },
    [{ path: "configuration", oldValue: created.configuration, newValue: "null" }],
    "configuration",
  ],
  [
    "a configuration that is no object, which is told as a whole",
    { configuration: document("[1.0]") },
    [{ path: "configuration", oldValue: created.configuration, newValue: "[1.0]" }],
    "configuration",
  ],
  [
    "a configuration with blanks before it, and a name",
    { name: "B", configuration: document(' {"b":{"c":[2]}}') },
    [
      { path: "name", oldValue: '"A"', newValue: '"B"' },
      { path: "configuration.a", oldValue: "1", newValue: undefined },
    ],
    "configuration",
  ],
])("an update to %s tells what changed, and why", (_, data, changes, reason) => {
  const next = updateWorkflow(begun, data, { actor: "other", now: new Date(9) });
  const state = {
    ...{ ...begun, ...data, revision: 1, createdAs: expect.any(String) },
    ...{ updatedBy: "other", updatedAt: new Date(9) },
  };
  const happened = [{ kind: "workflow_updated", workflow: state, changes, reason }];
  expect(next).toEqual({ kind: "changed", state, happened });
});

test("an absent member stays as it is, and other words for the same JSON are no change", () => {
  const same = { name: "A", settings: document(" { } "), configuration: undefined as never };
  expect(updateWorkflow(begun, same, report)).toEqual({ kind: "repeated", state: begun });
  expect(change(begun, { name: "B", description: undefined as never })).toMatchObject({
    ...{ name: "B", description: "words", configuration: created.configuration },
  });
});

test("up to a thousand changed members are listed one by one, and more as one change", () => {
  const of = (count: number) =>
    jsonText(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n])));
  const told = (count: number) => {
    const next = updateWorkflow(begun, { settings: of(count) }, report);
    const [happening] = next.kind === "changed" ? next.happened : [];
    return happening?.kind === "workflow_updated" ? happening.changes : [];
  };
  expect(told(1_000)).toHaveLength(1_000);
  expect(told(1_001)).toEqual([{ path: "settings", oldValue: "{}", newValue: of(1_001) }]);
});

test("a version has the number after the highest, and becomes active only if its report asks", () => {
  const third = { versionId: "x", versionName: "v3" };
  const numbered = (versions: Version[]) => createVersion(begun, versions, third, report);
  expect(numbered([second, first]).version).toMatchObject({ number: 3, name: "v3" });
  expect(numbered([]).version).toMatchObject({ number: 1 });
  expect(numbered([first])).toMatchObject({
    ...{ kind: "changed", happened: [], state: { versionNumber: 1, versionName: "v1" } },
  });
  const other = { actor: "other", now: new Date(9) };
  const kept = stateOf(createVersion(begun, [first], third, other));
  expect(kept).toEqual({ ...begun, updatedBy: "other", updatedAt: new Date(9) });
  const marked = createVersion(begun, [first], { ...third, markAsActive: true }, report);
  expect(marked).toMatchObject({ version: { number: 2 }, state: { versionNumber: 2 } });
});

test("activating another version sends its number and name; activating the active one sends nothing", () => {
  const next = activateVersion(begun, [first, second], 2, report);
  const changes = [
    { path: "version_number", oldValue: "1", newValue: "2" },
    { path: "version_name", oldValue: '"v1"', newValue: '"v2"' },
  ];
  expect(next).toMatchObject({
    ...{ kind: "changed", state: { versionNumber: 2, versionName: "v2", revision: 1 } },
    happened: [{ kind: "workflow_updated", changes, reason: "version" }],
  });
  expect(activateVersion(begun, [first, second], 1, report)).toEqual({
    ...{ kind: "repeated", state: begun },
  });
  expect(activateVersion(begun, [first], 2, report)).toMatchObject({
    ...{ kind: "refused", code: "not_found", detail: "The workflow has no version 2." },
  });
});

test("a deletion says who deleted the workflow and when", () => {
  const state = { ...begun, updatedBy: "other", updatedAt: new Date(9), deletedAt: new Date(9) };
  expect(deleteWorkflow(begun, { actor: "other", now: new Date(9) })).toEqual({
    ...{ kind: "changed", state, happened: [{ kind: "workflow_deleted", workflow: state }] },
  });
});
