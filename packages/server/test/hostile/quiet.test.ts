import { expect, test } from "vitest";
import { makeAssistant, say, startCall, told } from "../support/calls.ts";
import { type House, openHouse, until } from "../support/house.ts";

/** A subscription whose receiver answers the first of its deliveries, all of them due, as told. */
async function openPending(count: number, retryAfter: string, status = 429) {
  const house = await openHouse({ concurrency: 8, subscriptionConcurrency: 1 });
  house.receiver.answerWith({ status, headers: { "retry-after": retryAfter } });
  const subscription = await house.subscribe({ events: ["workflow_run_started"], maxRetries: 10 });
  const other = await house.openReceiver();
  await house.subscribe({ events: ["workflow_run_started"], receiver: other });
  const workflowId = await house.workflow();
  await Promise.all(Array.from({ length: count }, () => house.startRun(workflowId)));
  await house.receiver.received(1);
  return { house, subscription, other };
}

/** Waits until the process has looked for due deliveries once more. */
async function polled({ dispatcher }: House) {
  const askedAtMs = performance.now();
  dispatcher.wake();
  const lookedAgo = () => dispatcher.sincePollMs() ?? Number.POSITIVE_INFINITY;
  await until("it was polled", () => performance.now() - lookedAgo() > askedAtMs);
}

test("retry-after-033: a 429 with Retry-After quiets the whole subscription, and no other", async () => {
  const { house, subscription, other } = await openPending(51, "120");
  await other.received(51);
  await until("the quiet begins", () => house.dispatcher.held === 0);
  for (let polls = 0; polls < 5; polls += 1) await polled(house);
  expect(house.receiver.requests).toHaveLength(1);
  const pending = (await house.deliveries()).filter(
    (one) => one.subscription_id === subscription.id,
  );
  // They wait in the table, where any process finds them: no lease is held, no attempt is used up.
  expect(pending.map(({ status, lease_token }) => [status, lease_token])).toEqual(
    pending.map(() => ["pending", null]),
  );
  expect(pending.map(({ attempt_count }) => attempt_count).sort()).toEqual([
    ...Array(50).fill(0),
    1,
  ]);
  await house.startRun(await house.workflow());
  await other.received(52);
  expect(house.receiver.requests).toHaveLength(1);
});

test("a 503 quiets as well; when the time is over all is delivered, and not before", async () => {
  const { house } = await openPending(20, "1", 503);
  await house.receiver.received(20);
  const [first, second] = house.receiver.requests.map(({ arrivedAtMs }) => arrivedAtMs);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(995);
  await house.drain();
  expect(new Set((await house.deliveries()).map(({ status }) => status))).toEqual(
    new Set(["delivered"]),
  );
});

test("a person who asks for a delivery, or changes the subscription, ends the quiet", async () => {
  const { house, subscription, other } = await openPending(5, "120");
  await other.received(5);
  await until("the quiet begins", () => house.dispatcher.held === 0);
  house.dispatcher.wake(subscription.id);
  await house.receiver.received(5);
});

test("a 500, or a 429 that names no time, quiets nobody", async () => {
  for (const [status, retryAfter] of [
    [500, "120"],
    [429, "soon"],
  ] as const) {
    const { house } = await openPending(5, retryAfter, status);
    await house.receiver.received(5);
  }
});

test("contract B keeps its quiet: a 429 with Retry-After puts off the webhook's other deliveries", async () => {
  const house = await openHouse({ concurrency: 8, subscriptionConcurrency: 1 });
  house.receiver.answerWith({ status: 429, headers: { "retry-after": "120" } });
  await house.subscribe({ events: ["workflow.started"] });
  await house.database.sql`update subscriptions set contract = 'organisation'`;
  const workflowId = await house.workflow();
  await house.startRun(workflowId);
  await house.receiver.received(1);
  await until("the quiet begins", () => house.dispatcher.held === 0);
  await house.startRun(workflowId);
  for (let polls = 0; polls < 5; polls += 1) await polled(house);
  expect(house.receiver.requests).toHaveLength(1);
});

test("contract C ignores Retry-After: other calls of the assistant, hangs included, go on at once", async () => {
  const house = await openHouse();
  house.receiver.answerWith(
    { status: 429, headers: { "retry-after": "120" } },
    { status: 503, headers: { "retry-after": "120" } },
  );
  const assistantId = await makeAssistant(house);
  const refused = await startCall(house, assistantId);
  await told(house.receiver, refused, 1);
  const other = await startCall(house, assistantId);
  await told(house.receiver, other, 1);
  await say(house, other, "user");
  await house.database.sql`update calls set hang_due_at = now() where id = ${other}`;
  await house.record({ type: "call.hung", callId: other });
  const types = (await told(house.receiver, other, 3)).map(({ type }) => type);
  expect(types).toEqual(["status-update", "conversation-update", "hang"]);
  // The call whose message was refused goes on as well; what was refused is not sent again.
  await say(house, refused, "user");
  expect(await told(house.receiver, refused, 2)).toHaveLength(2);
  await house.settled();
  const failed = (await house.deliveries()).filter(({ status }) => status === "failed");
  expect(failed).toMatchObject([{ attempt_count: 1 }, { attempt_count: 1 }]);
});
