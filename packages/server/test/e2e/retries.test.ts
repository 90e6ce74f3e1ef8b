import { expect, onTestFinished, test } from "vitest";
import { type AnswerOf, openReceiver, type Receiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, startService } from "../support/process.ts";

/** How late an attempt may be on a machine that is busy with other tests as well. */
const latenessMsMax = 150;
const timeoutMs = 1_000;
const timeoutToleranceMs = 500;

test("a receiver that answers 500, 500, 200 gets three requests of one event, each when it is due", async () => {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  let answerFirst: (status: number) => void = () => {};
  const first = new Promise<number>((resolve) => {
    answerFirst = resolve;
  });
  const statuses: AnswerOf = (_request, count) => [first, 500, 200][count - 1] ?? 200;
  receiver.answerBy(statuses);
  const { event, attempts } = await publishTo(receiver, { max_retries: 3, timeout_seconds: 10 });

  await receiver.received(1);
  expect(await event()).toMatchObject({
    status: "pending",
    attempts_count: 0,
    next_retry_at: null,
    last_status_code: null,
  });
  answerFirst(500);
  const failedAtMs = performance.now();
  await expect
    .poll(event, { interval: 20 })
    .toMatchObject({ status: "retrying", attempts_count: 1, last_status_code: 500 });
  expect((await event()).next_retry_at).not.toBeNull();
  await expect
    .poll(event, { timeout: 10_000 })
    .toMatchObject({ status: "delivered", attempts_count: 3, next_retry_at: null });

  const { requests } = receiver;
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  for (const { body } of requests) expect(body.equals(requests[0]?.body ?? Buffer.of())).toBe(true);
  const [, second = Number.NaN, third = Number.NaN] = requests.map((one) => one.arrivedAtMs);
  expectDelay(second - failedAtMs, 1_000);
  expectDelay(third - second, 2_000);

  expect(await attempts()).toMatchObject([
    { attempt_number: 3, success: true, response_status_code: 200, will_retry: false },
    { attempt_number: 2, success: false, response_status_code: 500, will_retry: true },
    { attempt_number: 1, success: false, response_status_code: 500, will_retry: true },
  ]);
});

test("a receiver that never answers is given up after 1 + max_retries, each attempt cut at its timeout", async () => {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  receiver.hold();
  const { event, attempts } = await publishTo(receiver, {
    max_retries: 2,
    timeout_seconds: timeoutMs / 1_000,
  });

  await expect
    .poll(event, { timeout: 15_000 })
    .toMatchObject({ status: "failed", attempts_count: 3, next_retry_at: null });
  expect(receiver.requests).toHaveLength(3);
  const listed = await attempts();
  expect(listed).toMatchObject(
    [3, 2, 1].map((attempt_number) => ({
      attempt_number,
      success: false,
      error_code: "timeout",
      response_status_code: null,
      will_retry: attempt_number < 3,
    })),
  );
  for (const { latency_ms } of listed) {
    expect(Math.abs(latency_ms - timeoutMs)).toBeLessThanOrEqual(timeoutToleranceMs);
  }
});

/** A delay is drawn from [C/2, C]; what comes on top is lateness. */
function expectDelay(delayMs: number, ceilingMs: number): void {
  expect(delayMs).toBeGreaterThanOrEqual(ceilingMs / 2);
  expect(delayMs).toBeLessThanOrEqual(ceilingMs + latenessMsMax);
}

type Event = {
  _id: string;
  status: string;
  attempts_count: number;
  next_retry_at: string | null;
  last_status_code: number | null;
};

/** Starts a service, subscribes the receiver and publishes one fact; the event is read as a customer reads it. */
async function publishTo(
  receiver: Receiver,
  policy: { max_retries: number; timeout_seconds: number },
) {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const env = productionEnvironment(database.url);
  const service = await startService(["serve"], env);
  onTestFinished(async () => {
    await service.kill9();
  });
  const call = async (route: string, body?: object) => {
    const response = await fetch(`${service.url}/workflows/v1${route}`, {
      method: body ? "POST" : "GET",
      headers: {
        authorization: `Bearer ${env.POSTRIDER_API_KEY}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text);
  };
  await call("/workflow-webhooks", {
    name: "patient",
    url: `${receiver.origin}/hook`,
    actions: ["workflow_created"],
    retry_backoff_seconds: 1,
    ...policy,
  });
  await call("/workflows", { name: "Patient intake" });

  const event = async (): Promise<Event> =>
    (await call("/workflow-webhooks/events")).events[0] as Event;
  return {
    event,
    attempts: async (): Promise<{ latency_ms: number }[]> => {
      const { _id } = await event();
      return (await call(`/workflow-webhooks/events/${_id}/attempts`)).attempts;
    },
  };
}
