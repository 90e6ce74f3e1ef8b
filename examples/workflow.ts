// A workflow from its creation to its last webhook, with a receiver that trusts nothing unsigned.
import { setTimeout as work } from "node:timers/promises";
import type { WorkflowRunCompleted, WorkflowRunStarted } from "@postrider/sdk";
import { openPostrider } from "./postrider.ts";
import { openReceiver } from "./receiver.ts";

const postrider = openPostrider();
const receiver = await openReceiver<WorkflowRunStarted | WorkflowRunCompleted>();

// Somebody wants to know when a run begins and when it is complete.
const subscription = await postrider.workflowWebhooks.create({
  name: "Example: bookings",
  url: receiver.url,
  actions: ["workflow_run_started", "workflow_run_completed"],
});
const { secret } = await postrider.workflowWebhooks.getSecret(subscription.id);
receiver.trust(secret);

const workflow = await postrider.workflows.create({ name: "Example: appointment booking" });
try {
  const run = await postrider.runs.start({
    workflow_id: workflow.id,
    trigger: "manual",
    input: { patient: "Ada Byron" },
  });
  const slot = await run.step("Find a slot", () => work(50, "2027-01-12T09:30:00Z"));
  await run.step("Book it", () => work(50, { booked: slot }));
  await run.complete({ slot });

  for await (const step of postrider.runs.eachStep(run.id)) {
    console.log(`step ${step.index}  ${step.name}  ${step.status}`);
  }

  const ended = (action: string) => (body: { action: string }) => body.action === action;
  await receiver.until(ended("workflow_run_started"));
  const webhooks = await receiver.until(ended("workflow_run_completed"));
  for (const { id, body } of webhooks) {
    console.log(`${body.action}  ${body.run.status}  ${JSON.stringify(body.run.output)}  ${id}`);
  }
} finally {
  await postrider.workflows.delete(workflow.id);
  await postrider.workflowWebhooks.delete(subscription.id);
  receiver.close();
}
