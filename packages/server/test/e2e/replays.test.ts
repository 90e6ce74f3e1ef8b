import { Postrider, type Replay } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

const runs = 2_000;
const factsAtOnce = 500;

test("2,000 deliveries that a receiver took and lost are one call: each arrives once more, under its id and with its bytes", {
  timeout: 120_000,
}, async () => {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8" });
  const client = new Postrider({ url: service.server.url, apiKey: service.key });
  const webhook = await client.workflowWebhooks.create({
    name: "lost them",
    url: `${receiver.origin}/in`,
    actions: ["workflow_run_started"],
    max_retries: 0,
  });
  const workflow_id = newId();
  await client.facts.report([
    { type: "workflow.created", data: { _id: workflow_id, name: "Onboarding" } },
  ]);
  for (let at = 0; at < runs; at += factsAtOnce) {
    await client.facts.report(
      Array.from({ length: factsAtOnce }, () => ({
        type: "run.started" as const,
        data: { workflow_id, trigger: "manual" as const },
      })),
    );
  }
  const filter = { endpoint_id: webhook.id };
  await expect
    .poll(async () => (await client.replays.dryRun({ filter, only: "all" })).matching, {
      timeout: 60_000,
    })
    .toBe(runs);
  expect(receiver.requests).toHaveLength(runs);

  const seen: Replay[] = [];
  const replay = await client.replays.start({ filter, only: "all", rate_per_second: 1_000 });
  const done = await replay.done({ onProgress: (now) => seen.push(now) });
  expect(done).toMatchObject({
    state: "done",
    matching: runs,
    replayed: runs,
    skipped: 0,
    delivered: runs,
    failed: 0,
  });
  const progress = seen.map(({ delivered }) => delivered);
  expect(progress).toEqual([...progress].sort((one, other) => one - other));
  expect(new Set(progress).size).toBeGreaterThan(2);

  expect(receiver.requests).toHaveLength(2 * runs);
  const bodies = new Map<string, Buffer[]>();
  for (const { headers, body } of receiver.requests) {
    const id = String(headers["webhook-id"]);
    bodies.set(id, [...(bodies.get(id) ?? []), body]);
  }
  expect(bodies.size).toBe(runs);
  for (const [first, second, ...more] of bodies.values()) {
    expect(second && first?.equals(second)).toBe(true);
    expect(more).toEqual([]);
  }
  expect((await client.replays.dryRun({ filter })).matching).toBe(0);
});

test("a replay begins when it is asked for, and not when a process happens to look for one", async () => {
  const service = await openService();
  const client = new Postrider({ url: service.server.url, apiKey: service.key });
  const filter = { endpoint_id: newId() };
  // Processes look every five seconds: three in a row are not found in time by chance.
  for (let count = 0; count < 3; count++) {
    const { id } = await client.replays.start({ filter });
    const state = async () => (await client.replays.get(id)).state;
    await expect.poll(state, { timeout: 1_500, interval: 50 }).toBe("done");
  }
});
