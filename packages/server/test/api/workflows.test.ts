import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

const workflows = "/workflows/v1/workflows";
const runs = "/workflows/v1/workflow-runs";

async function open(): Promise<TestApi> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return api;
}

async function createWorkflow(api: TestApi, body: object = { name: "Orders" }, key = api.key) {
  const created = await api.call("POST", workflows, { key, body });
  expect(created.status, created.text).toBe(201);
  return created.body.workflow;
}

async function startRun(api: TestApi, fields: object, key = api.key) {
  const body = { trigger: "manual", ...fields };
  const started = await api.call("POST", runs, { key, body });
  expect(started.status, started.text).toBe(201);
  return started.body.run;
}

const exact = '{"n": 12345678901234567890, "f":1.0,"2":0,"1":[1e400]}';

test("a workflow keeps the exact text of its documents and is created once", async () => {
  const api = await open();
  const id = newId();
  const body = `{"_id":"${id}","name":"Orders","configuration": ${exact} ,"settings":null}`;
  const created = await api.call("POST", workflows, { body });
  expect(created.status).toBe(201);
  expect(created.body.workflow).toMatchObject({
    id,
    name: "Orders",
    description: null,
    version_number: 1,
    version_name: null,
    revision: 0,
    settings: null,
  });
  expect(created.text).toContain(`"configuration":${exact}`);

  expect((await api.call("POST", workflows, { body })).status).toBe(200);
  const taken = await api.call("POST", workflows, { body: { _id: id, name: "Other" } });
  expect([taken.status, taken.body.code]).toEqual([409, "reported_differently"]);
  const read = await api.call("GET", `${workflows}/${id}`);
  expect(read.text).toBe(created.text);
  expect((await api.call("GET", workflows)).text).toContain(exact);
});

/** What a list says of itself when it is empty. */
const nothing = { total: 0, next_cursor: null, page: 1, size: 300 };

test("a workflow is changed, versioned and deleted by what is reported", async () => {
  const api = await open();
  const { id } = await createWorkflow(api);
  const at = `${workflows}/${id}`;

  const changed = await api.call("PATCH", at, { body: { name: "New", description: "Words" } });
  expect(changed.body.workflow).toMatchObject({ name: "New", description: "Words", revision: 1 });
  const made = await api.call("POST", `${at}/versions`, { body: { version_name: "v2" } });
  expect(made.status).toBe(201);
  const names = { version_number: 2, version_name: "v2" };
  expect(made.body).toMatchObject({
    ...names,
    workflow: { version_number: 1 },
    version: { number: 2, name: "v2", ...names },
  });
  const active = await api.call("POST", `${at}/versions/2/activate`);
  expect(active.body.workflow).toMatchObject({
    version_number: 2,
    version_name: "v2",
    revision: 2,
  });
  for (const number of ["3", "0", "x", "99999999999"]) {
    expect((await api.call("POST", `${at}/versions/${number}/activate`)).status).toBe(404);
  }
  expect((await api.call("DELETE", at)).status).toBe(204);
  for (const method of ["GET", "DELETE"]) expect((await api.call(method, at)).status).toBe(404);
  expect((await api.call("PATCH", at, { body: { name: "x" } })).status).toBe(404);
  expect((await api.call("GET", workflows)).body).toEqual({ workflows: [], ...nothing });
});

test("a run goes through its states, ends once, and refuses what cannot follow", async () => {
  const api = await open();
  const workflow = await createWorkflow(api);
  const id = newId();
  const run = await startRun(api, {
    _id: id,
    workflow_id: workflow.id,
    timeout_seconds: 60,
    occurred_at: "2026-01-02T03:04:05.678+01:00",
  });
  expect(run).toMatchObject({
    id,
    status: "started",
    trigger: "manual",
    started_at: "2026-01-02T02:04:05.678Z",
    completed_at: null,
    timeout_seconds: 60,
    input: null,
  });
  expect(run.deadline_at).not.toBeNull();
  const report = (body: unknown) => api.call("PATCH", `${runs}/${id}`, { body });
  expect((await report({ status: "running" })).body.run.status).toBe("running");
  const ended = await report(
    `{"status":"completed","output":${exact},"collected_information":[1.0]}`,
  );
  expect(ended.body.run).toMatchObject({ status: "completed", duration_ms: expect.any(Number) });
  expect(ended.text).toContain(`"output":${exact},"collected_information":[1.0]`);
  expect((await report({ status: "completed" })).status).toBe(200);
  expect((await report({ status: "failed" })).body.code).toBe("transition_refused");
});

test("what a run was given and gave is shown only to a key with the scope payload", async () => {
  const api = await open();
  const workflow = await createWorkflow(api);
  const { id } = await startRun(api, { workflow_id: workflow.id, input: { secret: "words" } });
  const { key } = await api.newKey({ scopes: ["read", "publish"] });

  expect((await api.call("GET", `${runs}/${id}`)).body.run.input).toEqual({ secret: "words" });
  for (const answer of [
    await api.call("GET", `${runs}/${id}`, { key }),
    await api.call("GET", runs, { key }),
    await api.call("PATCH", `${runs}/${id}`, { key, body: { status: "running" } }),
  ]) {
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain("words");
    expect(answer.text).not.toContain("documents_omitted");
  }
});

test("lists are newest first, in pages, and narrowed down", async () => {
  const api = await open();
  const orders = await createWorkflow(api, { name: "Orders 100%" });
  const refunds = await createWorkflow(api, { name: "refunds" });
  const first = await startRun(api, { workflow_id: orders.id });
  const second = await startRun(api, { workflow_id: refunds.id });
  await api.call("PATCH", `${runs}/${second.id}`, { body: { status: "failed" } });
  const ids = async (path: string) => {
    const { status, body } = await api.call("GET", path);
    expect(status).toBe(200);
    return (body.workflows ?? body.runs).map(({ id }: { id: string }) => id);
  };

  expect(await ids(workflows)).toEqual([refunds.id, orders.id]);
  expect(await ids(`${workflows}?size=1&page=2`)).toEqual([orders.id]);
  expect(await ids(`${workflows}?search=%25`)).toEqual([orders.id]);
  expect(await ids(`${workflows}?search=REF`)).toEqual([refunds.id]);
  expect(await ids(runs)).toEqual([second.id, first.id]);
  expect(await ids(`${runs}?workflow_id=${orders.id}`)).toEqual([first.id]);
  expect(await ids(`${runs}?status=failed`)).toEqual([second.id]);
  expect(await ids(`${runs}?search=${first.id}`)).toEqual([first.id]);
  expect((await api.call("GET", `${runs}?size=1`)).body.total).toBe(2);
});

test("one page of a list holds at most 16 MiB of documents; the rest is marked", async () => {
  const api = await open();
  for (const name of ["a", "b", "c"]) await createWorkflow(api, { name });
  await api.database.sql`
    update workflows set configuration = convert_to('{"x":"' || repeat('x', 7 * 1024 * 1024) || '"}', 'utf8')`;
  const { body } = await api.call("GET", workflows);
  expect(body.workflows.map((one: { documents_omitted?: true }) => one.documents_omitted)).toEqual([
    undefined,
    undefined,
    true,
  ]);
});

test.each([
  ["POST", workflows, { name: 5 }, "name"],
  ["POST", workflows, { name: " " }, "name"],
  ["POST", workflows, { name: "x".repeat(256) }, "name"],
  ["POST", workflows, { name: "x", configuration: [] }, "configuration"],
  ["POST", workflows, { name: "x", description: "x".repeat(2001) }, "description"],
  ["POST", workflows, { name: "x", _id: "X" }, "_id"],
  ["POST", workflows, { name: "x", occurred_at: "yesterday" }, "occurred_at"],
  ["POST", workflows, { name: "x", team_id: "y" }, "team_id"],
  ["PATCH", `${workflows}/{workflow}`, {}, undefined],
  ["PATCH", `${workflows}/{workflow}`, { occurred_at: "2026-01-01T00:00:00Z" }, undefined],
  ["PATCH", `${workflows}/{workflow}`, { version_number: 2 }, "version_number"],
  ["POST", `${workflows}/{workflow}/versions`, { mark_as_active: "yes" }, "mark_as_active"],
  ["POST", `${workflows}/{workflow}/versions/1/activate`, { x: 1 }, "x"],
  ["POST", runs, { workflow_id: "{workflow}", trigger: "magic" }, "trigger"],
  ["POST", runs, { trigger: "manual" }, "workflow_id"],
  [
    "POST",
    runs,
    { workflow_id: "{workflow}", trigger: "manual", timeout_seconds: 0 },
    "timeout_seconds",
  ],
  ["PATCH", `${runs}/{run}`, {}, undefined],
  ["PATCH", `${runs}/{run}`, { status: "started" }, "status"],
  ["PATCH", `${runs}/{run}`, { input: 1 }, "input"],
])("%s %s with %j is a 422 that names the field", async (method, path, body, field) => {
  const api = await open();
  const workflow = await createWorkflow(api);
  const run = await startRun(api, { workflow_id: workflow.id });
  const fill = (text: string) => text.replace("{workflow}", workflow.id).replace("{run}", run.id);
  const refused = await api.call(method, fill(path), { body: fill(JSON.stringify(body)) });
  expect(refused.status).toBe(422);
  expect(refused.body.errors[0].loc).toEqual(field === undefined ? ["body"] : ["body", field]);
});

const routes = [
  ["POST", workflows, { name: "x" }, "publish"],
  ["GET", workflows, undefined, "read"],
  ["GET", `${workflows}/{workflow}`, undefined, "read"],
  ["PATCH", `${workflows}/{workflow}`, { name: "x" }, "publish"],
  ["DELETE", `${workflows}/{workflow}`, undefined, "publish"],
  ["POST", `${workflows}/{workflow}/versions`, {}, "publish"],
  ["POST", `${workflows}/{workflow}/versions/1/activate`, {}, "publish"],
  ["POST", runs, { workflow_id: "{workflow}", trigger: "manual" }, "publish"],
  ["GET", runs, undefined, "read"],
  ["GET", `${runs}/{run}`, undefined, "read"],
  ["PATCH", `${runs}/{run}`, { status: "running" }, "publish"],
] as const;

test.each(routes)(
  "%s %s is closed to a key without its scope",
  async (method, path, body, scope) => {
    const api = await open();
    const others = (["read", "write", "publish", "payload", "admin"] as const).filter(
      (s) => s !== scope,
    );
    const { key } = await api.newKey({ scopes: others });
    const at = path.replace(/\{\w+\}/, newId());
    expect((await api.call(method, at, { key, body })).body.code).toBe("scope_missing");
  },
);

test.each(
  routes.filter(([, path, body]) => /\{(workflow|run)\}/.test(path + JSON.stringify(body ?? ""))),
)("%s %s: another team's id is an unknown id, and changes nothing", async (method, path, body) => {
  const api = await open();
  const other = await api.newTeam();
  const workflow = await createWorkflow(api, { name: "Theirs" }, other.key);
  const run = await startRun(api, { workflow_id: workflow.id }, other.key);
  const before = await api.database.sql`select w::text, r::text from workflows w, runs r`;
  const ask = async (workflowId: string, runId: string) => {
    const fill = (text: string) => text.replace("{workflow}", workflowId).replace("{run}", runId);
    const sent = body && fill(JSON.stringify(body));
    const answer = await api.call(method, fill(path), { body: sent });
    // The answer may name the id that was asked for, and nothing else may differ.
    const detail = answer.body.detail.replace(/[0-9a-f]{24}/, "{id}");
    return { ...answer.body, detail, status: answer.status, request_id: "" };
  };
  const unknown = await ask(newId(), newId());
  expect(unknown.status).toBe(404);
  expect(await ask(workflow.id, run.id)).toEqual(unknown);
  expect(await api.database.sql`select w::text, r::text from workflows w, runs r`).toEqual(before);
  expect((await api.call("GET", runs)).body).toEqual({ runs: [], ...nothing });
});
