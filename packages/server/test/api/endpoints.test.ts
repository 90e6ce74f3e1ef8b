import { expect, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { type Received, receive as receiveAny } from "../support/received.ts";
import { openSeenApi, type Seen, type SeenApi } from "../support/seen-deliveries.ts";

type Listed = { endpoints: Seen[]; next_cursor: string | null };

/** A receiver of each contract, of which the first has been told of some runs. */
async function open(runs = 0) {
  const api = await openSeenApi();
  if (runs > 0) {
    const { workflow } = await api.make("/workflows/v1/workflows", { name: "Onboarding" });
    for (let started = 0; started < runs; started++) await api.startRun(workflow.id);
  }
  const read = async (path: string, key = api.key) => {
    const answer = await api.call("GET", `/v1/endpoints${path}`, { key });
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  const told = await api.database.sql<{ id: string; createdAt: Date }>`
    select id, created_at as "createdAt" from deliveries
    where subscription_id = ${api.workflowWebhook} and event_type = 'workflow_run_started' order by id`;
  return {
    api,
    told,
    listed: (query = "", key?: string): Promise<Listed> => read(query, key),
    idsOf: async (query: string, key?: string): Promise<string[]> =>
      (await read(query, key)).endpoints.map(({ id }: Seen) => id),
    one: (id: string) => read(`/${id}`),
    receive: (...received: [at: number, outcome: Received["outcome"]][]) =>
      receiveAny(
        api.database,
        ...received.map(([at, outcome]) => ({ id: told[at]?.id ?? "", outcome })),
      ),
  };
}

const turn = (api: SeenApi, id: string, word: "enable" | "disable", key = api.key) =>
  api.call("POST", `/v1/endpoints/${id}/${word}`, { key });

test("receivers of all contracts are in one list, newest first, each as its own route shows it", async () => {
  const { api, listed, one } = await open();
  const { endpoints, next_cursor } = await listed();
  expect(next_cursor).toBeNull();
  const [assistant, webhook, workflowWebhook] = endpoints;
  expect(workflowWebhook).toEqual({
    id: api.workflowWebhook,
    contract: "workflow",
    name: "a",
    url: "https://example.com/in",
    event_types: ["workflow_created", "workflow_run_started", "workflow_run_completed"],
    enabled: true,
    disabled_reason: null,
    filter: null,
    rate_limit_per_second: null,
    created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    updated_at: workflowWebhook.updated_at,
    health: {
      state: "idle",
      since: workflowWebhook.created_at,
      last_success_at: null,
      last_failure_at: null,
      last_error_code: null,
      success_rate_1h: null,
      p95_ms_1h: null,
      pending: 0,
      oldest_due_at: null,
      breaker: "closed",
      next_probe_at: null,
      last_failing: null,
    },
  });
  expect(webhook).toMatchObject({ id: api.webhook, contract: "organisation", name: "b" });
  expect(assistant).toMatchObject({ id: api.assistant, contract: "assistant", name: "c" });
  for (const endpoint of endpoints) expect(await one(endpoint.id)).toEqual(endpoint);
});

test("an assistant without a server's URL is no endpoint, and one without messages cannot be enabled", async () => {
  const { api, idsOf } = await open();
  const { id } = await api.make("/assistants/v1/assistants", { name: "without" });
  expect(await idsOf("")).not.toContain(id);
  expect((await api.call("GET", `/v1/endpoints/${id}`)).status).toBe(404);
  expect((await turn(api, id, "enable")).status).toBe(404);
  await api.call("PATCH", `/assistants/v1/assistants/${id}`, {
    body: { assistantServer: { url: "https://example.com/later" } },
  });
  expect(await idsOf("?state=disabled")).toEqual([id]);
  const refused = await turn(api, id, "enable");
  expect([refused.status, refused.body.code]).toEqual([409, "endpoint_incomplete"]);
});

test("each filter gives what fits, repeated ones any of their values, several all of them", async () => {
  const { api, told, idsOf, receive } = await open(4);
  const { workflowWebhook, webhook, assistant } = api;
  await receive([0, "failed"], [1, "failed"], [2, "failed"]);
  const second = (
    await api.make("/webhooks", {
      name: "Healthy 100%",
      url: "https://example.com/Second",
      events: ["workflow.started"],
    })
  ).id;
  await api.startRun((await api.make("/workflows/v1/workflows", { name: "w" })).workflow.id);
  const [delivery] = await api.database.sql<{ id: string }>`
    select id from deliveries where subscription_id = ${second}`;
  await receiveAny(api.database, { id: delivery?.id ?? "", outcome: "delivered" });
  await turn(api, assistant, "disable");
  expect(told.length).toBe(4);
  const newestFirst = [second, assistant, webhook, workflowWebhook];
  for (const [query, expected] of [
    ["", newestFirst],
    ["?contract=workflow", [workflowWebhook]],
    ["?contract=organisation", [second, webhook]],
    ["?contract=assistant&contract=workflow", [assistant, workflowWebhook]],
    ["?contract=operational", []],
    ["?state=failing", [workflowWebhook]],
    ["?state=disabled", [assistant]],
    ["?state=idle", [webhook]],
    ["?state=healthy", [second]],
    ["?state=healthy&state=idle", [second, webhook]],
    ["?state=failing&contract=organisation", []],
    ["?search=second", [second]],
    ["?search=100%25", [second]],
    ["?search=example.com/in", [assistant, webhook, workflowWebhook]],
    ["?search=nothing", []],
  ] as const) {
    expect([query, await idsOf(query)]).toEqual([query, expected]);
  }
});

test("the health of an endpoint shows the results of its attempts, since when it fails, and how many deliveries wait", async () => {
  const { api, told, one, receive } = await open(6);
  await receive([0, "delivered"]);
  await receive([1, "failed"], [2, "failed"]);
  await receive([3, "failed"]);
  const { health } = await one(api.workflowWebhook);
  expect(health).toMatchObject({
    state: "failing",
    since: told[1]?.createdAt.toISOString(),
    last_error_code: "timeout",
    success_rate_1h: 0.25,
    p95_ms_1h: expect.toSatisfy((ms) => ms >= 4 && ms <= 6),
    // Two runs that were started and their workflow that was created are waiting.
    pending: 3,
    last_failing: null,
  });
  expect(Date.parse(health.last_failure_at)).toBeGreaterThanOrEqual(
    Date.parse(health.last_success_at),
  );
  const [oldest] = await api.database.sql<{ due: Date }>`
    select min(due_at) as due from deliveries
    where subscription_id = ${api.workflowWebhook} and finished_at is null`;
  expect(health.oldest_due_at).toBe(oldest?.due.toISOString());

  await receive([4, "delivered"]);
  const recovered = (await one(api.workflowWebhook)).health;
  expect(recovered).toMatchObject({ state: "healthy", success_rate_1h: 0.4, pending: 2 });
  expect(recovered.last_failing).toEqual({ from: health.since, to: recovered.last_success_at });
  expect(recovered.since).toBe(recovered.last_success_at);
});

test("a replay of the failed deliveries since then would miss none of them", async () => {
  const { api, told, one, receive } = await open(5);
  await receive([3, "failed"], [1, "failed"]);
  await receive([4, "failed"], [2, "retry"]);
  const { since } = (await one(api.workflowWebhook)).health;
  const { deliveries } = await api.list(
    `?endpoint_id=${api.workflowWebhook}&status=failed&from=${since}`,
  );
  expect(deliveries.map(({ id }) => id)).toEqual([told[4]?.id, told[3]?.id, told[1]?.id]);
});

test("an endpoint of any contract is disabled and enabled, however often it is asked, and its own route shows it", async () => {
  const { api, one } = await open();
  const own: [id: string, shown: () => Promise<unknown>][] = [
    [
      api.workflowWebhook,
      async () => {
        const path = `/workflows/v1/workflow-webhooks/${api.workflowWebhook}`;
        const { enabled, disabled_reason } = (await api.call("GET", path)).body;
        return [enabled, disabled_reason];
      },
    ],
    [
      api.webhook,
      async () => {
        const { is_active } = (await api.call("GET", `/webhooks/${api.webhook}`)).body;
        return [is_active, is_active ? null : "manual"];
      },
    ],
    [
      api.assistant,
      async () => {
        const path = `/assistants/v1/assistants/${api.assistant}`;
        const { enabled } = (await api.call("GET", path)).body.assistantServer;
        return [enabled, enabled ? null : "manual"];
      },
    ],
  ];
  for (const [id, shown] of own) {
    for (const word of ["disable", "disable", "enable", "enable"] as const) {
      const answer = await turn(api, id, word);
      expect(answer.status, answer.text).toBe(200);
      const expected = word === "enable" ? [true, null] : [false, "manual"];
      expect([answer.body.enabled, answer.body.disabled_reason]).toEqual(expected);
      expect(await shown()).toEqual(expected);
      expect(answer.body).toEqual(await one(id));
    }
    const { entries } = (await api.call("GET", `/v1/audit?subject=${id}&action=endpoint.disabled`))
      .body;
    expect(entries).toHaveLength(2);
  }
});

test("a person who disables or enables an endpoint that the service disabled removes the service's reason", async () => {
  const { api, one } = await open();
  for (const id of [api.workflowWebhook, api.webhook, api.assistant]) {
    const byService = () => api.database.sql`
      update subscriptions set enabled = false, disabled_reason = 'failing' where id = ${id}`;
    await byService();
    expect(await one(id)).toMatchObject({
      disabled_reason: "failing",
      health: { state: "disabled" },
    });
    expect((await turn(api, id, "disable")).body.disabled_reason).toBe("manual");
    await byService();
    expect((await turn(api, id, "enable")).body.disabled_reason).toBeNull();
  }
});

test("a disabled endpoint is so since it was disabled, and asking again does not change that", async () => {
  const { api, one } = await open();
  for (const id of [api.workflowWebhook, api.webhook, api.assistant]) {
    const { since } = (await turn(api, id, "disable")).body.health;
    expect(Date.parse(since)).toBeGreaterThan(Date.parse((await one(id)).created_at));
    expect((await turn(api, id, "disable")).body.health.since).toBe(since);
  }
});

test("a deleted endpoint is not there, and another team's is neither", async () => {
  const { api, idsOf } = await open();
  const other = await api.newTeam();
  expect(await idsOf("", other.key)).toEqual([]);
  await api.call("DELETE", `/webhooks/${api.webhook}`);
  await api.call("DELETE", `/assistants/v1/assistants/${api.assistant}`);
  expect(await idsOf("")).toEqual([api.workflowWebhook]);
  for (const [id, key] of [
    [api.webhook, api.key],
    [api.assistant, api.key],
    [api.workflowWebhook, other.key],
    [newId(), api.key],
  ] as const) {
    const answers = [
      await api.call("GET", `/v1/endpoints/${id}`, { key }),
      await turn(api, id, "enable", key),
      await turn(api, id, "disable", key),
    ];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [404, "not_found"],
      [404, "not_found"],
      [404, "not_found"],
    ]);
  }
});

test("waiting deliveries are counted up to 200 in a list and up to 10,000 for one endpoint, and larger numbers are marked as such", async () => {
  const { api, one, listed } = await open();
  const add = (count: number) => api.database.sql`
    insert into deliveries (team_id, id, event_id, subscription_id, event_type)
    select ${api.teamId}, left(md5(random()::text), 24), gen_random_uuid(), ${api.webhook}, 'workflow.started'
    from generate_series(1, ${count}::int)`;
  const told = ({ health }: Seen) => [health.pending, health.pending_is_estimate];
  const inList = async () => told((await listed("?contract=organisation")).endpoints[0]);
  await add(200);
  expect(await inList()).toEqual([200, undefined]);
  await add(1);
  expect(await inList()).toEqual([200, true]);
  expect(told(await one(api.webhook))).toEqual([201, undefined]);
  await add(9_800);
  expect(told(await one(api.webhook))).toEqual([10_000, true]);
});

test.each([
  ["state=broken", "state"],
  ["contract=none", "contract"],
  ["page=1", "page"],
  ["limit=201", "limit"],
  ["cursor=abc", "cursor"],
])("%s is a 422 that says what is wrong", async (query, told) => {
  const { api } = await open();
  const answer = await api.call("GET", `/v1/endpoints?${query}`);
  expect([answer.status, answer.body.code]).toEqual([422, "invalid_request"]);
  expect(answer.body.detail).toContain(told);
});
