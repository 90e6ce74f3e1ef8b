import type { Postrider, RunReporter, WebhookCreate, WorkflowWebhookCreate } from "@postrider/sdk";
import { firstOf, type Simulation, type Stage } from "./simulation.ts";

const subscriptionName = "simulate";
const workflowName = "Simulated appointment booking";

const actions: WorkflowWebhookCreate["actions"] = [
  "workflow_created",
  "workflow_updated",
  "workflow_deleted",
  "workflow_run_started",
  "workflow_run_completed",
];
const events: WebhookCreate["events"] = [
  "workflow.started",
  "workflow.completed",
  "workflow.failed",
  "workflow.step.started",
  "workflow.step.completed",
  "workflow.step.failed",
];

const patients = ["Ada Byron", "Grace Murray", "Alan Mathison", "Edsger Wybe", "Barbara Huberman"];

/** Runs of an appointment booking: most complete, some fail, some are cancelled; all events of contracts A and B. */
export const simulatedRuns: Simulation = {
  async prepare(stage) {
    const { postrider } = stage;
    if (stage.receiverUrl) await subscribe(postrider, stage.receiverUrl);
    const byName = postrider.workflows.each({ search: workflowName });
    const workflow =
      (await firstOf(byName, ({ name }) => name === workflowName)) ??
      (await postrider.workflows.create({ name: workflowName }));
    await postrider.workflows.update(workflow.id, {
      description: `Played by postrider simulate at ${new Date().toISOString()}.`,
    });
    return {
      play: (n) => playRun(stage, workflow.id, n),
      finish: () => comeAndGo(stage),
    };
  },
};

async function playRun(stage: Stage, workflowId: string, n: number): Promise<void> {
  const patient = patients[n % patients.length];
  const run = await stage.postrider.runs.start(
    { workflow_id: workflowId, trigger: "triggered", input: { patient } },
    { buffer: stage.sink },
  );
  await run.step("Find a slot", () => take(stage, 150, { slot: "2027-01-12T09:30:00Z" }));
  if (n % 5 === 3) return run.cancel();
  try {
    await run.step("Book the slot", () =>
      n % 5 === 1 ? fail(stage, "The practice's calendar did not answer.") : take(stage, 250, {}),
    );
  } catch (error) {
    if (error instanceof PlayedError) return run.fail(error);
    throw error;
  }
  await run.step("Send a confirmation", () => take(stage, 100, { channel: "sms" }));
  await run.complete({ booked: true }, { patient });
}

/** A workflow of its own, with a step that failed and a run that still goes on when it is deleted. */
async function comeAndGo(stage: Stage): Promise<void> {
  const { workflows, runs } = stage.postrider;
  const { id } = await workflows.create({ name: "Simulated workflow that is deleted" });
  try {
    const run: RunReporter = await runs.start(
      { workflow_id: id, trigger: "manual" },
      { buffer: stage.sink },
    );
    await run
      .step("Reach the pharmacy", () => fail(stage, "The line was busy."))
      .catch((error: unknown) => {
        if (!(error instanceof PlayedError)) throw error;
      });
  } finally {
    await workflows.delete(id);
  }
}

async function subscribe({ workflowWebhooks, webhooks }: Postrider, url: string): Promise<void> {
  const name = subscriptionName;
  const forWorkflows = { name, url: `${url}/workflow-webhooks`, actions, enabled: true };
  const mine = await firstOf(workflowWebhooks.each({ search: name }), (one) => one.name === name);
  if (mine) await workflowWebhooks.update(mine.id, forWorkflows);
  else await workflowWebhooks.create(forWorkflows);

  const forOrganisation = { name, url: `${url}/webhooks`, events };
  const ours = await firstOf(webhooks.each(), (one) => one.name === name);
  if (ours) await webhooks.update(ours.id, { ...forOrganisation, is_active: true });
  else await webhooks.create(forOrganisation);
}

/** An error that belongs to the play. */
class PlayedError extends Error {}

async function take<Value>(stage: Stage, ms: number, value: Value): Promise<Value> {
  await stage.pause(ms);
  return value;
}

async function fail(stage: Stage, message: string): Promise<never> {
  await stage.pause(200);
  throw new PlayedError(message);
}
