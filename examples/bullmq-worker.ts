// A BullMQ worker that reports its jobs: each attempt at a job is a run, and what the job does are its steps.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as work } from "node:timers/promises";
import { type Job, Queue, QueueEvents, Worker } from "bullmq";
import { openPostrider } from "./postrider.ts";

type Booking = { patient: string; calendarFailsOnce?: boolean };

const patienceMs = 30_000;
const bookings: readonly Booking[] = [
  { patient: "Ada Byron" },
  { patient: "Grace Murray", calendarFailsOnce: true },
  { patient: "Alan Mathison" },
];

const redis = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379");
const connection = { host: redis.hostname, port: Number(redis.port || 6379) };
await requireRedis();

const postrider = openPostrider();
const workflow = await postrider.workflows.create({ name: "Example: bookings by BullMQ" });
// A queue of this process alone, so that the example may run twice at once.
const name = `bookings-${randomUUID()}`;
const queue = new Queue<Booking>(name, { connection });
const events = new QueueEvents(name, { connection });
const worker = new Worker<Booking>(name, reportJob, { connection, concurrency: 2 });

try {
  await events.waitUntilReady();
  const options = { attempts: 2, backoff: 100 };
  const jobs = await queue.addBulk(bookings.map((data) => ({ name: "book", data, opts: options })));
  await Promise.all(jobs.map((job) => job.waitUntilFinished(events, patienceMs)));

  const statuses: string[] = [];
  for await (const run of postrider.runs.each({ workflow_id: workflow.id })) {
    const { steps } = await postrider.runs.listSteps(run.id);
    const told = steps.map((step) => `${step.name} ${step.status}`).join(", ");
    console.log(`run ${run.id}  ${run.status}  ${told}`);
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
    workflow_id: workflow.id,
    trigger: "triggered",
    input: { job: job.id, attempt: job.attemptsMade + 1, ...job.data },
  });
  try {
    const slot = await run.step("Find a slot", () => work(20, "2027-01-12T09:30:00Z"));
    await run.step("Book it", () => book(job));
    await run.complete({ slot });
    return { slot };
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

async function book({ data, attemptsMade }: Job<Booking>): Promise<void> {
  await work(20);
  if (data.calendarFailsOnce && attemptsMade === 0) throw new Error("The calendar did not answer.");
}

/** BullMQ waits for Redis for ever; an example says what is missing. */
async function requireRedis(): Promise<void> {
  const socket = connect(connection);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(5_000) });
  } catch {
    throw new Error(`There is no Redis at ${connection.host}:${connection.port}; set REDIS_URL.`);
  } finally {
    socket.destroy();
  }
}
