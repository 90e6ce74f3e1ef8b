// graphile-worker: a job for each delivery, and a row of its own for each attempt, as a log of deliveries needs it.
// The newest version that runs on Node 20 can take and complete jobs in batches; there it is told to.
import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
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

type Helpers = {
  job: { id: string; attempts: number };
  query(text: string, values: unknown[]): Promise<unknown>;
};
type GraphileWorker = {
  run(options: object): Promise<{ stop(): Promise<void> }>;
  runMigrations(options: object): Promise<void>;
  Logger: new (factory: () => () => void) => object;
};

const connections = 20;
const batches = (concurrency: number) => ({
  localQueue: { size: 2 * concurrency },
  completeJobBatchDelay: 5,
  failJobBatchDelay: 5,
});

compete(async ({ contestant, origin, databaseUrl, concurrency, fanOut }) => {
  process.env.NO_LOG_SUCCESS = "1"; // A line for each job would be most of its time.
  const { run, runMigrations, Logger } = loadPeer<GraphileWorker>(contestant);
  const poster = openSignedPoster(origin, concurrency);
  const pool = new pg.Pool({
    connectionString: planningWithIndexes(databaseUrl),
    max: connections,
  });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const common = { pgPool: pool, logger: new Logger(() => () => {}) };
  await runMigrations(common);
  await pool.query(
    `create table attempts (
       job_id bigint not null, number int not null, status int not null, latency_ms int not null,
       created_at timestamptz not null default now(), primary key (job_id, number))`,
  );
  const counter = openCounter();
  const events = new EventEmitter();
  events.on("job:complete", () => counter.done());
  const runner = await run({
    ...common,
    concurrency,
    noHandleSignals: true,
    events,
    ...(contestant === "graphile-worker" ? {} : { preset: { worker: batches(concurrency) } }),
    taskList: {
      async webhook(payload: Job, helpers: Helpers) {
        const { status, latencyMs } = await postJob(poster, payload);
        await helpers.query(
          "insert into attempts (job_id, number, status, latency_ms) values ($1, $2, $3, $4)",
          [helpers.job.id, helpers.job.attempts, status, latencyMs],
        );
      },
    },
  });
  let jobs: Job[] = [];

  const isEmpty = async () => {
    const { rows } = await pool.query(
      "select not exists (select from graphile_worker._private_jobs) as empty",
    );
    return rows[0].empty;
  };

  return {
    prepare(count) {
      jobs = makeJobs(count, fanOut);
    },
    async run() {
      const allDone = counter.untilDone(jobs.length);
      await addJobs(jobs, (some) =>
        pool.query(
          `select from graphile_worker.add_jobs(array(
             select json_populate_recordset(null::graphile_worker.job_spec, $1::json)))`,
          [JSON.stringify(some.map((payload) => ({ identifier: "webhook", payload })))],
        ),
      );
      await allDone;
      // Where completions are batched the last of them are still on their way.
      while (!(await isEmpty())) await pause(5);
    },
    async countRecorded() {
      const { rows } = await pool.query("select count(*)::int as count from attempts");
      return rows[0].count;
    },
    async close() {
      await runner.stop();
      await poster.close();
      await pool.end();
    },
  };
});
