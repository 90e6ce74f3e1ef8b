import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/config.ts";
import type { TestApi } from "../support/api.ts";
import { openTestApi } from "../support/api.ts";
import { tablesWith } from "../support/dump.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";

const word = "kanarienvogel";

async function closing(api: TestApi): Promise<TestApi> {
  onTestFinished(() => api.close());
  return api;
}

const settings = (api: TestApi, body?: object, key = api.key) =>
  api.call(body ? "PATCH" : "GET", `/v1/teams/${api.teamId}`, { key, body });

test("a team's settings are its own, and are changed one by one; null gives days back to the service", async () => {
  const api = await closing(await openTestApi());
  const fresh = {
    id: api.teamId,
    name: "test",
    encrypt_payloads: false,
    payload_retention_days: null,
    attempt_retention_days: null,
  };
  expect((await settings(api)).body).toMatchObject(fresh);
  const changed = await settings(api, { payload_retention_days: 7, encrypt_payloads: true });
  expect([changed.status, changed.body]).toMatchObject([
    200,
    { ...fresh, encrypt_payloads: true, payload_retention_days: 7 },
  ]);
  await settings(api, { name: "renamed", attempt_retention_days: 14 });
  await settings(api, { payload_retention_days: null });
  expect((await settings(api)).body).toMatchObject({
    name: "renamed",
    encrypt_payloads: true,
    payload_retention_days: null,
    attempt_retention_days: 14,
  });
  const { body } = await api.call("GET", "/v1/audit?action=team.updated");
  expect(body.entries).toHaveLength(3);
});

test("a team's retention cannot be longer than the service's, and other values are refused", async () => {
  const config = { ...readConfig("development", {}), retentionDays: 10 };
  const api = await closing(await openTestApi({ deps: { config } }));
  expect((await settings(api, { payload_retention_days: 10 })).status).toBe(200);
  const refused = await settings(api, { payload_retention_days: 11 });
  expect(refused.body.errors).toEqual([
    { loc: ["body", "payload_retention_days"], msg: "must be at most 10", type: "maximum" },
  ]);
  for (const body of [
    { attempt_retention_days: 0 },
    { attempt_retention_days: 1.5 },
    { encrypt_payloads: null },
    { name: "" },
    { colour: "red" },
  ]) {
    expect((await settings(api, body)).status).toBe(422);
  }
});

test("a team that the key does not reach is not there, neither to see nor to change; both need the scope admin", async () => {
  const api = await closing(await openTestApi());
  const { key } = await api.newTeam();
  expect((await settings(api, undefined, key)).status).toBe(404);
  expect((await settings(api, { name: "theirs" }, key)).status).toBe(404);
  expect((await settings(api)).body.name).toBe("test");
  const reader = await api.newKey({ scopes: ["read", "write", "publish", "payload"] });
  expect((await settings(api, undefined, reader.key)).status).toBe(403);
});

test("values that a team's encryption seals in the database are read through the API as before", async () => {
  const api = await closing(await openFactsApi());
  expect((await settings(api, { encrypt_payloads: true })).status).toBe(200);
  const given = { teamId: api.teamId, key: api.key, secret: "visible", payload: word };
  const names = await furnish(api, given);
  await api.database.sql`
    update attempts set response_body = null, sealed_response_body = null`;
  const hidden = { [word]: word };
  expect(await tablesWith(api.database, word)).toEqual([]);

  const get = async (path: string) => (await api.call("GET", path)).body;
  const runs = "/workflows/v1/workflow-runs";
  expect((await get(`${runs}/${names.run_id?.[0]}`)).run.input).toEqual(hidden);
  expect((await get(runs)).runs[0].input).toEqual(hidden);
  const steps = `${runs}/${names.run_id?.[0]}/steps`;
  expect((await get(`${steps}/${names.step_id?.[1]}`)).step.output).toEqual(hidden);
  const listed = (await get(steps)).steps.map(({ error }: { error: unknown }) => error);
  expect(listed).toContainEqual(hidden);
  const [call, ended] = names.conversation_id ?? [];
  const conversation = await get(`/calls/v1/conversations/${call}`);
  expect(conversation.metadata).toEqual(hidden);
  expect(conversation.messages).toMatchObject([{ text: word, metrics: hidden }]);
  expect((await get(`/calls/v1/conversations/${ended}`)).analysis).toEqual(hidden);
  const { events } = await get("/workflows/v1/workflow-webhooks/events");
  const started = events.find(({ action }: { action: string }) => action.endsWith("started"));
  expect(started.payload.run.input).toEqual(hidden);
  const told = await get(`/assistants/v1/assistants/${names.assistant_id?.[0]}/deliveries`);
  expect(JSON.stringify(told.deliveries)).toContain(word);
});

test("receivers' answers are read through the API, sealed or not", async () => {
  const api = await closing(await openFactsApi());
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "a" });
  const { sql } = api.database;
  const attempts = await sql<{ delivery: string; number: number }>`
    select delivery_id as delivery, number from attempts`;
  for (const { delivery, number } of attempts) {
    const place = { table: "attempts", column: "sealed_response_body", teamId: api.teamId };
    const sealed = api.deps.keyring.seal(word, { ...place, rowId: `${delivery}/${number}` });
    await sql`
      update attempts set response_body = null, sealed_response_body = ${sealed}
      where delivery_id = ${delivery}`;
  }
  const event = `/workflows/v1/workflow-webhooks/events/${names.event_id?.[0]}/attempts`;
  const { key } = await api.newKey({ scopes: ["read"] });
  for (const [path, list] of [
    [event, "attempts"],
    [`/webhooks/${names.subscription_id?.[0]}/logs`, "logs"],
  ] as const) {
    expect((await api.call("GET", path)).body[list][0].response_body).toBe(word);
    expect((await api.call("GET", path, { key })).body[list][0].response_body).toBeNull();
  }
});
