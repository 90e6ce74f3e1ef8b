import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import type { GivenUp } from "../../src/domain/tally.ts";
import { newId } from "../../src/ids.ts";
import { openHouse, until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** A service with a webhook that is tried again so often. */
async function setup(maxRetries: number) {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const made = await service.call("POST", "/workflows/v1/workflow-webhooks", {
    name: "a webhook",
    url: `${receiver.origin}/`,
    actions: ["workflow_created"],
    max_retries: maxRetries,
  });
  expect(made.status).toBe(201);
  const report = async () => {
    const body = { _id: newId(), name: "a workflow" };
    expect((await service.call("POST", "/workflows/v1/workflows", body)).status).toBe(201);
  };
  const reaches = (series: string, value: number) =>
    until(`${series} is ${value}`, async () => (await service.measured(series)) === value);
  const ended = (outcome: string, code = "") =>
    `postrider_deliveries_total{contract="workflow",outcome="${outcome}",error_code="${code}"}`;
  return { service, receiver, report, reaches, ended };
}

test("deliveries are counted by status, attempts by outcome, and first attempts by their delay", async () => {
  const { service, receiver, report, reaches, ended } = await setup(0);
  const startedAtMs = performance.now();
  receiver.answerWith(200, 200, 500);
  for (let fact = 0; fact < 3; fact++) {
    await report();
    await receiver.received(fact + 1);
  }
  await reaches(ended("delivered"), 2);
  await reaches(ended("failed", "http_status"), 1);
  const attempts = (outcome: string) =>
    service.measured(
      `postrider_attempt_duration_seconds_count{contract="workflow",outcome="${outcome}"}`,
    );
  expect(await attempts("delivered")).toBe(2);
  expect(await attempts("failed")).toBe(1);
  expect(await attempts("retry")).toBeUndefined();
  const firsts = 'postrider_first_attempt_latency_seconds_count{contract="workflow"}';
  expect(await service.measured(firsts)).toBe(3);
  const seconds = await service.measured(firsts.replace("_count", "_sum"));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(((performance.now() - startedAtMs) / 1_000) * 3);
  expect(await service.measured("postrider_leases_lost_total")).toBe(0);
});

test("a first attempt is counted once, also of what was claimed from the table, and a retry is none", async () => {
  const { service, receiver, report, reaches, ended } = await setup(1);
  service.server.dispatcher.hotPath.reserve = () => false;
  receiver.answerWith(500);
  await report();
  await receiver.received(1);
  await reaches('postrider_attempt_duration_seconds_count{contract="workflow",outcome="retry"}', 1);
  expect(await service.measured("postrider_claimed_deliveries_total")).toBe(1);
  await service.server.database.sql`update deliveries set due_at = now()`;
  service.server.dispatcher.wake();
  await receiver.received(2);
  await reaches(ended("delivered"), 1);
  expect(await service.measured(ended("failed", "http_status"))).toBeUndefined();
  expect(await service.measured("postrider_claimed_deliveries_total")).toBe(2);
  expect(
    await service.measured('postrider_first_attempt_latency_seconds_count{contract="workflow"}'),
  ).toBe(1);
});

test("what ends while it waits is counted with its reason, by the process whose janitor ends it", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const subscribe = () => house.subscribe({ events: ["workflow_created"] });
  const [deleted, disabled, failing] = [await subscribe(), await subscribe(), await subscribe()];
  await house.workflow();
  await sql`update subscriptions set deleted_at = now() where id = ${deleted.id}`;
  await sql`update subscriptions set enabled = false where id = ${disabled.id}`;
  await sql`
    update deliveries set due_at = now() - interval '40 days' where subscription_id = ${disabled.id}`;
  await sql`
    insert into failure_streaks (team_id, subscription_id, failed_from, failing_at, probe_at)
    values (${house.teamId}, ${failing.id}, now() - interval '9 days', now() - interval '9 days',
            now() + interval '1 hour')`;
  await sql`
    update deliveries set due_at = now() - interval '4 days' where subscription_id = ${failing.id}`;
  const service = await openService({}, { DATABASE_URL: house.databaseUrl });
  for (const code of ["subscription_deleted", "payload_expired", "expired"]) {
    const series = `postrider_deliveries_total{contract="workflow",outcome="failed",error_code="${code}"}`;
    await until(`${code} is counted`, async () => (await service.measured(series)) === 1);
  }
});

test("what ends with its endpoint is counted at once, and the late result of its attempt is not", async () => {
  const { service, receiver, report, ended } = await setup(3);
  const answer = receiver.hold();
  await report();
  await receiver.received(1);
  const [webhook] = await service.server.database.sql<{ id: string }>`
    select id from subscriptions where deleted_at is null`;
  const path = `/workflows/v1/workflow-webhooks/${webhook?.id}`;
  expect((await service.call("DELETE", path)).status).toBe(204);
  expect(await service.measured(ended("failed", "subscription_deleted"))).toBe(1);
  answer();
  await until("the late result has come", async () =>
    Boolean(await service.measured("postrider_leases_lost_total")),
  );
  expect(await service.measured(ended("delivered"))).toBeUndefined();
  expect(await service.measured(ended("failed", "subscription_deleted"))).toBe(1);
});

test("a claim gives the age of each delivery, and the deliveries it gave up with contract and reason", async () => {
  const house = await openHouse({ hot: false, started: false });
  const { sql } = house.database;
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.workflow();
  const [first] = await house.deliveries();
  await sql`
    update deliveries set lease_token = gen_random_uuid(), attempt_count = 4, crash_count = 3
    where id = ${first?.id}`;
  await sql`update events set created_at = created_at - interval '40 seconds'`;
  await sql`update deliveries set created_at = created_at - interval '40 seconds'`;
  const givenUp: GivenUp[] = [];
  const claimed = await claimDueOfAllTeams(
    sql,
    [{ subscriptionId: id, limit: 10, leaseMs: 26_000 }],
    {
      leaseToken: randomUUID(),
      payloadBytesMax: 1_000_000,
      onGivenUp: (given) => givenUp.push(given),
    },
  );
  expect(givenUp).toEqual([{ contract: "workflow", errorCode: "crash_loop" }]);
  expect(claimed).toHaveLength(1);
  expect(claimed[0]?.ageMs).toBeGreaterThanOrEqual(40_000);
  expect(claimed[0]?.ageMs).toBeLessThan(60_000);
});

test("connections are counted by pool, and who finds none free is measured while the others are not", async () => {
  const { service } = await setup(0);
  const waits = 'postrider_database_connection_wait_seconds_count{pool="api"}';
  const before = (await service.measured(waits)) ?? 0;
  for (let request = 0; request < 5; request++) await service.call("GET", "/v1/endpoints");
  expect(await service.measured(waits)).toBeLessThanOrEqual(before + 1);
  await Promise.all(Array.from({ length: 40 }, () => service.call("GET", "/v1/endpoints")));
  expect(await service.measured(waits)).toBeGreaterThan(before + 5);
  const busy = await service.measured('postrider_database_connections{pool="api",state="busy"}');
  const idle = await service.measured('postrider_database_connections{pool="api",state="idle"}');
  expect((busy ?? 0) + (idle ?? 0)).toBeLessThanOrEqual(10);
  expect(idle).toBeGreaterThan(1);
});
