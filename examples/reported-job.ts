import { createHash } from "node:crypto";
import type { Postrider, RunReporter } from "@postrider/sdk";

/** One attempt at a job, as any queue knows it. */
export type JobAttempt = {
  /** The queue's name and the job's id: together they name the job, for every worker and after every restart. */
  queue: string;
  id: string;
  /** From 1. Each attempt is a run of its own. */
  attempt: number;
  /** When the job was put into the queue, in milliseconds: ids begin with it, so that runs sort by time. */
  queuedAtMs: number;
  /** What is reported as the run's input. */
  input?: unknown;
};

/**
 * Does a job and reports it as a run of a workflow; gives the work's value, or throws its error.
 *
 * The queue sees what it saw before: reporting never stops the work. A worker that takes the job over from one that has died
 * makes the same run's id, and repeats what was reported instead of doubling it.
 */
export async function reportedJob<Value>(
  { postrider, workflowId }: { postrider: Postrider; workflowId: string },
  job: JobAttempt,
  work: (run: RunReporter) => Promise<Value>,
): Promise<Value> {
  const { queue, id, attempt, input } = job;
  const run = await postrider.runs.start({
    _id: runIdOf(job),
    workflow_id: workflowId,
    trigger: "triggered",
    input: { queue, job: id, attempt, ...(input !== undefined && { data: input }) },
  });
  try {
    const value = await work(run);
    await run.complete(value);
    return value;
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

function runIdOf({ queue, id, attempt, queuedAtMs }: JobAttempt): string {
  const seconds = Math.floor(queuedAtMs / 1_000).toString(16);
  const digest = createHash("sha256")
    .update(JSON.stringify([queue, id, attempt]))
    .digest("hex");
  return seconds.padStart(8, "0") + digest.slice(0, 16);
}
