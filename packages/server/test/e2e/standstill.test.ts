import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import type { EngineSeams } from "../../src/engine.ts";
import { newId } from "../../src/ids.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startFaulty } from "../support/process.ts";
import { openService, type Service } from "../support/running-server.ts";

const hurry = 8;
/** How long a test waits for something, by the clock that is read. */
const hurriedMsMax = 30_000 * hurry;

/** From now on time goes faster for whoever reads the clock: what lasts a minute is over in seconds. */
function hurryUp(): void {
  const real = performance.now.bind(performance);
  const sinceMs = real();
  performance.now = () => sinceMs + (real() - sinceMs) * hurry;
  onTestFinished(() => {
    performance.now = real;
  });
}

const never = <T>() => new Promise<T>(() => {});

/** Reports something that a webhook wants. */
async function reportSomething(service: Service): Promise<void> {
  const answer = await service.call("POST", "/workflows/v1/workflows", {
    _id: newId(),
    name: "a workflow",
  });
  expect(answer.status).toBe(201);
}

async function subscribe(service: Service): Promise<void> {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const answer = await service.call("POST", "/workflows/v1/workflow-webhooks", {
    name: "a webhook",
    url: `${receiver.origin}/`,
    actions: ["workflow_created"],
  });
  expect(answer.status).toBe(201);
}

type Standstill = {
  what: string;
  /** Made before the service; its parts are broken from when `isBroken` says so. */
  seams: (isBroken: () => boolean) => EngineSeams;
  /** Done when they are broken. */
  begin: (service: Service) => Promise<void>;
  reason: RegExp;
};

const standstills: Standstill[] = [
  {
    what: "claims that never answer",
    seams: (isBroken) => ({
      claims: (database) => ({
        ...database,
        sql: ((...args: [never]) =>
          isBroken() ? never() : database.sql(...args)) as typeof database.sql,
      }),
    }),
    begin: async () => {},
    reason: /has not looked for deliveries for \d+ seconds/,
  },
  {
    what: "a loop that throws each time",
    seams: (isBroken) => ({
      claims: (database) => ({
        ...database,
        sql: ((...args: [never]) => {
          if (isBroken()) throw new TypeError("broken");
          return database.sql(...args);
        }) as typeof database.sql,
      }),
    }),
    begin: async () => {},
    reason: /has not looked for deliveries for \d+ seconds/,
  },
  {
    what: "results that are never written",
    seams: (isBroken) => ({
      recorder: (recorder) => ({
        ...recorder,
        record: (record) => (isBroken() ? never() : recorder.record(record)),
        idle: async () => {},
      }),
    }),
    begin: reportSomething,
    reason: /Results of attempts have not been written for \d+ seconds/,
  },
  {
    what: "looks that find nothing although something is due",
    seams: (isBroken) => ({
      claims: (database) => ({
        ...database,
        sql: ((...args: [never]) =>
          isBroken() ? () => Promise.resolve([]) : database.sql(...args)) as typeof database.sql,
      }),
      hotPath: (hotPath) => ({
        ...hotPath,
        reserve: (...given) => !isBroken() && hotPath.reserve(...given),
      }),
    }),
    async begin(service) {
      await reportSomething(service);
      await service.server.database.sql`
        update deliveries set due_at = now() - interval '1 minute' where finished_at is null`;
    },
    reason: /has been due for \d+ seconds, and no attempt has begun/,
  },
];

test.each(standstills)(
  "$what: /readyz and the gauge say so, the API goes on, and the process is given up",
  async ({ seams, begin, reason }) => {
    let broken = false;
    let hopeless: string | undefined;
    const service = await openService(
      {},
      { POSTRIDER_CONCURRENCY: "10", POSTRIDER_SHUTDOWN_SECONDS: "1" },
      {
        engine: seams(() => broken),
        onHopeless: (reason) => {
          hopeless = reason;
        },
      },
    );
    await subscribe(service);
    await reportSomething(service);
    expect((await service.call("GET", "/readyz")).status).toBe(200);
    expect(await service.measured("postrider_dispatcher_stalled")).toBe(0);

    broken = true;
    hurryUp();
    await begin(service);
    const readyz = () => service.call("GET", "/readyz");
    await until("/readyz tells", async () => (await readyz()).status === 503, hurriedMsMax);
    expect((await service.call("GET", "/readyz")).body.detail).toMatch(reason);
    expect(await service.measured("postrider_dispatcher_stalled")).toBe(1);
    expect((await service.call("GET", "/livez")).status).toBe(200);
    await reportSomething(service);
    expect(hopeless).toBeUndefined();

    await until("it is given up", () => hopeless !== undefined, hurriedMsMax);
    expect(hopeless).toMatch(reason);
    expect(service.logged()).toContain('"msg":"the dispatcher has stopped working"');
    expect(service.logged()).toContain(
      "the dispatcher has stopped working although the database answers",
    );
  },
);

test("a process that cannot look for deliveries says so, and ends with exit code 1 in bounded time", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const { ready, ended } = startFaulty(
    { point: "after_commit_before_answer", fault: "hurry" },
    ["serve"],
    productionEnvironment(database.url),
  );
  const { url, printed, child } = await ready;
  await printed(/postrider is ready/);
  const lock = new pg.Client({ connectionString: database.url });
  await lock.connect();
  onTestFinished(() => lock.end());
  await lock.query("begin; lock table hot_leases in access exclusive mode");
  const reported = await fetch(`${url}/workflows/v1/workflows`, {
    method: "POST",
    headers: {
      authorization: "Bearer an-operator-key-for-tests",
      "content-type": "application/json",
    },
    body: JSON.stringify({ _id: newId(), name: "a workflow that nobody wants" }),
  });
  expect(reported.status).toBe(201);
  await printed(/"reason":"The dispatcher has not looked for deliveries for \d+ seconds\."/);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  await printed(/The database answers, so this process ends/);
  const { output, signal } = await ended;
  expect(signal).toBeNull();
  expect(child.exitCode).toBe(1);
  expect(output).toMatch(
    /"msg":"the dispatcher has stopped working although the database answers"/,
  );
});
