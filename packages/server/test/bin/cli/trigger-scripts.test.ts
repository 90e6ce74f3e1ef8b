import { expect, test } from "vitest";
import { contractOf, eventTypes } from "../../../bin/cli/event-types.ts";
import { changeFacts, parseChange, scripts } from "../../../bin/cli/trigger-scripts.ts";

const ids = { workflowId: "5eb7cf5a86d9755df3a6c593", assistantId: "5eb7cf5a86d9755df3a6c594" };

test("every event type that is not the service's own can be played", () => {
  const without = eventTypes.filter((type) => scripts[type] === undefined);
  expect(without.every((type) => contractOf[type] === "operational")).toBe(true);
});

test.each([
  ["run.input.amount=3", { path: ["run", "input", "amount"], value: 3 }],
  ["message.text=Hello, = there", { path: ["message", "text"], value: "Hello, = there" }],
  ['end.error={"code":1}', { path: ["end", "error"], value: { code: 1 } }],
  ["run.input=", { path: ["run", "input"], value: "" }],
  ["run=3", undefined],
  ["input.amount", undefined],
])("%s is read", (text, change) => {
  expect(parseChange(text)).toEqual(change);
});

function changed(...texts: string[]) {
  const script = scripts.workflow_run_completed?.(ids);
  const changes = texts.map((text) => parseChange(text) ?? { path: [], value: null });
  return changeFacts(script?.facts ?? [], changes);
}

test("--set changes what happens, and leaves the rest as it was", () => {
  expect(changed("run.input.amount=3", "end.status=failed", "run.a.b.c=true")).toMatchObject({
    facts: [
      { fact: { data: { input: { patient: "Ada Byron", amount: 3 }, a: { b: { c: true } } } } },
      { fact: { data: { status: "failed" } } },
    ],
  });
});

test("a part that does not exist is named, with those that do", () => {
  expect(changed("step.name=x")).toEqual({ unknown: "step", parts: ["run", "end"] });
});

test("a path changes nothing that objects inherit", () => {
  changed("run.__proto__.polluted=1", "run.constructor.prototype.polluted=1");
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});
