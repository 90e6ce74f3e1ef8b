import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { openBrowser } from "../support/browser.ts";
import { openSeenApi, type SeenApi } from "../support/seen-deliveries.ts";

/** One delivery of each contract; C's is a message of a call. */
async function open() {
  const api = await openSeenApi();
  const { workflow } = await api.make("/workflows/v1/workflows", { name: "Onboarding" });
  await api.startRun(workflow.id);
  await api.make("/calls/v1/conversations", { assistantId: api.assistant });
  const idOf = async (type: string): Promise<string> =>
    (await api.list(`?event_type=${type}`)).deliveries[0].id;
  const ids = {
    workflow: await idOf("workflow_run_started"),
    organisation: await idOf("workflow.started"),
    assistant: await idOf("status-update"),
  };
  return { api, ids };
}

const refusal = async (api: SeenApi, id: string) => {
  const { status, body } = await api.retry(id);
  return [status, body.code];
};

test.each(["workflow", "organisation"] as const)(
  "a delivery of contract %s that waits becomes due now, and one that has ended is made once more",
  async (contract) => {
    const { api, ids } = await open();
    const id = ids[contract];
    await api.attempt(id, "retry");
    const before = await api.get(id);
    const waiting = await api.retry(id);
    expect(waiting.status).toBe(202);
    expect(waiting.body).toEqual({
      ...(await api.list(`?event_id=${before.event_id}`)).deliveries[0],
      status: "retrying",
      attempts_count: 1,
    });
    expect(Date.parse(waiting.body.next_attempt_at)).toBeLessThan(
      Date.parse(before.next_attempt_at),
    );

    for (const outcome of ["delivered", "failed"] as const) {
      await api.attempt(id, outcome);
      const ended = await api.get(id);
      expect([ended.status, ended.next_attempt_at]).toEqual([outcome, null]);
      const retried = await api.retry(id);
      expect([retried.status, retried.body.status]).toEqual([202, "retrying"]);
      expect(retried.body.event_id).toBe(before.event_id);
      expect(retried.body.next_attempt_at).not.toBeNull();
      expect(retried.body.delivered_at).toBeNull();
    }
  },
);

test("several requests for a retry before it begins are one retry, and the audit log has who asked", async () => {
  const { api, ids } = await open();
  await api.attempt(ids.workflow, "failed");
  await api.retry(ids.workflow);
  await api.retry(ids.workflow);
  const [row] = await api.database.sql<{ manual: number; by: string }>`
    select manual_count as manual, updated_by as by from deliveries where id = ${ids.workflow}`;
  const { id: caller } = (await api.call("GET", "/accounts/v1/users/me")).body;
  const { entries } = (await api.call("GET", `/v1/audit?subject=${ids.workflow}`)).body;
  expect([row?.manual, entries.length]).toEqual([1, 2]);
  expect(entries[0]).toMatchObject({ action: "delivery.redelivered", actor: { id: row?.by } });
  expect(caller).toBeDefined();
});

test("a retry that a session asks for is the session's own, in the attempt and in the audit", async () => {
  const { api, ids } = await open();
  const browser = openBrowser(api);
  const { body: session } = await browser.post("/v1/sessions", { api_key: api.key });
  await api.attempt(ids.workflow, "failed");
  const retried = await browser.post(`/v1/deliveries/${ids.workflow}/retry`, {});
  expect(retried.status, retried.text).toBe(202);
  const [row] = await api.database.sql<{ by: string }>`
    select updated_by as by from deliveries where id = ${ids.workflow}`;
  const { entries } = (await api.call("GET", `/v1/audit?actor=${session.id}`)).body;
  expect([row?.by, entries.length]).toEqual([session.id, 1]);
});

test("a message of a call that has ended is made once more, each time that a person asks", async () => {
  const { api, ids } = await open();
  for (const outcome of ["failed", "delivered", "failed"] as const) {
    await api.attempt(ids.assistant, outcome);
    const { status, body } = await api.retry(ids.assistant);
    expect([status, body.status]).toEqual([202, "retrying"]);
    expect((await api.retry(ids.assistant)).status).toBe(202);
  }
  const [row] = await api.database.sql`
    select attempt_count as attempts, manual_count as asked from deliveries where id = ${ids.assistant}`;
  expect(row).toEqual({ attempts: 3, asked: 3 });
});

test("a message that waits for its turn in a call is due already: a retry changes nothing", async () => {
  const { api, ids } = await open();
  const before = await api.get(ids.assistant);
  const { status, body } = await api.retry(ids.assistant);
  expect([status, body.status]).toEqual([202, "pending"]);
  expect(body.next_attempt_at).toBe(before.next_attempt_at);
});

test("what is in flight, disabled, gone or without its payload is refused with 409, and nothing changes", async () => {
  const { api, ids } = await open();
  const { sql } = api.database;
  await api.attempt(ids.workflow, "failed");
  await api.attempt(ids.organisation, "failed");

  await sql`update deliveries set lease_token = gen_random_uuid() where id = ${ids.assistant}`;
  expect(await refusal(api, ids.assistant)).toEqual([409, "delivery_in_flight"]);
  await sql`update deliveries set due_at = now() - interval '1 hour' where id = ${ids.assistant}`;
  expect(await refusal(api, ids.assistant)).toEqual([409, "delivery_in_flight"]);
  await sql`update deliveries set lease_token = null where id = ${ids.assistant}`;

  await sql`update subscriptions set enabled = false where id = ${api.workflowWebhook}`;
  expect(await refusal(api, ids.workflow)).toEqual([409, "subscription_disabled"]);
  await sql`update subscriptions set enabled = true where id = ${api.workflowWebhook}`;
  await sql`update events set payload = null
    where id = (select event_id from deliveries where id = ${ids.workflow})`;
  expect(await refusal(api, ids.workflow)).toEqual([409, "payload_gone"]);
  await sql`update subscriptions set deleted_at = now() where id = ${api.webhook}`;
  expect(await refusal(api, ids.organisation)).toEqual([409, "subscription_gone"]);
  const rows = await sql`select from deliveries where manual or manual_count > 0`;
  expect(rows).toEqual([]);
});

test("another team's delivery is not found, and a retry needs the scope `write`", async () => {
  const { api, ids } = await open();
  const { key } = await api.newTeam();
  const unknown = await api.retry(newId());
  const foreign = await api.retry(ids.workflow, key);
  expect([unknown.status, foreign.status]).toEqual([404, 404]);
  expect({ ...foreign.body, request_id: "" }).toEqual({ ...unknown.body, request_id: "" });
  const reader = await api.newKey({ scopes: ["read", "payload"] });
  expect((await api.retry(ids.workflow, reader.key)).status).toBe(403);
});

test("a retry under an Idempotency-Key is done once", async () => {
  const { api, ids } = await open();
  const headers = { "idempotency-key": "again" };
  const path = `/v1/deliveries/${ids.workflow}/retry`;
  const first = await api.call("POST", path, { headers });
  const second = await api.call("POST", path, { headers });
  expect([first.status, second.status, second.body]).toEqual([202, 202, first.body]);
  const { entries } = (await api.call("GET", `/v1/audit?subject=${ids.workflow}`)).body;
  expect(entries).toHaveLength(1);
});
