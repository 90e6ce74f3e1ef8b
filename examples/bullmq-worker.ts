// A BullMQ worker that reports its jobs: each attempt at a job is a run, and what the job does are its steps.
//
// Killed in the middle of a job, it goes on where it was when it is started again under the same name:
//   BOOKINGS=monday npx tsx examples/bullmq-worker.ts
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as work } from "node:timers/promises";
import type { RunReporter } from "@postrider/sdk";
import { type Job, Queue, QueueEvents, Worker } from "bullmq";
import { openPostrider, stop } from "./postrider.ts";

type Booking = { patient: string; calendarFailsOnce?: boolean };

const patienceMs = 60_000;
const bookings: readonly Booking[] = [
  { patient: "Ada Byron" },
  { patient: "Grace Murray", calendarFailsOnce: true },
  { patient: "Alan Mathison" },
];

const redis = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
const connection = { host: redis.hostname, port: Number(redis.port || 6379) };
await requireRedis();

const postrider = openPostrider();
// A queue of this process alone unless it is named, so that the example may run twice at once.
const name = process.env.BOOKINGS || `bookings-${randomUUID()}`;
const workMs = Number(process.env.WORK_MS || 20);
const workflow = await findOrCreateWorkflow(`Example: ${name} by BullMQ`);
const queue = new Queue<Booking>(name, { connection });
const events = new QueueEvents(name, { connection });
// The jobs of a worker that has died are given to another one as soon as their locks are five seconds old.
const takeOver = { lockDuration: 5_000, stalledInterval: 1_000, maxStalledCount: 5 };
const worker = new Worker<Booking>(name, reportJob, { connection, concurrency: 2, ...takeOver });

try {
  await events.waitUntilReady();
  // With ids of their own: what an earlier process has added already is not added again.
  const jobs = await queue.addBulk(
    bookings.map((data, index) => ({
      name: "book",
      data,
      opts: { jobId: `booking-${index}`, attempts: 2, backoff: 100 },
    })),
  );
  await Promise.all(jobs.map((job) => job.waitUntilFinished(events, patienceMs)));

  const statuses: string[] = [];
  for await (const run of postrider.runs.each({ workflow_id: workflow.id })) {
    const told: string[] = [];
    for await (const step of postrider.runs.eachStep(run.id)) {
      told.push(`${step.name} ${step.status}`);
    }
    console.log(`run ${run.id}  ${run.status}  ${told.join(", ")}`);
    statuses.push(run.status);
  }
  const expected = "completed completed completed failed";
  if (statuses.sort().join(" ") !== expected) throw new Error(`the runs are not ${expected}`);
} finally {
  await worker.close();
  await events.close();
  await queue.obliterate({ force: true });
  await queue.close();
  await postrider.workflows.delete(workflow.id);
}

/** Does a job and reports it; a job that BullMQ attempts again is a run again. */
async function reportJob(job: Job<Booking>): Promise<{ slot: string }> {
  const run = await postrider.runs.start({
    _id: runIdOf(job),
    workflow_id: workflow.id,
    trigger: "triggered",
    input: { job: job.id, attempt: job.attemptsMade + 1, ...job.data },
  });
  try {
    const slot = await step(run, job, "Find a slot", () => work(workMs, "2027-01-12T09:30:00Z"));
    await step(run, job, "Book it", () => book(job));
    await run.complete({ slot });
    return { slot };
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

/** Does a step of a job. A worker that takes the job over does it again, so it must bear to be done twice. */
async function step<Value>(
  run: RunReporter,
  job: Job,
  title: string,
  doIt: () => Promise<Value>,
): Promise<Value> {
  return await run.step(title, () => {
    console.log(`job ${job.id}  ${title}`);
    return doIt();
  });
}

async function book({ data, attemptsMade }: Job<Booking>): Promise<void> {
  await work(workMs);
  if (data.calendarFailsOnce && attemptsMade === 0) throw new Error("The calendar did not answer.");
}

/**
 * Makes the run's id of the job and the attempt: a worker that takes over from one that has died repeats what that one
 * reported, instead of reporting another run. Like every id it begins with the seconds, so that runs sort by time.
 */
function runIdOf({ id, timestamp, attemptsMade }: Job): string {
  const seconds = Math.floor(timestamp / 1_000).toString(16);
  const digest = createHash("sha256").update(`${name} ${id} ${attemptsMade}`).digest("hex");
  return seconds.padStart(8, "0") + digest.slice(0, 16);
}

async function findOrCreateWorkflow(title: string): Promise<{ id: string }> {
  for await (const one of postrider.workflows.each({ search: title })) {
    if (one.name === title) return one;
  }
  return await postrider.workflows.create({ name: title });
}

/** BullMQ waits for Redis for ever; an example says what is missing. */
async function requireRedis(): Promise<void> {
  const socket = connect(connection);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(5_000) });
  } catch {
    stop(`There is no Redis at ${connection.host}:${connection.port}; set REDIS_URL.`);
  } finally {
    socket.destroy();
  }
}
