// Reports the jobs of any queue: what a worker does with a job goes through reportedJob. The queue here is a list in memory.
import { randomUUID } from "node:crypto";
import { openPostrider } from "./postrider.ts";
import { type JobAttempt, reportedJob } from "./reported-job.ts";

const postrider = openPostrider();
const queue = `reminders-${randomUUID()}`;
const workflow = await postrider.workflows.create({ name: `Example: ${queue}` });
const attemptsMax = 2;

const waiting: JobAttempt[] = ["Ada Byron", "Grace Murray"].map((patient, index) => ({
  queue,
  id: `${index}`,
  attempt: 1,
  queuedAtMs: Date.now(),
  input: { patient },
}));

try {
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    try {
      await work(job);
    } catch {
      // What every queue does in its own way: the job comes back for another attempt.
      if (job.attempt < attemptsMax) waiting.push({ ...job, attempt: job.attempt + 1 });
    }
  }
  const statuses: string[] = [];
  for await (const run of postrider.runs.each({ workflow_id: workflow.id })) {
    console.log(`run ${run.id}  ${run.status}`);
    statuses.push(run.status);
  }
  const expected = "completed completed failed";
  if (statuses.sort().join(" ") !== expected) throw new Error(`the runs are not ${expected}`);
} finally {
  await postrider.workflows.delete(workflow.id);
}

/** Does a job: the second patient's telephone is engaged at first. */
async function work(job: JobAttempt): Promise<{ reminded: boolean }> {
  return await reportedJob({ postrider, workflowId: workflow.id }, job, async (run) => {
    await run.step("Call the patient", () => {
      if (job.id === "1" && job.attempt === 1) throw new Error("The line is engaged.");
    });
    return { reminded: true };
  });
}
