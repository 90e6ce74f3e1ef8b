import { expect, test } from "vitest";
import { Postrider } from "../src/index.ts";
import { json, scripted } from "./answers.ts";

const replay = (state: string, delivered: number) => ({
  id: "1",
  state,
  delivered,
  finished_at: state === "running" ? null : "2026-11-30T10:00:00.000Z",
});

test("a replay that was started is waited for until it has ended, and each look is told", async () => {
  const answers = [
    replay("running", 0),
    replay("running", 1),
    replay("running", 2),
    replay("done", 3),
  ];
  const { options, seen } = scripted(() => json(answers.shift() ?? {}));
  const client = new Postrider(options);
  const started = await client.replays.start({ filter: { endpoint_id: "1" } });
  const told: number[] = [];
  const done = await started.done({ onProgress: ({ delivered }) => told.push(delivered) });
  expect([done.state, told]).toEqual(["done", [1, 2, 3]]);
  expect(seen.map(({ method, path }) => [method, path])).toEqual([
    ["POST", "/v1/replays"],
    ["GET", "/v1/replays/1"],
    ["GET", "/v1/replays/1"],
    ["GET", "/v1/replays/1"],
  ]);
});

test("a cancelled replay is waited for no longer, and neither is one whose signal says so", async () => {
  const { options } = scripted(() => json(replay("cancelled", 0)));
  const started = await new Postrider(options).workflowWebhooks.events.replay({ filter: {} });
  expect((await started.done()).state).toBe("cancelled");

  const going = scripted(() => json(replay("running", 0)));
  const endless = await new Postrider(going.options).replays.start({ filter: {} });
  const stop = new AbortController();
  const waiting = endless.done({ signal: stop.signal, onProgress: () => stop.abort() });
  await expect(waiting).rejects.toThrow();
});

test("a dry run asks for a count and keeps nothing", async () => {
  const counted = { matching: 2, oldest: null, newest: null };
  const { options, seen } = scripted(() => json(counted));
  const client = new Postrider(options);
  expect(await client.replays.dryRun({ filter: {}, only: "all" })).toEqual(counted);
  expect(await client.workflowWebhooks.events.replayDryRun({ filter: {} })).toEqual(counted);
  expect(seen.map(({ path, body }) => [path, body])).toEqual([
    ["/v1/replays", { filter: {}, only: "all", dry_run: true }],
    ["/workflows/v1/workflow-webhooks/events/replay", { filter: {}, dry_run: true }],
  ]);
});
