import { expect, onTestFinished, test } from "vitest";
import { openHouse } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** The latency that this part of them do not pass. */
const percentile = (latencies: readonly number[], part: number): number =>
  latencies.toSorted((one, other) => one - other)[Math.floor(latencies.length * part)] ?? 0;

test("fairness-006: one team that polls 200 times a second does not slow another team's requests", async () => {
  const service = await openService();
  const key = async (path: string, body: object) => (await service.call("POST", path, body)).body;
  const { id } = await key("/v1/teams", { name: "B" });
  const made = await key("/v1/api-keys", { name: "b", scopes: ["read"], team_ids: [id] });
  const ask = async (path: string, bearer: string) => {
    const startedMs = performance.now();
    const answer = await fetch(`${service.server.url}${path}`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    await answer.text();
    return { status: answer.status, ms: performance.now() - startedMs };
  };
  const undisturbed = await ask("/webhooks", made.key);
  const latencies: number[] = [];
  const polls: Promise<unknown>[] = [];
  // A second of it: 20 polls each tenth of a second, whatever becomes of them.
  for (let tick = 0; tick < 10; tick += 1) {
    for (let n = 0; n < 20; n += 1) {
      polls.push(ask("/workflows/v1/workflow-webhooks/events", service.key));
    }
    const { status, ms } = await ask("/webhooks", made.key);
    expect(status).toBe(200);
    latencies.push(ms);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await Promise.allSettled(polls);
  // On a machine that is busy with other things half a second means less.
  expect(percentile(latencies, 0.95)).toBeLessThan(Math.max(500, undisturbed.ms * 10));
});

test("fairness-008: an event for 1,000 webhooks is accepted at once and delivered to all of them", async () => {
  const house = await openHouse({ concurrency: 200 });
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const { id } = await house.subscribe({ receiver, events: ["workflow_created"] });
  // The others are copies of the first, to the same receiver; each is a subscription of its own.
  const { sql } = house.database;
  await sql`
    insert into subscriptions (team_id, id, contract, name, url, event_types, timeout_seconds, max_retries,
      backoff_seconds, sealed_signing_secret, created_by, updated_by)
    select team_id, lpad(to_hex(n), 24, '0'), contract, name, url || n, event_types, timeout_seconds, max_retries,
           backoff_seconds, sealed_signing_secret, created_by, updated_by
    from subscriptions, generate_series(1, 999) n where id = ${id}`;
  const startedMs = performance.now();
  await house.workflow();
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  await house.settled();
  const [row] = await sql<{ deliveries: number; attempted: number }>`
    select count(*)::int as deliveries, count(*) filter (where attempt_count = 1)::int as attempted
    from deliveries`;
  expect(row).toEqual({ deliveries: 1_000, attempted: 1_000 });
});
