// pg-boss: a job for each delivery, taken and completed in batches; the completed job is the record.
import { setTimeout as pause } from "node:timers/promises";
import { openSignedPoster } from "../post.ts";
import { compete } from "./contestant.ts";
import {
  addJobs,
  type Job,
  loadPeer,
  makeJobs,
  openCounter,
  planningWithIndexes,
  postJob,
} from "./peer.ts";

type Boss = {
  on(event: "error", listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  stop(options: object): Promise<void>;
  createQueue(name: string, options: object): Promise<void>;
  insert(jobs: { name: string; data: Job; retryLimit: number }[]): Promise<void>;
  work(
    name: string,
    options: object,
    work: (jobs: { data: Job }[]) => Promise<void>,
  ): Promise<string>;
  notifyWorker(id: string): void;
  getDb(): { executeSql(text: string): Promise<{ rows: { count: number; empty: boolean }[] }> };
};

const queueName = "webhooks";
const workers = 4;
const connections = 20;

compete(async ({ origin, databaseUrl, concurrency, fanOut }) => {
  const PgBoss = loadPeer<new (options: object) => Boss>("pg-boss");
  const poster = openSignedPoster(origin, concurrency);
  const counter = openCounter();
  const boss = new PgBoss({
    connectionString: planningWithIndexes(databaseUrl),
    max: connections,
    schedule: false,
  });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queueName, { name: queueName, policy: "standard" });
  // A worker's batch is answered as a whole, so several of them share the concurrency.
  const settings = {
    batchSize: concurrency / workers,
    pollingIntervalSeconds: 0.5,
    priority: false,
  };
  const ids: string[] = [];
  for (let index = 0; index < workers; index++) {
    const id = await boss.work(queueName, settings, async (jobs) => {
      await Promise.all(
        jobs.map(async ({ data }) => {
          await postJob(poster, data);
          counter.done();
        }),
      );
      // Otherwise it would wait for the next poll after each batch, although there is more to do.
      boss.notifyWorker(ids[index] ?? "");
    });
    ids.push(id);
  }
  let jobs: Job[] = [];

  const ask = async (text: string) => {
    const { rows } = await boss.getDb().executeSql(text);
    return rows[0];
  };

  return {
    prepare(count) {
      jobs = makeJobs(count, fanOut);
    },
    async run() {
      const allDone = counter.untilDone(jobs.length);
      await addJobs(jobs, async (some) => {
        await boss.insert(some.map((data) => ({ name: queueName, data, retryLimit: 3 })));
        for (const id of ids) boss.notifyWorker(id);
      });
      await allDone;
      // Its workers go on while a batch is being marked as completed: the last are still on their way.
      const unfinished = `select not exists (
        select from pgboss.job where name = '${queueName}' and state < 'completed') as empty`;
      while (!(await ask(unfinished))?.empty) await pause(5);
    },
    async countRecorded() {
      const row = await ask(
        "select count(*)::int as count from pgboss.job where state = 'completed'",
      );
      return row?.count ?? 0;
    },
    async close() {
      await boss.stop({ graceful: false, close: true });
      await poster.close();
    },
  };
});
