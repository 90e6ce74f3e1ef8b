// BullMQ: a job for each delivery, its result kept in the completed job.
import { openSignedPoster } from "../post.ts";
import { compete } from "./contestant.ts";
import { addJobs, type Job, loadPeer, makeJobs, openCounter, postJob } from "./peer.ts";

type Connection = { host: string; port: number; maxRetriesPerRequest: null };
type BullMq = {
  Queue: new (
    name: string,
    options: { connection: Connection },
  ) => {
    addBulk(jobs: { name: string; data: Job; opts: object }[]): Promise<unknown>;
    getCompletedCount(): Promise<number>;
    close(): Promise<void>;
  };
  Worker: new (
    name: string,
    work: (job: { data: Job }) => Promise<unknown>,
    options: { connection: Connection; concurrency: number },
  ) => {
    on(event: "completed" | "error", listener: (about: unknown) => void): void;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
};

const retries = { attempts: 4, backoff: { type: "exponential", delay: 10_000 } };

compete(async ({ origin, redisPort, concurrency, fanOut }) => {
  const { Queue, Worker } = loadPeer<BullMq>("bullmq");
  const connection = { host: "127.0.0.1", port: redisPort, maxRetriesPerRequest: null };
  const poster = openSignedPoster(origin, concurrency);
  const counter = openCounter();
  const queue = new Queue("webhooks", { connection });
  const worker = new Worker("webhooks", ({ data }) => postJob(poster, data), {
    connection,
    concurrency,
  });
  worker.on("completed", () => counter.done());
  worker.on("error", (error) => console.error(error));
  await worker.waitUntilReady();
  let jobs: Job[] = [];

  return {
    prepare(count) {
      jobs = makeJobs(count, fanOut);
    },
    async run() {
      const allDone = counter.untilDone(jobs.length);
      await addJobs(jobs, (some) =>
        queue.addBulk(some.map((data) => ({ name: "webhook", data, opts: retries }))),
      );
      await allDone;
    },
    countRecorded: () => queue.getCompletedCount(),
    async close() {
      await worker.close();
      await queue.close();
      await poster.close();
    },
  };
});
