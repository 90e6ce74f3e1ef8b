import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { openSeenApi, type Seen, type SeenApi } from "../support/seen-deliveries.ts";

const workflows = "/workflows/v1/workflows";
const conversations = "/calls/v1/conversations";
const idsOf = ({ deliveries }: { deliveries: Seen[] }): string[] =>
  deliveries.map(({ id }) => id).sort();

/** A workflow, a run of it with a step, and a call with a message: deliveries in all contracts. */
async function tell(api: SeenApi) {
  const { workflow } = await api.make(workflows, { name: "Onboarding" });
  const run = await api.startRun(workflow.id);
  const step = `/workflows/v1/workflow-runs/${run}/steps/look-up`;
  const reported = await api.call("PUT", step, { body: { name: "s", status: "started" } });
  expect(reported.status, reported.text).toBe(201);
  const call = await api.make(conversations, { assistantId: api.assistant });
  const message = { role: "user", text: "hello", messageId: "m-1" };
  await api.make(`${conversations}/${call.id}/messages`, message);
  return { workflow: workflow.id as string, run, call: call.id as string, message: "m-1" };
}

test("deliveries of all contracts are listed with the same members, newest first", async () => {
  const api = await openSeenApi();
  const { workflow, run, call, message } = await tell(api);
  const { deliveries, next_cursor } = await api.list();
  expect(next_cursor).toBeNull();
  expect(deliveries.map(({ id }) => id)).toEqual(
    [...deliveries.map(({ id }) => id)].sort().reverse(),
  );
  const common = {
    id: expect.stringMatching(/^[0-9a-f]{24}$/),
    event_id: expect.stringMatching(/^event_[0-9a-f-]{36}$/),
    test: false,
    status: "pending",
    attempts_count: 0,
    status_code: null,
    error_code: null,
    duration_ms: null,
    workflow_id: null,
    run_id: null,
    step_id: null,
    call_id: null,
    message_id: null,
    assistant_id: null,
    created_at: expect.stringMatching(/\.\d{3}Z$/),
    updated_at: expect.stringMatching(/\.\d{3}Z$/),
    next_attempt_at: expect.stringMatching(/\.\d{3}Z$/),
    delivered_at: null,
  };
  const told = (contract: string, endpoint: string, event_type: string, own: object) => ({
    ...common,
    contract,
    endpoint_id: endpoint,
    event_type,
    ...own,
  });
  const { workflowWebhook: a, webhook: b, assistant: c } = api;
  const ofRun = { workflow_id: workflow, run_id: run };
  const ofCall = { call_id: call, assistant_id: c };
  expect(deliveries).toHaveLength(6);
  expect(deliveries).toEqual(
    expect.arrayContaining([
      told("workflow", a, "workflow_created", { workflow_id: workflow }),
      told("workflow", a, "workflow_run_started", ofRun),
      told("organisation", b, "workflow.started", ofRun),
      told("organisation", b, "workflow.step.started", { ...ofRun, step_id: "look-up" }),
      told("assistant", c, "status-update", ofCall),
      told("assistant", c, "conversation-update", { ...ofCall, message_id: message }),
    ]),
  );
});

test("status code, error code and duration are those of the last ended attempt; one in flight does not count", async () => {
  const api = await openSeenApi();
  await tell(api);
  const [{ id }] = (await api.list("?event_type=workflow_run_started")).deliveries;
  const shown = async () => {
    const seen = await api.get(id);
    const times = [seen.next_attempt_at !== null, seen.delivered_at !== null];
    const last = [seen.status_code, seen.error_code, seen.duration_ms];
    return [seen.status, seen.attempts_count, ...last, ...times];
  };
  await api.attempt(id, "retry");
  expect(await shown()).toEqual(["retrying", 1, 500, "http_status", 101, true, false]);
  const { sql } = api.database;
  await sql`update deliveries set lease_token = gen_random_uuid(), attempt_count = 2 where id = ${id}`;
  expect(await shown()).toEqual(["retrying", 1, 500, "http_status", 101, false, false]);
  await sql`update deliveries set lease_token = null, attempt_count = 1 where id = ${id}`;
  await api.attempt(id, "delivered");
  expect(await shown()).toEqual(["delivered", 2, 200, null, 102, false, true]);
  await sql`update deliveries set status = 'failed', last_error = 'subscription_deleted' where id = ${id}`;
  expect(await shown()).toEqual(["failed", 2, 200, "subscription_deleted", 102, false, false]);
});

test("a test is marked as a test, in contract A and in contract B", async () => {
  const api = await openSeenApi();
  await tell(api);
  const of = `/workflows/v1/workflow-webhooks/${api.workflowWebhook}/test`;
  await api.call("POST", of, { body: { action: "workflow_run_completed" } });
  await api.call("POST", `/webhooks/${api.webhook}/test`);
  const { deliveries } = await api.list();
  expect(deliveries.filter(({ test }) => test).map((one) => one.event_type)).toEqual([
    "workflow.completed",
    "workflow_run_completed",
  ]);
});

test("a step is named as it is, in a later attempt too", async () => {
  const api = await openSeenApi();
  const { run } = await tell(api);
  const put = (status: string, attempt?: number) =>
    api.call("PUT", `/workflows/v1/workflow-runs/${run}/steps/again`, {
      body: { name: "s", status, ...(attempt ? { attempt } : {}) },
    });
  await put("started");
  await put("failed");
  expect((await put("started")).body.step.attempt).toBe(2);
  const { deliveries } = await api.list("?event_type=workflow.step.started");
  expect(deliveries.map(({ step_id }) => step_id)).toEqual(["again", "again", "look-up"]);
});

test("each filter gives what fits, repeated ones any of their values, several all of them", async () => {
  const api = await openSeenApi();
  const { workflow, run, call } = await tell(api);
  await tell(api);
  const { deliveries: all } = await api.list("?limit=200");
  const first = all.find((one) => one.event_type === "workflow_created");
  const second = all.find((one) => one.event_type === "status-update");
  await api.attempt(first.id, "failed", "timeout");
  await api.attempt(second.id, "delivered");
  const { deliveries } = await api.list("?limit=200");
  expect(deliveries).toHaveLength(12);
  const byId = (id: string) => (one: Seen) => one.endpoint_id === id;
  const filters: [query: string, fits: (one: Seen) => boolean][] = [
    [`endpoint_id=${api.webhook}`, byId(api.webhook)],
    [
      `endpoint_id=${api.webhook}&endpoint_id=${api.assistant}`,
      (one) => byId(api.webhook)(one) || byId(api.assistant)(one),
    ],
    ["contract=assistant", (one) => one.contract === "assistant"],
    ["contract=assistant&contract=workflow", (one) => one.contract !== "organisation"],
    ["event_type=workflow.started", (one) => one.event_type === "workflow.started"],
    [
      "event_type=workflow.started&event_type=status-update",
      (one) => ["workflow.started", "status-update"].includes(one.event_type),
    ],
    ["status=failed", (one) => one.status === "failed"],
    ["status=failed&status=delivered", (one) => one.status !== "pending"],
    ["status=pending&contract=workflow", (one) => one.status + one.contract === "pendingworkflow"],
    ["error_code=timeout", (one) => one.id === first.id],
    ["error_code=timeout&error_code=http_status", (one) => one.id === first.id],
    ["error_code=dns_error", () => false],
    [`event_id=${first.event_id}`, (one) => one.id === first.id],
    [
      `event_id=${first.event_id}&event_id=${second.event_id}`,
      (one) => [first.id, second.id].includes(one.id),
    ],
    [`event_id=event_${crypto.randomUUID()}`, () => false],
    [`subject_id=${workflow}`, (one) => one.workflow_id === workflow],
    [`subject_id=${run}`, (one) => one.run_id === run],
    [`subject_id=${run}:look-up`, (one) => one.run_id === run && one.step_id === "look-up"],
    [`subject_id=${run}:nothing`, () => false],
    [`subject_id=${call}`, (one) => one.call_id === call],
    [`subject_id=${api.assistant}`, (one) => one.assistant_id === api.assistant],
    [`subject_id=${newId()}`, () => false],
    [
      `subject_id=${run}&contract=workflow`,
      (one) => one.run_id === run && !one.contract.match(/^o/),
    ],
    [`subject_id=${run}&event_id=${first.event_id}`, () => false],
    [`subject_id=${api.assistant}&endpoint_id=${api.webhook}`, () => false],
  ];
  for (const [query, fits] of filters) {
    const found = await api.list(`?limit=200&${query}`);
    const expected = deliveries.filter(fits).map(({ id }) => id);
    expect([query, ...found.deliveries.map(({ id }) => id)]).toEqual([query, ...expected]);
  }
});

test("`from` is included and `to` is not", async () => {
  const api = await openSeenApi();
  await tell(api);
  const { sql } = api.database;
  const [{ id }] = (await api.list("?event_type=workflow_created")).deliveries;
  const at = "2026-11-21T10:30:00.000Z";
  await sql`update events set created_at = ${at}
    where id = (select event_id from deliveries where id = ${id})`;
  const idOfThen = Math.floor(Date.parse(at) / 1000).toString(16) + "0".repeat(16);
  await sql`update deliveries set created_at = ${at}, id = ${idOfThen} where id = ${id}`;
  const count = async (query: string) => (await api.list(`?${query}`)).deliveries.length;
  const later = "2026-11-21T10:30:00.001Z";
  expect(await count(`to=${at}`)).toBe(0);
  expect(await count(`to=${later}`)).toBe(1);
  expect(await count(`from=${at}`)).toBe(6);
  expect(await count(`from=${later}`)).toBe(5);
  expect(await count(`from=${at}&to=${later}`)).toBe(1);
  expect(await count("from=2026-11-21T11:30:00.000%2B01:00")).toBe(6);
});

test.each([
  ...["limit=0", "limit=201", "limit=x", "page=1", "offset=0", "size=5", "nonsense=1"],
  ...["status=done", "status=", "contract=b", "event_type=workflow", "endpoint_id=x"],
  ...["event_id=x", `event_id=${newId()}`, "error_code=No", "subject_id=x", "subject_id="],
  ...[`subject_id=${newId()}:`, "from=yesterday", "to=2026-02-30T00:00:00Z", "cursor=x"],
  ...["from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z", "cursor=", "limit=1&limit=2"],
  ...[`subject_id=${newId()}&subject_id=${newId()}`, "status=failed&status=done"],
  Array.from({ length: 51 }, () => "status=failed").join("&"),
])("%s is refused", async (query) => {
  const api = await openSeenApi();
  const { status, body } = await api.call("GET", `/v1/deliveries?${query}`);
  expect([status, body.code]).toEqual([422, "invalid_request"]);
  expect(body.errors[0].loc).toEqual(["query", expect.any(String), ...body.errors[0].loc.slice(2)]);
});

test("an order and repetition of values that differ are the same filter to a cursor, another filter is not", async () => {
  const api = await openSeenApi();
  await tell(api);
  const { next_cursor: cursor } = await api.list("?limit=1&status=pending&status=failed");
  expect(cursor).not.toBeNull();
  await api.list(`?status=failed&status=pending&status=failed&cursor=${cursor}`);
  for (const other of ["", "status=pending&", "status=failed&status=pending&contract=workflow&"]) {
    const refused = await api.call("GET", `/v1/deliveries?${other}cursor=${cursor}`);
    expect([other, refused.status]).toEqual([other, 422]);
  }
  const { key } = await api.newTeam();
  const asked = { key };
  const foreign = `/v1/deliveries?status=failed&status=pending&cursor=${cursor}`;
  expect((await api.call("GET", foreign, asked)).status).toBe(422);
});

test("a walk gives each delivery once while others are added and ended, and no newer one", async () => {
  const api = await openSeenApi();
  for (let count = 0; count < 4; count++) await tell(api);
  const before = idsOf(await api.list("?limit=200"));
  expect(before).toHaveLength(24);
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page = await api.list(`?limit=5${cursor === "" ? "" : `&cursor=${cursor}`}`);
    seen.push(...page.deliveries.map(({ id }) => id));
    const [last] = seen.slice(-1);
    await api.attempt(last ?? "", "failed");
    await tell(api);
    cursor = page.next_cursor;
  }
  expect([...seen].sort()).toEqual(before);
});

test("a walk through what waits gives what still waits when it is reached, once", async () => {
  const api = await openSeenApi();
  for (let count = 0; count < 4; count++) await tell(api);
  const before = await api.list("?limit=200&status=pending");
  const first = await api.list("?limit=5&status=pending");
  const ended = before.deliveries.slice(7, 10).map(({ id }) => id);
  for (const id of [...ended, ...first.deliveries.map(({ id }) => id)]) {
    await api.attempt(id, "delivered");
  }
  const rest = await api.list(`?limit=200&status=pending&cursor=${first.next_cursor}`);
  const expected = before.deliveries.slice(5).map(({ id }) => id);
  expect(rest.deliveries.map(({ id }) => id)).toEqual(expected.filter((id) => !ended.includes(id)));
});

test("a row that was uncommitted at the first page is newer, although its id is older", async () => {
  const api = await openSeenApi();
  await tell(api);
  const copy = (like: string) => `${"0".repeat(8)}${like.slice(8)}`;
  const [{ id, event_id }] = (await api.list("?limit=1")).deliveries;
  let cursor: string | null = null;
  await api.database.begin(async (tx) => {
    await tx`
      insert into events select (jsonb_populate_record(e, jsonb_build_object(
        'id', gen_random_uuid(), 'created_at', now()))).*
      from events e where id = ${event_id.replace("event_", "")}`;
    await tx`
      insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type)
      select d.team_id, ${copy(id)}, e.id, e.created_at, d.subscription_id, d.event_type
      from deliveries d join events e on e.created_at = now()
      where d.id = ${id}`;
    cursor = (await api.list("?limit=2")).next_cursor;
  });
  const rest = await api.list(`?limit=200&cursor=${cursor}`);
  expect(rest.deliveries).toHaveLength(4);
  expect(rest.deliveries.map((one) => one.id)).not.toContain(copy(id));
  expect((await api.list("?limit=200")).deliveries).toHaveLength(7);

  // What was there is given although it was changed since.
  const { next_cursor: again } = await api.list("?limit=2");
  await api.attempt(copy(id), "failed");
  const later = async () => (await api.list(`?limit=200&cursor=${again}`)).deliveries.length;
  expect(await later()).toBe(5);
  // Its event as well: sealed under another key, or without its payload.
  const { sql } = api.database;
  await sql`update events set payload = payload where id not in (
    select event_id from deliveries where id = ${copy(id)})`;
  expect(await later()).toBe(5);
  await sql`update events set payload = null`;
  await sql`update deliveries set updated_at = now()`;
  expect(await later()).toBe(5);
});

test("an attempt shows request and answer, but no headers of the answer to a key without the scope payload", async () => {
  const api = await openSeenApi();
  await tell(api);
  const [seen] = (await api.list("?event_type=workflow_run_started")).deliveries;
  await api.attempt(seen.id, "delivered");
  const { sql } = api.database;
  const [head, time] = ["11111111-1111-8111-8111-111111111111", "6b49d200"];
  await sql`
    insert into request_heads (team_id, id, headers, used_on)
    values (${api.teamId}, ${head}, '{"authorization":"***","webhook-id":{"fresh":"id"},"webhook-timestamp":{"fresh":"time"},"webhook-signature":{"fresh":"signatures"}}', current_date)`;
  await sql`
    update attempts
    set address = '192.0.2.1', dns_ms = 1, connect_ms = 2, wait_ms = 30, read_ms = 4, request_head_id = ${head},
        request_proof = ${Buffer.concat([Buffer.from(time, "hex"), Buffer.alloc(32)])},
        response_headers = ${"X-Answer: yes\n"}`;
  const shown = {
    address: "192.0.2.1",
    timing: { dns: 1, connect: 2, tls: null, wait: 30, read: 4 },
    request_headers: {
      authorization: "***",
      "webhook-id": seen.event_id,
      "webhook-timestamp": "1800000000",
      "webhook-signature": `v1,${Buffer.alloc(32).toString("base64")}`,
    },
    response_headers: { "x-answer": "yes" },
  };
  const [attempt] = (await api.get(seen.id)).attempts;
  expect(attempt).toMatchObject(shown);
  expect(attempt).not.toHaveProperty("hidden");
  const { key } = await api.newKey({ scopes: ["read"] });
  const [hidden] = (await api.get(seen.id, key)).attempts;
  expect(hidden).toMatchObject({
    ...shown,
    response_headers: null,
    hidden: ["response_body", "response_headers"],
  });
});

test("a delivery is shown with the exact body and its attempts, newest first", async () => {
  const api = await openSeenApi();
  const { workflow } = await tell(api);
  const exact = '{"n": 12345678901234567890, "f":1.0}';
  await api.call("POST", "/workflows/v1/workflow-runs", {
    body: `{"workflow_id":"${workflow}","trigger":"manual","input":${exact}}`,
  });
  const [seen] = (await api.list("?event_type=workflow_run_started")).deliveries;
  await api.attempt(seen.id, "retry", "timeout");
  await api.attempt(seen.id, "delivered");
  const { request, attempts, ...summary } = await api.get(seen.id);
  const [listed] = (await api.list("?event_type=workflow_run_started")).deliveries;
  expect(summary).toEqual(listed);
  expect(request).toEqual({ body: expect.stringContaining(`"input":${exact}`) });
  expect(JSON.parse(request.body).event_id).toBe(seen.event_id);
  const common = {
    at: expect.stringMatching(/\.\d{3}Z$/),
    url: "https://example.com/in",
    address: null,
    request_headers: null,
    response_headers: null,
    response_body: "an answer",
    response_truncated: false,
    timing: null,
    actor: "system",
  };
  const failed = { status_code: 500, error_code: "timeout", error: "The receiver answered 500." };
  const succeeded = { status_code: 200, error_code: null, error: null };
  expect(attempts).toEqual([
    { ...common, ...succeeded, number: 2, duration_ms: 102, will_retry: false },
    { ...common, ...failed, number: 1, duration_ms: 101, will_retry: true },
  ]);
});

test("without the scope `payload` body and answers are null, and `hidden` names them", async () => {
  const api = await openSeenApi();
  await tell(api);
  const [{ id }] = (await api.list("?event_type=status-update")).deliveries;
  await api.attempt(id, "delivered");
  const { key } = await api.newKey({ scopes: ["read"] });
  const hidden = await api.get(id, key);
  expect(hidden.request).toEqual({ body: null, hidden: ["body"] });
  expect(hidden.attempts).toEqual([
    expect.objectContaining({ response_body: null, hidden: ["response_body"] }),
  ]);
  // What is not there is not hidden.
  await api.database.sql`update events set payload = null`;
  await api.database.sql`update attempts set response_body = null`;
  const gone = await api.get(id, key);
  expect([gone.request, "hidden" in gone.attempts[0]]).toEqual([{ body: null }, false]);
  expect((await api.get(id)).request).toEqual({ body: null });
});

test("sealed bodies and answers are opened for a key with the scope `payload`", async () => {
  const api = await openSeenApi();
  const sealed = { encrypt_payloads: true };
  await api.call("PATCH", `/v1/teams/${api.teamId}`, { body: sealed });
  await tell(api);
  const [{ id }] = (await api.list("?event_type=workflow_created")).deliveries;
  const [row] = await api.database.sql<{ first: number }>`
    select get_byte(payload, 0) as first from events e
    join deliveries d on d.event_id = e.id where d.id = ${id}`;
  expect(row?.first).toBe(0);
  expect(JSON.parse((await api.get(id)).request.body).workflow_name).toBe("Onboarding");
});

test("another team finds nothing: neither in the list, nor by an id, nor by a subject", async () => {
  const api = await openSeenApi();
  const { run } = await tell(api);
  const [{ id, event_id }] = (await api.list()).deliveries;
  const { key } = await api.newTeam();
  for (const query of ["", `?event_id=${event_id}`, `?subject_id=${run}`, "?status=pending"]) {
    expect((await api.list(query, key)).deliveries).toEqual([]);
  }
  const unknown = await api.call("GET", `/v1/deliveries/${newId()}`, { key });
  for (const name of [id, "x", event_id]) {
    const { status, body } = await api.call("GET", `/v1/deliveries/${name}`, { key });
    expect([status, { ...body, request_id: "" }]).toEqual([
      404,
      { ...unknown.body, request_id: "" },
    ]);
  }
});
