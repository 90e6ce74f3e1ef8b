import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

const arrivalMsMax = 1_000;
const listMsMax = 300;
const idleCoresMax = 0.15;
const idleMs = 4_000;
/** USER_HZ: in what Linux counts a process's time. */
const ticksPerSecond = 100;

/** Milliseconds of processor time that these processes have taken. */
const cpuMsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13);
    return sum + ((Number(user) + Number(system)) * 1_000) / ticksPerSecond;
  }, 0);

test("on any PostgreSQL a test event, a run and a message arrive within a second, lists answer within 300 ms, and waiting costs nearly nothing", {
  timeout: 60_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const env = productionEnvironment(database.url);
  const service = await startService(["serve"], env);
  await service.printed(/postrider is ready/);
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(service.url + path, {
      method,
      headers: {
        authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect([path, response.ok]).toEqual([path, true]);
    // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
    return (await response.json()) as any;
  };
  const { id: webhook } = await call("POST", "/workflows/v1/workflow-webhooks", {
    name: "n",
    url: receiver.origin,
    actions: ["workflow_created", "workflow_run_started"],
  });
  const { id: organisationWebhook } = await call("POST", "/webhooks", {
    name: "b",
    url: receiver.origin,
    events: ["workflow.completed"],
  });
  const { id: assistantId } = await call("POST", "/assistants/v1/assistants", {
    name: "c",
    assistantServer: { enabled: true, url: receiver.origin, messages: ["conversation-update"] },
  });
  const { workflow } = await call("POST", "/workflows/v1/workflows", { name: "w" });
  const conversation = await call("POST", "/calls/v1/conversations", {
    assistantId,
    callType: "web",
    direction: "inbound",
  });

  const slow: string[] = [];
  let arrived = 1;
  await receiver.received(arrived);
  const within = async (what: string, msMax: number, work: () => Promise<unknown>) => {
    const startedAtMs = performance.now();
    await work();
    const ms = Math.round(performance.now() - startedAtMs);
    if (ms > msMax) slow.push(`${what}: ${ms} ms`);
  };
  const arrives = (what: string, path: string, body: object) =>
    within(what, arrivalMsMax, async () => {
      await call("POST", path, body);
      arrived++;
      await receiver.received(arrived);
    });
  // The first of each finds nothing prepared.
  for (let n = 0; n < 3; n++) {
    await arrives("test of A", `/workflows/v1/workflow-webhooks/${webhook}/test`, {
      action: "workflow_created",
    });
    await arrives("test of B", `/webhooks/${organisationWebhook}/test`, {});
    await arrives("run", "/workflows/v1/workflow-runs", {
      workflow_id: workflow.id,
      trigger: "manual",
    });
    const message = { role: "user", text: `hello ${n}` };
    const path = `/calls/v1/conversations/${conversation.id}/messages`;
    await arrives("message", path, message);
  }
  for (const path of [
    "/workflows/v1/workflow-webhooks/events",
    "/workflows/v1/workflow-webhooks/events?status=pending",
    "/workflows/v1/workflow-webhooks/events?status=failed",
    `/workflows/v1/workflow-webhooks/events?workflow_id=${workflow.id}`,
    "/workflows/v1/workflow-runs",
    "/workflows/v1/workflows",
    "/workflows/v1/workflow-webhooks",
    `/webhooks/${organisationWebhook}/logs`,
    `/assistants/v1/assistants/${assistantId}/deliveries`,
    "/assistants/v1/assistants",
    "/v1/audit",
  ]) {
    for (let n = 0; n < 2; n++) await within(path, listMsMax, () => call("GET", path));
  }
  expect(slow).toEqual([]);

  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query(
    "select pid from pg_stat_activity where datname = current_database() and application_name like 'postrider%'",
  );
  await client.end();
  const pids = [service.child.pid as number, ...rows.map(({ pid }) => Number(pid))];
  const before = cpuMsOf(pids);
  await pause(idleMs);
  const cores = (cpuMsOf(pids) - before) / idleMs;
  console.log(
    `idle: ${cores.toFixed(3)} of a core, PostgreSQL's ${rows.length} connections included`,
  );
  expect(cores).toBeLessThanOrEqual(idleCoresMax);
});
