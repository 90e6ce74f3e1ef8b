import { expect, onTestFinished, test } from "vitest";
import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { openApp } from "../../src/api/app.ts";
import type { TeamDatabase } from "../../src/db/pool.ts";
import { allContracts } from "../../src/domain/contracts/all-contracts.ts";
import { newCallId, newId } from "../../src/ids.ts";
import { openTestApi } from "../support/api.ts";
import { notSent } from "../support/not-sent.ts";
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
    contracts: allContracts,
    hotPath: notSent(),
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
      url: "https://receiver.example.com/hook",
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
  /** Every row of what facts change. */
  const dump = () => api.database.sql`
    select (select jsonb_agg(to_jsonb(w) order by id) from workflows w) as workflows,
           (select jsonb_agg(to_jsonb(r) order by id) from runs r) as runs,
           (select jsonb_agg(to_jsonb(s) order by id) from steps s) as steps,
           (select count(*)::int from deliveries) as deliveries`;
  return { ...api, send, report, events, workflow, dump };
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

test("a fault of one fact is reported only for that fact", async () => {
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

test("a fact repeated under its identity changes nothing, even where a new fact like it would", async () => {
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

test("free-form members keep every byte of their JSON, in each form of the body", async () => {
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

const different = (results: Result[]) =>
  results.map(({ error }) => [error?.code, ...(error?.errors ?? []).map(({ loc }) => loc.at(-1))]);

test("a fact's identity names one fact: another type, subject, content or time under it is refused, with the names of its members", async () => {
  const api = await setup();
  const workflow_id = await api.workflow();
  const id = newId();
  const data = { _id: id, workflow_id, trigger: "manual", input: { a: 1, b: [2] } };
  const fact = { type: "run.started", id: "one", occurred_at: "2026-11-20T10:30:00Z", data };
  expect(statuses(await api.report(fact))).toEqual(["recorded"]);
  const before = await api.dump();

  const { occurred_at: _, ...untimed } = fact;
  const { input, trigger, ...fewer } = data;
  for (const repeat of [
    fact,
    untimed,
    { ...fact, occurred_at: "2026-11-20T11:30:00.000+01:00" },
    { ...untimed, data: { ...data, occurred_at: "2026-11-20T10:30:00Z" } },
    { ...fact, data: { trigger, input: { b: [2.0], a: 1 }, workflow_id, _id: id } },
    { ...fact, data: { ...fewer, trigger } },
  ]) {
    expect(await api.report(repeat)).toEqual([{ index: 0, status: "repeated", id }]);
  }

  const other = newId();
  const step = { run_id: id, step_id: "s" };
  expect(
    different(
      await api.report(
        { ...fact, data: { ...data, input: { a: 1, b: [3] } } },
        { ...fact, data: { ...data, _id: other, timeout_seconds: 60 } },
        { ...fact, data: { ...data, timeout_seconds: null } },
        { ...fact, occurred_at: "2026-11-20T10:30:00.001Z" },
        { type: "step.started", id: "one", data: step },
        { type: "workflow.created", id: "one", data: { name: "Intake" } },
      ),
    ),
  ).toEqual([
    ["reported_differently", "input"],
    ["reported_differently", "_id", "timeout_seconds"],
    ["reported_differently", "timeout_seconds"],
    ["reported_differently", "occurred_at"],
    ["reported_differently", "type", "run_id", "step_id"],
    ["reported_differently", "type", "name"],
  ]);
  expect(await api.dump()).toEqual(before);
  const [, refused] = await api.report(
    { type: "workflow.created", data: { name: "n" } },
    { ...fact, data: { ...data, trigger: "scheduled" } },
  );
  expect(refused?.error).toMatchObject({
    detail:
      "This id was reported before with different content. These members differ: data.trigger.",
    errors: [{ loc: ["body", "facts", 1, "data", "trigger"] }],
  });
});

test("the same holds within one request, and a refused fact does not use its identity", async () => {
  const api = await setup();
  const made = (name: string) => ({ type: "workflow.created", id: "one", data: { name } });
  const results = await api.report(
    { ...made("A"), data: { name: "" } },
    made("A"),
    made("B"),
    made("A"),
  );
  expect(statuses(results)).toEqual(["refused", "recorded", "refused", "repeated"]);
  expect(different(results)[2]).toEqual(["reported_differently", "name"]);
  expect(results[3]?.id).toBe(results[1]?.id);
  expect(await api.events()).toHaveLength(1);
});

test("of two different facts with one identity in two processes, one is recorded and the other refused", async () => {
  const api = await setup();
  const second = await openApp({ ...api.deps, ...intake(api.deps.database) });
  onTestFinished(() => second.close());
  for (let round = 0; round < 10; round++) {
    const body = (name: string) => ({
      facts: [{ type: "workflow.created", id: `round-${round}`, data: { name } }],
    });
    const [here, there] = await Promise.all([
      api.send(body("here")),
      second.inject({
        method: "POST",
        url: "/v1/facts",
        headers: { authorization: `Bearer ${api.key}` },
        payload: body("there"),
      }),
    ]);
    const results: Result[] = [here.body.results[0], there.json().results[0]];
    expect(statuses(results).sort()).toEqual(["recorded", "refused"]);
    expect(different(results.filter(({ error }) => error))).toEqual([
      ["reported_differently", "name"],
    ]);
  }
  expect(await api.events()).toHaveLength(10);
});

test("a repeat without its time names the subject that the first one made", async () => {
  const api = await setup();
  const timed = cloudEvent("timed");
  const { time: _, ...untimed } = timed;
  const [first] = (await api.send(timed, single)).body.results;
  expect((await api.send(untimed, single)).body.results).toEqual([
    { index: 0, status: "repeated", id: first.id },
  ]);
});

test("an identity that an older version recorded is repeated by whatever comes under it", async () => {
  const api = await setup();
  await api.report({ type: "workflow.created", id: "old", data: { name: "A" } });
  await api.database.sql`update fact_identities set content = null, subject_id = null`;
  const again = await api.report({ type: "workflow.created", id: "old", data: { name: "B" } });
  expect(statuses(again)).toEqual(["repeated"]);
});

test("the database stores neither a fact's identity nor its content", async () => {
  const api = await setup();
  const words = "a rather private sentence";
  await api.report({
    type: "workflow.created",
    id: words,
    data: { name: "n", description: words },
  });
  await api.report({
    type: "workflow.created",
    id: `${words}!`,
    data: { name: "n", description: words },
  });
  const rows = await api.database.sql<{ content: Buffer; row: string }>`
    select content, f::text as row from fact_identities f`;
  expect(rows).toHaveLength(2);
  for (const { row } of rows) expect(row).not.toContain(words);
  // Two facts that say the same have nothing in common there.
  const digests = rows.flatMap(({ content }) => content.toString("hex").match(/.{16}/g));
  expect(new Set(digests).size).toBe(digests.length);
  expect(digests).toHaveLength(2 * 3);
});

test("a refused single CloudEvent is answered with its refusal, a list of one with a result", async () => {
  const api = await setup();
  const wrong = cloudEvent("x", { data: { nam: 1 } });
  const alone = await api.send(wrong, single);
  expect(alone.status).toBe(422);
  expect(alone.body).toMatchObject({ status: 422, code: "invalid_request" });
  expect(alone.body.errors.map(({ loc }: { loc: unknown }) => loc)).toContainEqual([
    ...["body", "data", "name"],
  ]);
  expect(statuses((await api.send([wrong], batch)).body.results)).toEqual(["refused"]);

  const unknown = { type: "run.updated", data: { run_id: newId(), status: "completed" } };
  expect((await api.send(cloudEvent("x", unknown), single)).status).toBe(404);
  const recorded = await api.send(cloudEvent("x"), single);
  expect([recorded.status, statuses(recorded.body.results)]).toEqual([200, ["recorded"]]);
  const differs = await api.send(cloudEvent("x", { data: { name: "y" } }), single);
  expect([differs.status, differs.body.code]).toEqual([409, "reported_differently"]);
  expect(differs.body.errors[0].loc).toEqual(["body", "data", "name"]);
  const late = cloudEvent("z", { time: "2999-01-01T00:00:00Z" });
  expect((await api.send(late, single)).status).toBe(422);
  expect(await api.events()).toHaveLength(1);
});

/** One CloudEvent in binary mode. */
const binary = (id: string, more: Record<string, string> = {}) => ({
  "content-type": "application/json",
  "ce-specversion": "1.0",
  "ce-type": "workflow.created",
  "ce-id": id,
  "ce-source": "/platform/eu-1",
  ...more,
});

test("a CloudEvent in binary mode is the fact that it is in structured mode", async () => {
  const api = await setup();
  const exact = '{"name":"d","settings": {"n":12345678901234567890, "f":1.0}}';
  const headers = binary("d", {
    "ce-time": "2026-11-20T10:30:00Z",
    "ce-traceparent": "00-0af-b7-01",
  });
  const sent = await api.call("POST", "/v1/facts", { headers, body: exact });
  expect(sent.status, sent.text).toBe(200);
  const [{ id, status }] = sent.body.results;
  expect(status).toBe("recorded");
  const read = await api.call("GET", `/workflows/v1/workflows/${id}`);
  expect(read.text).toContain('"settings":{"n":12345678901234567890, "f":1.0}');

  const structured = await api.send(cloudEvent("d"), single);
  expect(structured.body.results).toEqual([{ index: 0, status: "repeated", id }]);
  const other = await api.call("POST", "/v1/facts", { headers, body: { name: "e" } });
  expect([other.status, other.body.code]).toEqual([409, "reported_differently"]);
  expect(other.body.errors[0].loc).toEqual(["body", "name"]);
  // The content type decides: beside a CloudEvent in the body, the headers are its copies at best.
  const mixed = { ...binary("ignored"), "content-type": single };
  const both = await api.call("POST", "/v1/facts", { headers: mixed, body: cloudEvent("d") });
  expect(both.body.results).toEqual([{ index: 0, status: "repeated", id }]);
});

test("attributes in headers are unquoted and decoded once", async () => {
  const api = await setup();
  const send = async (headers: Record<string, string>) =>
    (await api.call("POST", "/v1/facts", { headers, body: { name: "n" } })).body.results?.[0]
      .status;
  expect(await send(binary("Z%C3%BCrich%20%2525"))).toBe("recorded");
  const { time: _, ...untimed } = cloudEvent("Zürich %25", { data: { name: "n" } });
  expect(statuses((await api.send(untimed, single)).body.results)).toEqual(["repeated"]);
  expect(await send(binary('"a \\"quoted\\" id"'))).toBe("recorded");
  const quoted = { ...untimed, id: 'a "quoted" id' };
  expect(statuses((await api.send(quoted, single)).body.results)).toEqual(["repeated"]);
});

test.each([
  [{ "ce-id": undefined }, ["header", "ce-id"]],
  [{ "ce-source": undefined }, ["header", "ce-source"]],
  [{ "ce-type": undefined }, ["header", "ce-type"]],
  [{ "ce-specversion": undefined }, ["header", "ce-specversion"]],
  [{ "ce-specversion": "0.3" }, ["header", "ce-specversion"]],
  [{ "ce-type": "com.example.other" }, ["header", "ce-type"]],
  [{ "ce-time": "yesterday" }, ["header", "ce-time"]],
  [{ "ce-time": "2026-02-30T00:00:00Z" }, ["header", "ce-time"]],
  [{ "ce-id": "%zz" }, ["header", "ce-id"]],
  [{ "ce-id": "%ff" }, ["header", "ce-id"]],
  [{ "ce-id": "%0A" }, ["header", "ce-id"]],
  [{ "ce-id": "Z\u00fcrich" }, ["header", "ce-id"]],
  [{ "ce-id": "x".repeat(256) }, ["header", "ce-id"]],
  [{ "ce-type": "workflow.updated" }, ["body", "workflow_id"]],
])("binary mode with %j is a 422 that names what is wrong", async (more, loc) => {
  const api = await setup();
  const headers = Object.fromEntries(
    Object.entries({ ...binary("x"), ...more }).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
  const answer = await api.call("POST", "/v1/facts", { headers, body: { name: "n" } });
  expect(answer.status, answer.text).toBe(422);
  expect(answer.body.errors[0].loc).toEqual(loc);
  expect(answer.body.detail).toContain(loc[1]);
  expect(await api.events()).toHaveLength(0);
});

test("in binary mode an Idempotency-Key belongs to the headers of the event as well", async () => {
  const api = await setup();
  const send = (id: string) =>
    api.call("POST", "/v1/facts", {
      headers: { ...binary(id), "idempotency-key": "one" },
      body: { name: "n" },
    });
  const first = await send("a");
  expect(first.status).toBe(200);
  expect((await send("a")).text).toBe(first.text);
  expect((await send("b")).body.code).toBe("idempotency_key_reused");
  expect(await api.events()).toHaveLength(1);
});

test("the traceparent of a request is kept with every event that it causes; one that is not valid is not", async () => {
  const api = await setup();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const report = (headers: Record<string, string>) =>
    api.call("POST", "/v1/facts", {
      headers,
      body: { facts: [{ type: "workflow.created", data: { name: "a" } }] },
    });
  await report({ traceparent, tracestate: "a=1" });
  await report({});
  await report({ traceparent: traceparent.replace("00-", "ff-"), tracestate: "a=1" });
  await api.call("POST", "/workflows/v1/workflows", {
    headers: { traceparent },
    body: { name: "b" },
  });
  const kept = await api.database.sql<{ trace: string | null }>`
    select trace_context as trace from events order by created_at`;
  expect(kept.map(({ trace }) => trace)).toEqual([`${traceparent} a=1`, null, null, traceparent]);
});
