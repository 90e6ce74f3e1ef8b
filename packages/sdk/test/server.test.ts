import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../../server/test/support/facts.ts";
import { ApiError, FactsRefused, Postrider } from "../src/index.ts";

/** Opens a real API on a database of its own, and a client of it. */
async function open(): Promise<Postrider> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  return new Postrider({ url, apiKey: api.key, retriesMax: 0 });
}

test("a webhook is created, found, changed and deleted, and its secret is rotated", async () => {
  const { workflowWebhooks } = await open();
  const made = await workflowWebhooks.create({
    name: "Mine",
    url: "https://example.com/hook",
    actions: ["workflow_run_completed"],
  });
  expect(await workflowWebhooks.get(made.id)).toEqual(made);
  const changed = await workflowWebhooks.update(made.id, { enabled: false });
  expect(changed.enabled).toBe(false);
  expect(await listOf(workflowWebhooks.each({ size: 1 }))).toEqual([changed]);
  const { secret } = await workflowWebhooks.getSecret(made.id);
  const rotated = await workflowWebhooks.rotateSecret(made.id);
  expect(rotated.secret).not.toBe(secret);
  await workflowWebhooks.delete(made.id);
  await expect(workflowWebhooks.get(made.id)).rejects.toMatchObject({ code: "not_found" });
  const error = await workflowWebhooks.update(made.id, { name: "" }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(error.errors[0].loc).toEqual(["body", "name"]);
});

test("a run that is reported through a buffer is what the service then knows", async () => {
  const client = await open();
  const workflow = await client.workflows.create({ name: "Book" });
  const buffer = client.buffer();
  const run = await client.runs.start({ workflow_id: workflow.id, trigger: "manual" }, { buffer });
  await run.step("Find a slot", () => "10:30");
  await expect(run.step("Pay", () => Promise.reject(new Error("declined")))).rejects.toThrow();
  await run.fail("declined");
  await buffer.flush();

  const known = await client.runs.get(run.id);
  expect(known).toMatchObject({ status: "failed", error: "declined", workflow_id: workflow.id });
  const steps = await listOf(client.runs.eachStep(run.id));
  expect(steps).toMatchObject([
    { id: "0-find-a-slot", status: "completed", output: "10:30" },
    { id: "1-pay", status: "failed", error: { name: "Error", message: "declined" } },
  ]);

  await run.complete();
  const error = await run.flush().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FactsRefused);
  expect((error as FactsRefused).refusals[0]?.error.code).toBe("transition_refused");
});

test("a call that is reported is what the service then knows", async () => {
  const client = await open();
  const assistant = await client.assistants.create({ name: "Ada" });
  const call = await client.calls.start({
    assistantId: assistant.id,
    callType: "web",
    direction: "inbound",
  });
  await call.status("ongoing");
  await call.message("assistant", "Hello!");
  await call.message("user", "Hi.");
  await call.error({ type: "stt_error", message: "noise" });
  await call.end({ callEndTriggerBy: "user" });

  const known = await client.calls.get(call.id);
  expect(known).toMatchObject({ status: "finished", callEndTriggerBy: "user" });
  expect(known.messages.map(({ text }) => text)).toEqual(["Hello!", "Hi."]);
});

test("the organisation's webhooks, the teams and the keys answer under the client's names", async () => {
  const client = await open();
  const made = await client.webhooks.create({
    name: "All",
    url: "https://example.com/hook",
    events: ["workflow.failed"],
    secret: "s",
  });
  expect(await listOf(client.webhooks.each())).toEqual([made]);
  expect(await listOf(client.webhooks.eachLog(made.id))).toEqual([]);
  expect(await listOf(client.webhooks.eachLogOfAll())).toEqual([]);
  const { id, team_id } = await client.me.get();
  expect((await client.teams.list()).teams.map((team) => team.id)).toEqual([team_id]);
  expect((await client.apiKeys.list()).api_keys.map((key) => key.id)).toContain(id);
});

async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}
