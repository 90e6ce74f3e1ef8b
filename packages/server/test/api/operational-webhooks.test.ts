import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../support/facts.ts";

const path = "/v1/operational-webhooks";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const url = "https://example.com/operations";
  return { api, body: { name: "On call", url, actions: ["endpoint.failing"] } };
}

test("an operational webhook is of the shape of contract A's, for administrators alone", async () => {
  const { api, body } = await open();
  const created = await api.call("POST", path, { body });
  expect(created.status, created.text).toBe(201);
  expect(created.body).toEqual({
    id: expect.any(String),
    ...body,
    enabled: true,
    disabled_reason: null,
    has_bearer_token: false,
    timeout_seconds: 10,
    max_retries: 3,
    retry_backoff_seconds: 10,
    header_names: [],
    all_teams: false,
    created_at: expect.any(String),
    updated_at: expect.any(String),
  });
  const { id } = created.body;
  expect((await api.call("GET", `${path}/${id}`)).body).toEqual(created.body);
  expect((await api.call("GET", path)).body.subscriptions).toEqual([created.body]);
  const changed = await api.call("PATCH", `${path}/${id}`, { body: { max_retries: 5 } });
  expect(changed.body).toMatchObject({ id, max_retries: 5 });
  // No webhook of another contract, and no action of one.
  expect((await api.call("GET", `/workflows/v1/workflow-webhooks/${id}`)).status).toBe(404);
  const foreign = { ...body, actions: ["workflow_created"] };
  expect((await api.call("POST", path, { body: foreign })).status).toBe(422);
  // To hear of all teams takes the operator's key.
  const all = await api.call("POST", path, { body: { ...body, all_teams: true } });
  expect([all.status, all.body.code]).toEqual([403, "scope_missing"]);
  expect((await api.call("DELETE", `${path}/${id}`)).status).toBe(204);
  expect((await api.call("GET", `${path}/${id}`)).status).toBe(404);
});

test("its deliveries are in the lists of those who ask for its contract or for itself", async () => {
  const { api, body } = await open();
  const { id } = (await api.call("POST", path, { body })).body;
  await api.call("POST", `${path}/${id}/test`, { body: {} });
  const listed = async (query: string) =>
    (await api.call("GET", `/v1/deliveries${query}`)).body.deliveries.length;
  expect(await listed("")).toBe(0);
  expect(await listed("?contract=operational")).toBe(1);
  expect(await listed(`?endpoint_id=${id}`)).toBe(1);
  expect(await listed("?contract=workflow")).toBe(0);
  const { endpoints } = (await api.call("GET", "/v1/endpoints?contract=operational")).body;
  expect(endpoints).toMatchObject([{ id, contract: "operational" }]);
});

test("operational events are listed like contract A's, with attempts, and sent again on request", async () => {
  const { api, body } = await open();
  const { id } = (await api.call("POST", path, { body })).body;
  const sent = await api.call("POST", `${path}/${id}/test`, { body: {} });
  await api.call("POST", `${path}/${id}/test`, { body: { action: "delivery.exhausted" } });
  const listed = await api.call("GET", `${path}/events?action=endpoint.failing`);
  expect(listed.status, listed.text).toBe(200);
  expect(listed.body).toMatchObject({
    total: 1,
    events: [
      {
        event_id: sent.body.event_id,
        subscription_id: id,
        action: "endpoint.failing",
        workflow_id: null,
        status: "pending",
        payload: { type: "endpoint.failing", data: { test: true } },
      },
    ],
  });
  expect((await api.call("GET", `${path}/events`)).body.total).toBe(2);
  expect((await api.call("GET", `${path}/events?action=workflow_created`)).status).toBe(422);
  // Contract A's list has none of them, by whichever id.
  const [event] = listed.body.events;
  const ofWorkflows = "/workflows/v1/workflow-webhooks/events";
  expect((await api.call("GET", ofWorkflows)).body.total).toBe(0);
  for (const name of [event._id, event.event_id]) {
    expect((await api.call("GET", `${ofWorkflows}/${name}/attempts`)).status).toBe(404);
    const attempts = await api.call("GET", `${path}/events/${name}/attempts`);
    expect(attempts.body).toMatchObject({ total: 0, attempts: [] });
  }
  const { sql } = api.database;
  await sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null, lease_token = null
    where id = ${event._id}`;
  const again = await api.call("POST", `${path}/events/${event._id}/retry`);
  expect([again.status, again.body.event_id]).toEqual([200, event.event_id]);
  const { events } = (await api.call("GET", `${path}/events?status=pending`)).body;
  expect(events.map(({ _id }: { _id: string }) => _id)).toContain(event._id);
});

test("a test event is made for this webhook alone, and its secret is read and rotated", async () => {
  const { api, body } = await open();
  const { id } = (await api.call("POST", path, { body })).body;
  await api.call("POST", path, { body });
  const { secret } = (await api.call("GET", `${path}/${id}/signing-secret`)).body;
  expect(secret).toMatch(/^whsec_/);
  const rotated = await api.call("POST", `${path}/${id}/signing-secret/rotate`);
  expect(rotated.body.secret).not.toBe(secret);

  const sent = await api.call("POST", `${path}/${id}/test`, {
    body: { action: "delivery.exhausted" },
  });
  expect(sent.status, sent.text).toBe(202);
  const { deliveries } = (await api.call("GET", "/v1/deliveries?contract=operational")).body;
  expect(deliveries).toMatchObject([{ endpoint_id: id, event_type: "delivery.exhausted" }]);
  const [delivery] = deliveries;
  const one = (await api.call("GET", `/v1/deliveries/${delivery.id}`)).body;
  expect(JSON.parse(one.request.body)).toMatchObject({
    event_id: sent.body.event_id,
    type: "delivery.exhausted",
    data: { test: true, delivery: { error_code: "http_status" } },
  });
});
