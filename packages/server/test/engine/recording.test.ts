import { randomUUID } from "node:crypto";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { expect, test } from "vitest";
import { replaceSigningSecret } from "../../src/actions/signing-secret.ts";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse, until } from "../support/house.ts";
import { attemptRecord } from "../support/leased.ts";

test("500, 500, 200: pending, retrying, delivered, in three logged attempts", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerWith(500, { status: 500, body: "no luck" }, { status: 200, body: "fine" });
  const open = house.receiver.hold();
  await house.workflow();
  await house.receiver.received(1);
  expect(await house.delivery()).toMatchObject({ status: "pending", retry_at: null });
  open();
  await house.settled();
  expect(await house.delivery()).toMatchObject({
    status: "pending",
    attempt_count: 1,
    retry_at: expect.any(Date),
    last_status_code: 500,
    last_error: "The receiver answered 500.",
  });
  await house.drain();
  expect(await house.delivery()).toMatchObject({
    status: "delivered",
    attempt_count: 3,
    retry_at: null,
    lease_token: null,
    last_status_code: 200,
    last_error: null,
    finished_at: expect.any(Date),
  });
  const common = { manual: false, response_truncated: false };
  expect(await house.attempts()).toMatchObject([
    {
      ...common,
      number: 1,
      success: false,
      status_code: 500,
      error_code: "http_status",
      will_retry: true,
    },
    {
      ...common,
      number: 2,
      success: false,
      status_code: 500,
      will_retry: true,
      response_body: "no luck",
    },
    {
      ...common,
      number: 3,
      success: true,
      status_code: 200,
      error_code: null,
      will_retry: false,
      response_body: "fine",
    },
  ]);
});

for (const [drawn, part] of [
  [0, 0.5],
  [0.5, 0.75],
  [0.999, 0.9995],
] as const) {
  test(`retry n is due after ${part} of base × 2^(n−1) when chance draws ${drawn}, by the database's clock`, async () => {
    const house = await openHouse({ random: () => drawn });
    await house.subscribe({ events: ["workflow_created"], backoffSeconds: 100, maxRetries: 3 });
    house.receiver.answerWith(500, 404, 302, 410);
    await house.workflow();
    for (const ceiling of [100, 200, 400]) {
      await house.settled();
      const { due_in, retry_at, status } = await house.delivery();
      expect(status).toBe("pending");
      expect(due_in).toBeGreaterThan(ceiling * part - 5);
      expect(due_in).toBeLessThanOrEqual(ceiling * part);
      expect(retry_at).not.toBeNull();
      await house.passTime("1 hour");
    }
    await house.settled();
    expect(await house.delivery()).toMatchObject({ status: "failed", last_status_code: 410 });
    expect(house.receiver.requests).toHaveLength(4);
  });
}

test("invariant 6: a delivery that only fails makes 1 + max_retries requests, also with none allowed", async () => {
  const house = await openHouse();
  for (const maxRetries of [0, 2]) {
    const receiver = await house.openReceiver();
    receiver.answerBy(() => 500);
    await house.subscribe({ receiver, events: ["workflow_created"], maxRetries });
    await house.workflow();
    await house.drain();
    expect(receiver.requests).toHaveLength(1 + maxRetries);
    await house.database.sql`update subscriptions set enabled = false`;
  }
});

test("Retry-After on 503 makes the retry later, never earlier, and is ignored on 500", async () => {
  const house = await openHouse({ random: () => 0 });
  await house.subscribe({ events: ["workflow_created"], backoffSeconds: 100, maxRetries: 3 });
  house.receiver.answerWith(
    { status: 503, headers: { "retry-after": "3600" } },
    { status: 429, headers: { "retry-after": "1" } },
    { status: 500, headers: { "retry-after": "3600" } },
  );
  await house.workflow();
  for (const seconds of [3_600, 100, 200]) {
    await house.settled();
    const { due_in } = await house.delivery();
    expect(due_in).toBeGreaterThan(seconds - 5);
    expect(due_in).toBeLessThanOrEqual(seconds);
    await house.passTime("2 hours");
  }
});

test("a receiver that does not answer in time is a timeout, and is retried", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"], timeoutSeconds: 1 });
  house.receiver.hold();
  await house.workflow();
  await house.settled();
  expect(await house.attempts()).toMatchObject([
    { success: false, status_code: null, error_code: "timeout", will_retry: true },
  ]);
  const [{ latency_ms } = { latency_ms: 0 }] = await house.attempts();
  expect(latency_ms).toBeGreaterThanOrEqual(1_000);
  expect(latency_ms).toBeLessThan(2_500);
});

test("a redirect is a failure and is not followed", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"], maxRetries: 0 });
  const elsewhere = await house.openReceiver();
  house.receiver.answerWith({ status: 307, headers: { location: `${elsewhere.origin}/` } });
  await house.workflow();
  await house.settled();
  expect(elsewhere.requests).toEqual([]);
  expect(await house.attempts()).toMatchObject([{ error_code: "redirect", status_code: 307 }]);
});

test("16 KiB of a response are kept, as text that the database can store, and the cut is marked", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerWith({ status: 200, body: `a\u0000b${"ü".repeat(20_000)}` });
  await house.workflow();
  await house.settled();
  const [attempt] = await house.attempts();
  expect(attempt).toMatchObject({ success: true, response_truncated: true });
  expect(attempt?.response_body?.startsWith("a\ufffdbüü")).toBe(true);
  expect(Buffer.byteLength(attempt?.response_body ?? "")).toBeLessThanOrEqual(16_384 + 8);
});

test("a receiver at a forbidden address gets no request; the attempt is logged and retried", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"] });
  await house.database.sql`
    update subscriptions set url = 'http://169.254.169.254:8080/' where id = ${id}`;
  await house.workflow();
  await house.settled();
  const [attempt] = await house.attempts();
  expect(attempt).toMatchObject({ success: false, status_code: null, will_retry: true });
  expect(["blocked_url", "blocked_address"]).toContain(attempt?.error_code);
});

test("secrets that do not open send nothing; the attempt says so without their value", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: ["workflow_created"], token: "the-token" });
  await house.database.sql`
    update subscriptions
    set sealed_credential = set_byte(sealed_credential, 40, get_byte(sealed_credential, 40) # 1)
    where id = ${id}`;
  await house.workflow();
  await house.settled();
  expect(await house.attempts()).toMatchObject([
    { error_code: "decrypt_failed", will_retry: true },
  ]);
  expect(house.receiver.requests).toEqual([]);
});

test("a subscription whose row is broken does not keep others from being delivered", async () => {
  const house = await openHouse({ hot: false, started: false });
  const broken = await house.subscribe({ events: ["workflow_created"], path: "/broken" });
  await house.subscribe({ events: ["workflow_created"], path: "/whole" });
  const sealed = house.keyring.seal("not a signing secret", {
    table: "subscriptions",
    column: "sealed_signing_secret",
    teamId: house.teamId,
    rowId: broken.id,
  });
  await house.database.sql`
    update subscriptions set sealed_signing_secret = ${sealed} where id = ${broken.id}`;
  await house.workflow();
  house.dispatcher.start();
  await house.receiver.received(1);
  expect(house.receiver.requests.map(({ path }) => path)).toEqual(["/whole"]);
});

test("the independent libraries of Standard Webhooks and Svix verify what the receiver gets", async () => {
  const house = await openHouse();
  const { secret } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow({ name: "Grüße \u2028 🎉" });
  await house.settled();
  const [request] = house.receiver.requests;
  const headers = request?.headers as Record<string, string>;
  const body = request?.body.toString() ?? "";
  const told = { action: "workflow_created", workflow_name: "Grüße \u2028 🎉" };
  expect(new StandardWebhook(secret).verify(body, headers)).toMatchObject(told);
  expect(new SvixWebhook(secret).verify(body, headers)).toMatchObject(told);
  expect(() => new StandardWebhook(secret).verify(`${body} `, headers)).toThrow();
  expect(() =>
    new SvixWebhook(secret).verify(body, { ...headers, "webhook-id": "event_x" }),
  ).toThrow();
});

test("during a rotation both secrets verify for 24 hours, then only the new one", async () => {
  const house = await openHouse();
  const { id, secret: old } = await house.subscribe({ events: ["workflow_created"] });
  const { secret: fresh } = await replaceSigningSecret(
    house,
    { teamId: house.teamId, contract: "workflow" },
    id,
    "a key",
  );
  await house.workflow();
  await house.settled();
  await house.passTime("23 hours 59 minutes");
  await house.workflow();
  await house.settled();
  await house.passTime("1 minute");
  await house.workflow();
  await house.settled();

  const verifiedBy = house.receiver.requests.map(({ body, headers }) =>
    [fresh, old].map((secret) => {
      try {
        new StandardWebhook(secret).verify(body.toString(), headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    }),
  );
  expect(verifiedBy).toEqual([
    [true, true],
    [true, true],
    [true, false],
  ]);
});

test("invariant 4: a result under a lease that is not the current one is logged and moves nothing", async () => {
  const house = await openHouse(cold);
  const { late } = await takenOver(house);
  const before = await house.delivery();
  expect(await house.recorder.record(late)).toBe(false);
  expect({ ...(await house.delivery()), due_in: 0 }).toEqual({ ...before, due_in: 0 });
  expect(await house.attempts()).toMatchObject([{ number: 1, success: true }]);
});

test("invariant 4: of a late result and a timely one that are written together, only the timely one counts", async () => {
  const house = await openHouse(cold);
  const { late, timely } = await takenOver(house);
  expect(await Promise.all([late, timely].map((one) => house.recorder.record(one)))).toEqual([
    false,
    true,
  ]);
  expect(await house.delivery()).toMatchObject({ status: "pending", last_status_code: 500 });
  expect(await house.attempts()).toMatchObject([
    { number: 1, success: true },
    { number: 2, success: false },
  ]);
});

test("invariant 7: what is known of an attempt stays when another result of it comes late", async () => {
  const house = await openHouse(cold);
  const { late, timely } = await takenOver(house);
  expect(await house.recorder.record(timely)).toBe(true);
  const other = { statusCode: 200, errorCode: null, errorMessage: null, responseBody: "late" };
  for (const known of [timely, late]) {
    await house.recorder.record(known);
    await house.recorder.record({ ...known, ...other, outcome: "delivered", latencyMs: 77 });
  }
  expect(await house.attempts()).toMatchObject([
    { number: 1, success: true, response_body: "", latency_ms: 5 },
    { number: 2, success: false, status_code: 500, error_code: "http_status", latency_ms: 5 },
  ]);
});

const cold = { hot: false, started: false };

/** A delivery in its second attempt, and the results of both: the first came to 200, the second to 500. */
async function takenOver(house: House): Promise<{ late: AttemptRecord; timely: AttemptRecord }> {
  const { id: subscriptionId } = await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  const leaseToken = randomUUID();
  await house.database.sql`
    update deliveries
    set attempt_count = 2, lease_token = ${leaseToken}, due_at = now() + interval '1 minute'`;
  const [row] = await house.database.sql<{ id: string; created_at: string }>`
    select id, created_at::text from deliveries`;
  const late = attemptRecord({
    teamId: house.teamId,
    deliveryId: row?.id ?? "",
    subscriptionId,
    createdAt: row?.created_at ?? "",
    leaseToken: randomUUID(),
    attemptId: newId(),
  });
  const timely: AttemptRecord = {
    ...late,
    leaseToken,
    number: 2,
    attemptId: newId(),
    statusCode: 500,
    errorCode: "http_status",
    errorMessage: "The receiver answered 500.",
    outcome: "retry",
    delayMs: 10_000,
  };
  return { late, timely };
}

test("invariant 7: every request that left has its attempt row, and writing it twice changes nothing", async () => {
  const house = await openHouse({
    // As after a connection that broke between commit and answer: the same results are written again.
    recorder: (recorder) => ({
      ...recorder,
      async record(record) {
        const moved = await recorder.record(record);
        expect(await recorder.record(record)).toBe(false);
        return moved;
      },
    }),
  });
  await house.subscribe({ events: ["workflow_created"], maxRetries: 2 });
  house.receiver.answerBy((_request, count) => (count % 3 === 0 ? 200 : 500));
  await Promise.all(Array.from({ length: 20 }, () => house.workflow()));
  await house.drain();
  expect(await house.attempts()).toHaveLength(house.receiver.requests.length);
  for (const row of await house.deliveries()) {
    const attempts = await house.attempts(row.id);
    expect(attempts.map(({ number }) => number)).toEqual(
      Array.from({ length: row.attempt_count }, (_, index) => index + 1),
    );
  }
});

test("the database goes away again and again during a burst: nothing is lost and nothing is recorded twice", async () => {
  const house = await openHouse({ concurrency: 32, subscriptionConcurrency: 32 });
  await house.subscribe({ events: ["workflow_run_started"], maxRetries: 10 });
  const workflowId = await house.workflow();
  const accepted = new Set<string>();
  const startAll = Array.from({ length: 500 }, async () => {
    // A reporter that hears of no success reports again.
    for (;;) {
      try {
        const runId = await house.startRun(workflowId);
        accepted.add(runId);
        return;
      } catch (error) {
        house.errors.push(error);
      }
    }
  });
  for (let n = 1; n <= 4; n++) {
    await house.receiver.received(n * 60);
    await house.database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()
        and application_name in ('postrider ingest', 'postrider results', 'postrider claims')`;
  }
  await Promise.all(startAll);
  await house.drain();

  expect(house.errors.length).toBeGreaterThan(0);
  const events = await house.events();
  const runs = new Set(events.map(({ run_id }) => run_id));
  for (const runId of accepted) expect(runs.has(runId)).toBe(true);
  const rows = await house.deliveries();
  expect(rows).toHaveLength(events.length);
  expect(rows.every(({ status }) => status === "delivered")).toBe(true);
  const heard = new Set(house.receiver.requests.map(({ headers }) => headers["webhook-id"]));
  for (const { id } of events) expect(heard.has(`event_${id}`)).toBe(true);
  await until("nothing is held", () => house.dispatcher.held === 0);
});
