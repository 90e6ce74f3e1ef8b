import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../../bin/receiver.ts";

test.each([
  ["A", { action: "workflow_created" }, "workflow_created"],
  ["B", { event_type: "workflow.step.failed" }, "workflow.step.failed"],
  ["C", { message: { type: "end-of-call-report" } }, "end-of-call-report"],
  ["no", { action: 7, message: null }, "(no event type)"],
])("the small receiver prints the event type of contract %s", async (_contract, body, label) => {
  const lines: string[] = [];
  const receiver = await openReceiver({ port: 0, print: (line) => lines.push(line) });
  onTestFinished(() => receiver.close());
  const { status } = await fetch(receiver.url, { method: "POST", body: JSON.stringify(body) });
  expect(status).toBe(204);
  expect(lines[0]).toContain(label);
});
