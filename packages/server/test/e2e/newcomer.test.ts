import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import {
  apiOf,
  inBash,
  keyOf,
  newcomer,
  stopMsMax,
  threeCommands,
  unreachable,
  within,
} from "../support/newcomer.ts";

test("a newcomer has a first delivery within a minute, and Ctrl-C leaves nothing behind", {
  timeout: 120_000,
}, async () => {
  const home = newcomer();
  const startedAt = performance.now();
  const first = await home.dev();
  const [, key = "", team = ""] = await first.printed(
    /API key\s+(\S+)\n\s+Team\s+([0-9a-f]{24})\n/,
  );
  const statusFor = async (teamid: string) => {
    const headers = { authorization: `Bearer ${key}`, teamid };
    return (await fetch(`${first.url}/workflows/v1/workflows`, { headers })).status;
  };
  expect([await statusFor(team), await statusFor(team.replace(/^./, "f"))]).toEqual([200, 404]);
  const commands = await threeCommands(first);
  expect(commands).toHaveLength(3);
  for (const command of commands) expect(await inBash(command)).not.toHaveProperty("code");
  await first.printed(/◀ POST \/hook {2}workflow_run_started {2}event_/);
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`from an empty directory to the first delivery: ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(60);

  // What is on its way when Ctrl-C comes arrives: the terminal's signal does not reach PostgreSQL.
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const answer = receiver.hold();
  const api = apiOf(first);
  await api.post("/workflow-webhooks", {
    name: "slow",
    url: receiver.origin,
    actions: ["workflow_created"],
  });
  await api.post("/workflows", { name: "Discharge" });
  await receiver.received(1);
  const postgres = home.postgres();
  const stopped = within(stopMsMax, first.pressCtrlC());
  await unreachable(first);
  answer();
  expect(await stopped).toBe(0);
  home.expectNothingRuns(postgres);

  const second = await home.dev();
  expect(await keyOf(second)).toBe(await keyOf(first));
  expect(await apiOf(second).history()).toEqual([
    { action: "workflow_created", status: "delivered", attempts_count: 1 },
    { action: "workflow_run_started", status: "delivered", attempts_count: 1 },
  ]);
  expect(receiver.requests).toHaveLength(1);
  const again = home.postgres();
  expect(await within(stopMsMax, second.terminate("SIGTERM"))).toBe(0);
  home.expectNothingRuns(again);
});
