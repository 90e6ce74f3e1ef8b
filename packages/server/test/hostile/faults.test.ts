import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../src/db/migrate.ts";
import type { EmbeddedPostgres } from "../../src/embedded-postgres/open.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse, until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { openPostgres } from "../support/postgres-server.ts";
import { productionEnvironment, startService } from "../support/process.ts";
import { openService } from "../support/running-server.ts";

/** Every delivery is delivered, each in as many requests as given. */
async function expectDelivered(house: House, count: number) {
  await house.drain();
  const deliveries = await house.deliveries();
  expect(deliveries.map(({ status }) => status)).toEqual(Array(count).fill("delivered"));
}

test("fault-006: a process lost between the answer and its commit: the same webhook-id comes once more, and is delivered", async () => {
  let end = () => {};
  // It hears the 2xx, and never writes it down.
  const never = new Promise<boolean>((resolve) => {
    end = () => resolve(false);
  });
  const house = await openHouse({
    started: false, // It is to be lost: it claims nothing a second time.
    recorder: (real) => ({ ...real, record: () => never }),
  });
  onTestFinished(() => end());
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.receiver.received(1);
  const survivor = house.openProcess({ started: true, recorder: (real) => real });
  await house.passTime("1 minute");
  survivor.dispatcher.wake();
  await house.receiver.received(2);
  await until("it is written", async () => (await house.delivery()).status === "delivered");
  const ids = house.receiver.requests.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(1);
  expect((await house.attempts()).map(({ error_code }) => error_code)).toEqual([
    "unknown_outcome",
    null,
  ]);
});

test("fault-007: a process lost after the commit of a result: nothing is sent again", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.settled();
  const survivor = house.openProcess();
  await house.passTime("1 day");
  survivor.dispatcher.wake();
  await house.settled();
  expect(house.receiver.requests).toHaveLength(1);
  expect((await house.delivery()).status).toBe("delivered");
});

test("fault-013: after a failover the service finds the new primary with everything that was acknowledged, and goes on", {
  timeout: 120_000,
}, async () => {
  const directory = fs.mkdtempSync(path.join(tmpdir(), "postrider-failover-"));
  const servers: EmbeddedPostgres[] = [];
  // Registered first, and so done last: the service closes while it still has its database.
  onTestFinished(async () => {
    for (const server of servers) await server.close();
    fs.rmSync(directory, { recursive: true, force: true });
  });
  const open = async (name: string) => {
    const postgres = await openPostgres({ dataDirectory: path.join(directory, name) });
    servers.push(postgres);
    return new URL(postgres.url);
  };
  // The service knows one name, behind which the servers change.
  const current = path.join(directory, "current");
  const url = await open("old");
  fs.symlinkSync(url.searchParams.get("host") ?? "", current);
  url.searchParams.set("host", current);
  const service = await openService({}, { DATABASE_URL: url.href });
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const post = (what: string, body: object) => service.call("POST", `/workflows/v1/${what}`, body);
  const actions = ["workflow_created"];
  await post("workflow-webhooks", { name: "n", url: receiver.origin, actions });

  const acknowledged = new Set<string>();
  let reporting = true;
  const report = async () => {
    for (let n = 0; reporting; n += 1) {
      const { status } = await post("workflows", { name: `w${n}` });
      // 200: its commit was lost sight of, and found done when it was tried again.
      if (status === 201 || status === 200) acknowledged.add(`w${n}`);
      else expect(status).toBe(503);
    }
  };
  const reports = report();
  await until("it is under load", () => acknowledged.size > 50);
  const [pid] = fs.readFileSync(path.join(directory, "old", "postmaster.pid"), "utf8").split("\n");
  process.kill(Number(pid), "SIGQUIT");
  await until("the old primary is gone", () => !fs.existsSync(`/proc/${pid}`));
  const before = acknowledged.size;
  // What a synchronous standby holds: every commit that was acknowledged.
  fs.cpSync(path.join(directory, "old"), path.join(directory, "new"), { recursive: true });
  fs.rmSync(path.join(directory, "new", "postmaster.pid"), { force: true });
  const promoted = await open("new");
  fs.rmSync(current);
  fs.symlinkSync(promoted.searchParams.get("host") ?? "", current);
  await until("facts are taken again", () => acknowledged.size > before + 20, 30_000);
  reporting = false;
  await reports;
  const arrived = () =>
    new Set(receiver.requests.map(({ body }) => JSON.parse(body.toString()).workflow_name));
  await service.server.database.sql`update deliveries set due_at = now() where finished_at is null`;
  await until("all have arrived", () => arrived().size >= acknowledged.size, 40_000);
  for (const name of acknowledged) expect(arrived()).toContain(name);
});

test("fault-018: while somebody locks the deliveries nothing is lost, and all goes on when they let go", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  let started: Promise<unknown> | undefined;
  await house.database.begin(async (tx) => {
    await tx`lock table deliveries in access exclusive mode`;
    started = Promise.all(Array.from({ length: 20 }, () => house.startRun(workflowId)));
    // The claim waits for the lock, and so do the facts.
    await until("somebody waits", async () => {
      const [row] = await tx<{ waiting: number }>`
        select count(*)::int as waiting from pg_locks where not granted`;
      return (row?.waiting ?? 0) > 0;
    });
  });
  await started;
  await expectDelivered(house, 20);
  expect(house.receiver.requests).toHaveLength(20);
});

/** Lets every write of results fail with this error until the returned function is called. */
async function failWrites(house: House, state: string, table: "attempts" | "deliveries") {
  const { sql } = house.database;
  // The SQLSTATE is one of the two the tests below name.
  const source = `
    create function fail_on_purpose() returns trigger language plpgsql as
    $$begin raise exception 'on purpose' using errcode = '${state}'; end$$;
    create trigger fail_on_purpose before insert on ${table}
    for each statement execute function fail_on_purpose()`;
  const plain = Object.assign([source], { raw: [source] }) as unknown as TemplateStringsArray;
  await sql(plain);
  return async () => {
    await sql`drop function fail_on_purpose cascade`;
  };
}

test("fault-020: with a full disk results wait in memory, no request is made twice, and all is written once there is space", async () => {
  const house = await openHouse({ concurrency: 8 });
  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  // A receiver that has answered is sent more than one at a time.
  await house.startRun(workflowId);
  await expectDelivered(house, 1);
  const makeSpace = await failWrites(house, "53100", "attempts");
  await Promise.all(Array.from({ length: 20 }, () => house.startRun(workflowId)));
  // What is answered keeps a place until it is written: twice as many as may be in flight are sent meanwhile, no more.
  await house.receiver.received(1 + 16);
  await until("it was noticed", () => house.errors.length > 1);
  expect(await house.attempts()).toHaveLength(1);
  expect(house.receiver.requests).toHaveLength(1 + 16);
  await makeSpace();
  await expectDelivered(house, 1 + 20);
  expect(house.receiver.requests).toHaveLength(1 + 20);
  // Not a hot loop: each try waits longer than the one before.
  expect(house.errors.length).toBeLessThan(60);
});

test("fault-023: a deadlock or a serialization failure is tried again, unnoticed by anybody", async () => {
  for (const state of ["40P01", "40001"]) {
    const house = await openHouse();
    await house.subscribe({ events: ["workflow_run_started"] });
    const workflowId = await house.workflow();
    const mend = await failWrites(house, state, "attempts");
    await house.startRun(workflowId);
    await house.receiver.received(1);
    await until("it was noticed", () => house.errors.length > 0);
    await mend();
    await expectDelivered(house, 1);
    expect(house.receiver.requests).toHaveLength(1);
  }
});

test("fault-022: a primary that became read-only takes nothing, and is used again once it writes", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  const { sql } = house.database;
  const [row] = await sql<{ name: string }>`select current_database() as name`;
  const turn = async (readOnly: "on" | "off") => {
    const source = `alter database ${row?.name} set default_transaction_read_only = ${readOnly}`;
    const plain = Object.assign([source], { raw: [source] }) as unknown as TemplateStringsArray;
    await house.database.begin(async (tx) => {
      await tx`set transaction read write`;
      await tx(plain);
    });
    // A failover ends every connection.
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
  };
  await turn("on");
  // The first attempts still meet the connections that were lost.
  let refused = 0;
  for (let n = 0; n < 5; n += 1) await house.startRun(workflowId).catch(() => refused++);
  expect(refused).toBe(5);
  await turn("off");
  await until("facts are taken again", () =>
    house.startRun(workflowId).then(
      () => true,
      () => false,
    ),
  );
  await expectDelivered(house, 1);
});

test("fault-035: two processes deliver side by side while migrations run again: nobody is held up, nothing comes twice", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started"] });
  const workflowId = await house.workflow();
  const newer = house.openProcess();
  const latencies: number[] = [];
  const load = Array.from({ length: 100 }, async (_, n) => {
    const startedMs = performance.now();
    const data = { trigger: "manual", input: null, timeoutSeconds: null } as const;
    const told = { type: "run.started", runId: newId(), workflowId, data } as const;
    await house.record(told, n % 2 === 0 ? house : newer);
    latencies.push(performance.now() - startedMs);
  });
  await Promise.all([...load, ...[1, 2, 3].map(() => migrate(house.databaseUrl))]);
  expect(Math.max(...latencies)).toBeLessThan(5_000);
  await expectDelivered(house, 100);
  expect(house.receiver.requests).toHaveLength(100);
});

test("fault-038: a rejection that nobody handles ends the process with an error code, and its successor delivers the rest", {
  timeout: 120_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const env = productionEnvironment(database.url);
  const injected = `process.on("SIGUSR2", () => void Promise.reject(new Error("on purpose")))`;
  const first = await startService(["serve"], {
    ...env,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(injected)}`,
  });
  const post = async (url: string, path: string, body: unknown) => {
    const answer = await fetch(`${url}/workflows/v1${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(201);
  };
  await post(first.url, "/workflow-webhooks", {
    name: "n",
    url: receiver.origin,
    actions: ["workflow_created"],
    timeout_seconds: 1,
  });
  await post(first.url, "/workflows", { name: "before" });
  const ended = once(first.child, "exit");
  first.child.kill("SIGUSR2");
  const [code] = await ended;
  expect(code).toBeGreaterThan(0);
  const second = await startService(["serve"], env);
  await post(second.url, "/workflows", { name: "after" });
  const arrived = () =>
    receiver.requests.map(({ body }) => JSON.parse(body.toString()).workflow_name as string);
  await until("both have arrived", () => new Set(arrived()).size === 2, 40_000);
  expect(await second.terminate()).toBe(0);
});
