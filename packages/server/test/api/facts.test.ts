import { expect, onTestFinished, test } from "vitest";
import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { openApp } from "../../src/api/app.ts";
import type { TeamDatabase } from "../../src/db/sql.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { newCallId, newId } from "../../src/ids.ts";
import { openTestApi } from "../support/api.ts";
import { plainVault } from "../support/vault.ts";

type Result = {
  index: number;
  status: string;
  id: string | null;
  error?: {
    code: string;
    title: string;
    detail: string;
    errors?: { loc: unknown[]; msg: string }[];
  };
};

/** What one process records facts with; nothing is dispatched. */
function intake(database: TeamDatabase) {
  const facts = openRecordFacts({
    database,
    contracts: [workflowWebhooks, organisationWebhooks, assistantMessages],
    hotPath: { reserve: () => false, cancel: () => {}, accept: () => {}, leftInTable: () => {} },
    vault: plainVault,
    waitingMax: 5_000,
    onUnwanted: () => {},
  });
  return { recordFacts: facts.record, recordAllFacts: facts.recordAll };
}

async function setup() {
  const api = await openTestApi({ deps: intake });
  onTestFinished(() => api.close());
  const subscribed = await api.call("POST", "/workflows/v1/workflow-webhooks", {
    body: {
      name: "all",
      url: "https://receiver.example/hook",
      actions: [
        ...["workflow_created", "workflow_updated", "workflow_deleted"],
        ...["workflow_run_started", "workflow_run_completed"],
      ],
    },
  });
  expect(subscribed.status).toBe(201);

  const send = (body: unknown, mediaType = "application/json", key = api.key) =>
    api.call("POST", "/v1/facts", { body, key, headers: { "content-type": mediaType } });
  const report = async (...facts: unknown[]): Promise<Result[]> => {
    const answer = await send({ facts });
    expect(answer.status, answer.text).toBe(200);
    return answer.body.results;
  };
  const events = () => api.database.sql<{ dedupe_key: string; payload: Buffer }>`
    select dedupe_key, payload from events order by created_at, id`;
  const workflow = async (): Promise<string> => {
    const [made] = await report({ type: "workflow.created", data: { name: "Intake" } });
    expect(made?.status).toBe("recorded");
    return made?.id ?? "";
  };
  return { ...api, send, report, events, workflow };
}

const batch = "application/cloudevents-batch+json";
const single = "application/cloudevents+json";
const cloudEvent = (id: string, more: object = {}) => ({
  specversion: "1.0",
  id,
  source: "/platform/eu-1",
  type: "workflow.created",
  time: "2026-11-20T10:30:00Z",
  datacontenttype: "application/json",
  data: { name: id },
  ...more,
});
const statuses = (results: Result[]) => results.map(({ status }) => status);

test("every type of fact can be reported in one request, each building on the ones before it", async () => {
  const api = await setup();
  const [workflowId, runId, assistantId] = [newId(), newId(), newId()];
  const callId = newCallId("web");
  await api.database.sql`
    insert into assistants (team_id, id, name, hang_timeout_seconds, document, created_by, updated_by)
    values (${api.teamId}, ${assistantId}, 'a', 5, ${Buffer.from("{}")}, 'system', 'system')`;
  const step = { run_id: runId, step_id: "s-1" };
  const results = await api.report(
    { type: "workflow.created", data: { _id: workflowId, name: "Intake" } },
    { type: "workflow.updated", data: { workflow_id: workflowId, description: "d" } },
    { type: "workflow.version_created", data: { workflow_id: workflowId, version_name: "two" } },
    { type: "workflow.version_activated", data: { workflow_id: workflowId, version_number: 2 } },
    {
      type: "run.started",
      data: { _id: runId, workflow_id: workflowId, trigger: "manual", input: {} },
    },
    { type: "step.started", data: { ...step, name: "first", index: 0 } },
    { type: "step.completed", data: { ...step, status: "completed", output: [1] } },
    { type: "step.failed", data: { run_id: runId, step_id: "s-2", error: "no" } },
    { type: "run.updated", data: { run_id: runId, status: "completed", output: { ok: true } } },
    {
      type: "call.created",
      data: { id: callId, assistantId, callType: "web", direction: "inbound" },
    },
    { type: "call.status", data: { call_id: callId, status: "ongoing" } },
    { type: "call.message", data: { call_id: callId, role: "user", text: "hello" } },
    { type: "call.error", data: { call_id: callId, type: "llm_error", message: "late" } },
    { type: "call.ended", data: { call_id: callId, assistantCallDuration: 1200 } },
    { type: "workflow.deleted", data: { workflow_id: workflowId } },
  );
  expect(results.map(({ error }) => error?.detail)).toEqual(Array(15).fill(undefined));
  expect(results.map(({ index }) => index)).toEqual([...Array(15).keys()]);
  const ids = results.map(({ id }) => id);
  expect(ids[0]).toBe(workflowId);
  expect(ids[2]).toMatch(/^[0-9a-f]{24}$/);
  expect(ids.slice(4, 15)).toEqual([
    ...[runId, "s-1", "s-1", "s-2", runId],
    ...[callId, callId, callId, callId, callId, workflowId],
  ]);
  expect((await api.events()).map(({ dedupe_key }) => dedupe_key.split(":")[0]).sort()).toEqual([
    ...["workflow_created", "workflow_deleted", "workflow_run_completed", "workflow_run_started"],
    ...["workflow_updated", "workflow_updated"],
  ]);
});

test("a thousand facts, some of them impossible: the rest are recorded, the results are in order, the refused leave nothing", async () => {
  const api = await setup();
  const workflowId = await api.workflow();
  const facts = Array.from({ length: 1_000 }, (_, i) => {
    const data = { _id: newId(), workflow_id: workflowId, trigger: "manual" };
    if (i % 10 === 3) return { type: "run.updated", data: { run_id: newId(), status: "failed" } };
    if (i % 10 === 6) return { type: "run.started", data: { ...data, trigger: "by magic" } };
    if (i % 10 === 9) return { type: "run.vanished", data };
    return { type: "run.started", data };
  });
  const results = await api.report(...facts);
  const codes = ["recorded", "not_found", "invalid_request", "invalid_request"];
  expect(results).toHaveLength(1_000);
  for (const { index, status, id, error } of results) {
    const kind = [3, 6, 9].indexOf(index % 10) + 1;
    expect(error?.code ?? status).toBe(codes[kind]);
    if (kind === 0) expect(facts[index]?.data).toMatchObject({ _id: id });
    else expect(id).toBeNull();
  }
  const [runs] = await api.database.sql`select count(*)::int as count from runs`;
  expect(runs).toEqual({ count: 700 });
  expect(await api.events()).toHaveLength(701);
  expect(results[6]?.error?.errors).toEqual([
    {
      loc: ["body", "facts", 6, "data", "trigger"],
      msg: "must be one of manual, scheduled, triggered",
      type: "choice",
    },
  ]);
  expect(results[9]?.error?.errors?.[0]?.loc).toEqual(["body", "facts", 9, "type"]);
});

test("what is wrong with one fact is told of that fact alone", async () => {
  const api = await setup();
  const data = { name: "n" };
  const results = await api.report(
    null,
    { type: "workflow.created" },
    { type: "workflow.created", data, extra: 1 },
    { type: "workflow.created", data, id: "" },
    { type: "workflow.created", data, id: "x".repeat(256) },
    { type: "workflow.created", data, id: "two\nlines" },
    { type: "workflow.created", data, occurred_at: "2026-02-30T00:00:00Z" },
    { type: "workflow.created", data: { ...data, occurred_at: "2026-02-30T00:00:00Z" } },
    { type: "workflow.created", data: { ...data, nam: "n" } },
    { type: "workflow.updated", data: { workflow_id: newId() } },
    { type: "workflow.updated", data: { name: "n" } },
    { type: "step.completed", data: { run_id: newId(), step_id: "s", status: "failed" } },
    { type: "toString", data },
    { type: "workflow.created", data },
  );
  expect(results.map(({ error }) => error?.errors?.[0]?.loc.slice(3).join(".") ?? "none")).toEqual([
    ...["", "data", "extra", "id", "id", "id", "occurred_at", "data.occurred_at"],
    ...["data.nam", "data", "data.workflow_id", "data.status", "type", "none"],
  ]);
  for (const { error } of results.slice(0, -1)) expect(error?.code).toBe("invalid_request");
  expect(statuses(results).filter((status) => status === "recorded")).toHaveLength(1);
  expect(await api.events()).toHaveLength(1);
});

test("the same fact sent a thousand times at once, over two processes, is one event", async () => {
  const api = await setup();
  const second = await openApp({ ...api.deps, ...intake(api.deps.database) });
  onTestFinished(() => second.close());
  const body = { facts: [{ type: "workflow.created", id: "fact-1", data: { name: "Once" } }] };
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, async (_, i) => {
      if (i % 2 === 0) return (await api.send(body)).body;
      const headers = { authorization: `Bearer ${api.key}` };
      const options = { method: "POST", url: "/v1/facts", headers, payload: body } as const;
      return (await second.inject(options)).json();
    }),
  );
  expect(answers.filter(({ results }) => !results)).toEqual([]);
  const all: Result[] = answers.flatMap(({ results }) => results);
  expect(all.filter(({ status }) => status === "recorded")).toHaveLength(1);
  expect(all.filter(({ status }) => status === "repeated")).toHaveLength(999);
  expect(new Set(all.map(({ id }) => id)).size).toBe(1);
  expect(await api.events()).toHaveLength(1);
});

test("CloudEvents are one fact for each source and id, within a batch, across batches and over two processes", async () => {
  const api = await setup();
  const second = await openApp({ ...api.deps, ...intake(api.deps.database) });
  onTestFinished(() => second.close());
  const first = await api.send([cloudEvent("a"), cloudEvent("b"), cloudEvent("a")], batch);
  expect(first.status, first.text).toBe(200);
  const results: Result[] = first.body.results;
  expect(statuses(results)).toEqual(["recorded", "recorded", "repeated"]);
  expect(results[2]?.id).toBe(results[0]?.id);

  const again = await second.inject({
    method: "POST",
    url: "/v1/facts",
    headers: { authorization: `Bearer ${api.key}`, "content-type": batch },
    payload: JSON.stringify([
      cloudEvent("b"),
      cloudEvent("b", { source: "/platform/us-1" }),
      cloudEvent("c"),
    ]),
  });
  const later: Result[] = again.json().results;
  expect(statuses(later)).toEqual(["repeated", "recorded", "recorded"]);
  expect(later[0]?.id).toBe(results[1]?.id);
  expect(later[1]?.id).not.toBe(results[1]?.id);

  const one = await api.send(cloudEvent("d"), `${single}; charset=utf-8`);
  expect(statuses(one.body.results)).toEqual(["recorded"]);
  expect(statuses((await api.send(cloudEvent("d"), single)).body.results)).toEqual(["repeated"]);
  expect(await api.events()).toHaveLength(5);

  // The same words in a plain fact, or from another team, are another fact.
  expect(
    statuses(await api.report({ type: "workflow.created", id: "d", data: { name: "d" } })),
  ).toEqual(["recorded"]);
  const other = await api.newTeam();
  const theirs = await api.send(cloudEvent("d"), single, other.key);
  expect(statuses(theirs.body.results)).toEqual(["recorded"]);
});

test("a CloudEvent keeps its time, and its extensions do not matter", async () => {
  const api = await setup();
  const workflowId = await api.workflow();
  const event = cloudEvent("r", {
    type: "run.started",
    data: { workflow_id: workflowId, trigger: "manual", occurred_at: "2020-01-01T00:00:00Z" },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    subject: "runs/1",
    dataschema: null,
    datacontenttype: null,
  });
  const [result] = (await api.send(event, single)).body.results as Result[];
  expect(result?.error).toBeUndefined();
  const run = await api.call("GET", `/workflows/v1/workflow-runs/${result?.id}`);
  expect(run.body.run.started_at).toBe("2026-11-20T10:30:00.000Z");
  // Its id begins with the seconds of that time.
  expect(Number.parseInt(result?.id?.slice(0, 8) ?? "", 16)).toBe(
    Date.parse("2026-11-20T10:30:00Z") / 1_000,
  );
});

test("a CloudEvent that is none is refused alone", async () => {
  const api = await setup();
  const { data: _, ...withoutData } = cloudEvent("x");
  const wrong = [
    cloudEvent("x", { specversion: "0.3" }),
    cloudEvent("", {}),
    cloudEvent("x", { source: "" }),
    cloudEvent("x", { source: "s".repeat(256) }),
    cloudEvent("x", { type: "com.example.other" }),
    cloudEvent("x", { time: "yesterday" }),
    cloudEvent("x", { time: "2026-02-30T00:00:00Z" }),
    cloudEvent("x", { datacontenttype: "application/xml" }),
    cloudEvent("x", { data: "text" }),
    cloudEvent("x", { data_base64: "e30=" }),
    withoutData,
    { ...withoutData, data_base64: "e30=" },
    [],
  ];
  const { body } = await api.send([...wrong, cloudEvent("fine")], batch);
  const results: Result[] = body.results;
  expect(statuses(results)).toEqual([...wrong.map(() => "refused"), "recorded"]);
  expect(results[0]?.error?.errors?.[0]?.loc).toEqual(["body", 0, "specversion"]);
  expect(results[6]?.error?.errors?.[0]?.loc).toEqual(["body", 6, "time"]);
  const alone = await api.send(cloudEvent("x", { data: { nam: 1 } }), single);
  expect(alone.body.results[0].error.errors[0].loc).toEqual(["body", "data", "name"]);
  expect(await api.events()).toHaveLength(1);
});

test("a refused fact does not use up its identity", async () => {
  const api = await setup();
  const runId = newId();
  const end = { type: "run.updated", id: "end", data: { run_id: runId, status: "completed" } };
  expect((await api.report(end, end)).map(({ error }) => error?.code)).toEqual([
    "not_found",
    "not_found",
  ]);
  const workflow_id = await api.workflow();
  const begin = { type: "run.started", data: { _id: runId, workflow_id, trigger: "manual" } };
  expect(statuses(await api.report(begin, end, end))).toEqual(["recorded", "recorded", "repeated"]);
});

test("a fact told again under its identity changes nothing, even where another one like it would", async () => {
  const api = await setup();
  const workflow_id = await api.workflow();
  const [run] = await api.report({ type: "run.started", data: { workflow_id, trigger: "manual" } });
  const tell = async (id: string, status: string) => {
    const event = cloudEvent(id, { type: "run.updated", data: { run_id: run?.id, status } });
    return statuses((await api.send(event, single)).body.results)[0];
  };
  const status = async () =>
    (await api.call("GET", `/workflows/v1/workflow-runs/${run?.id}`)).body.run.status;
  expect([await tell("1", "running"), await tell("2", "paused")]).toEqual(["recorded", "recorded"]);
  expect(await tell("1", "running")).toBe("repeated");
  expect(await status()).toBe("paused");
  expect(await tell("3", "running")).toBe("recorded");
  expect(await status()).toBe("running");
});

test("what is free in form keeps every byte of its JSON, in each form of the body", async () => {
  const api = await setup();
  const workflowId = await api.workflow();
  const exact = '{"n":12345678901234567890,"f":1.0,"10":[ 1e400 , "]},{\\"" ],"2":null}';
  const data = `{"workflow_id":"${workflowId}","trigger":"manual","input": ${exact} }`;
  const plain = `{"facts":[ {"type":"run.started","data":${data}} , {"data":${data},"type":"run.started"}]}`;
  const event = (id: string) =>
    `{"specversion":"1.0","id":"${id}","source":"s","type":"run.started","data":${data}}`;
  for (const [body, mediaType] of [
    [plain, "application/json"],
    [event("1"), single],
    [` [ ${event("2")} , ${event("3")}]`, batch],
  ] as const) {
    const answer = await api.send(body, mediaType);
    expect(answer.status, answer.text).toBe(200);
    for (const { id } of answer.body.results) {
      const run = await api.call("GET", `/workflows/v1/workflow-runs/${id}`);
      expect(run.text).toContain(`"input":${exact}`);
    }
  }
});

test("a body that is no list of facts is refused as a whole", async () => {
  const api = await setup();
  const fact = { type: "workflow.created", data: { name: "n" } };
  const many = Array.from({ length: 1_001 }, () => fact);
  const twice = '{"type":"workflow.created","data":{"name":"n","name":"m"}}';
  const deep = `{"type":"workflow.created","data":{"name":"n","settings":{"a":${"[".repeat(64)}${"]".repeat(64)}}}}`;
  const large = { ...fact, data: { name: "n", settings: { a: "x".repeat(1024 * 1024) } } };
  for (const [body, mediaType, status] of [
    [{}, "application/json", 422],
    [undefined, "application/json", 422],
    [{ facts: [] }, "application/json", 422],
    [{ facts: fact }, "application/json", 422],
    [{ facts: many }, "application/json", 422],
    [{ facts: [fact], more: 1 }, "application/json", 422],
    [[fact], "application/json", 400],
    [`{"facts":[${JSON.stringify(fact)},${twice}]}`, "application/json", 400],
    [`{"facts":[${deep}]}`, "application/json", 400],
    [{ facts: [large] }, "application/json", 413],
    [[], batch, 422],
    [{}, batch, 422],
    [[cloudEvent("a")], single, 400],
    ['[{"a":1,"a":2}]', batch, 400],
    [cloudEvent("a"), "text/plain", 415],
  ] as const) {
    const answer = await api.send(body, mediaType);
    expect(answer.status, `${JSON.stringify(body)?.slice(0, 80)} ${answer.text}`).toBe(status);
  }
  const almost = { ...fact, data: { name: "n", settings: { a: "x".repeat(900 * 1024) } } };
  expect(statuses(await api.report(almost))).toEqual(["recorded"]);
  expect(await api.events()).toHaveLength(1);
});

test("only this route takes CloudEvents, and only with the scope publish", async () => {
  const api = await setup();
  const elsewhere = await api.call("POST", "/workflows/v1/workflows", {
    body: { name: "n" },
    headers: { "content-type": single },
  });
  expect(elsewhere.status).toBe(415);
  const { key } = await api.newKey({ scopes: ["read", "write", "payload", "admin"] });
  expect((await api.send(cloudEvent("a"), single, key)).status).toBe(403);
});

test("another team's subjects are as unknown as those that do not exist", async () => {
  const api = await setup();
  const other = await api.newTeam();
  const workflowId = await api.workflow();
  const details = await Promise.all(
    [workflowId, newId()].map(async (workflow_id) => {
      const facts = [{ type: "workflow.updated", data: { workflow_id, name: "mine" } }];
      const { body } = await api.send({ facts }, "application/json", other.key);
      return JSON.stringify(body.results[0].error).replace(workflow_id, "");
    }),
  );
  expect(details[0]).toBe(details[1]);
  expect(details[0]).toContain("not_found");
});

test("facts without an identity are done once under an Idempotency-Key", async () => {
  const api = await setup();
  const body = { facts: [{ type: "workflow.created", data: { name: "n" } }] };
  const send = () =>
    api.call("POST", "/v1/facts", { body, headers: { "idempotency-key": "bulk-1" } });
  const first = await send();
  await api.database.sql`
    update idempotency_keys set status_code = null, sealed_response = null, in_flight_until = now()`;
  const [result] = (await send()).body.results as Result[];
  expect(result).toEqual({ index: 0, status: "repeated", id: first.body.results[0].id });
  expect(await api.events()).toHaveLength(1);
});
