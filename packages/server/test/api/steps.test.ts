import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";

async function open(): Promise<TestApi & { runId: string; steps: string }> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const runId = await startRun(api);
  return { ...api, runId, steps: `/workflows/v1/workflow-runs/${runId}/steps` };
}

async function startRun(api: TestApi, key = api.key): Promise<string> {
  const workflow = await api.call("POST", "/workflows/v1/workflows", {
    key,
    body: { name: "orders" },
  });
  const run = await api.call("POST", "/workflows/v1/workflow-runs", {
    key,
    body: {
      workflow_id: workflow.body.workflow._id ?? workflow.body.workflow.id,
      trigger: "manual",
    },
  });
  expect(run.status, run.text).toBe(201);
  return run.body.run.id;
}

test("a first report is 201, its repeat and what follows are 200, each with the whole step", async () => {
  const api = await open();
  const put = (body: object) => api.call("PUT", `${api.steps}/fetch`, { body });
  const report = {
    name: "Fetch",
    index: 0,
    status: "started",
    occurred_at: "2026-11-21T10:30:00Z",
  };
  const first = await put(report);
  const step = {
    id: "fetch",
    run_id: api.runId,
    name: "Fetch",
    index: 0,
    attempt: 1,
    status: "started",
    started_at: "2026-11-21T10:30:00.000Z",
    completed_at: null,
    duration_ms: null,
    created_by: expect.any(String),
    updated_by: expect.any(String),
    created_at: expect.stringMatching(/Z$/),
    updated_at: expect.stringMatching(/Z$/),
    output: null,
    error: null,
  };
  expect(first).toMatchObject({ status: 201, body: { step } });
  expect(first.body).toEqual({ step });
  expect(await put(report)).toMatchObject({ status: 200, body: first.body });

  const last = await put({
    status: "completed",
    output: { a: 1 },
    occurred_at: "2026-11-21T10:30:00.812Z",
  });
  expect(last.status).toBe(200);
  expect(last.body).toEqual({
    step: {
      ...step,
      status: "completed",
      completed_at: "2026-11-21T10:30:00.812Z",
      duration_ms: 812,
      output: { a: 1 },
    },
  });
  expect((await api.call("GET", `${api.steps}/fetch`)).body).toEqual(last.body);
  const refused = await put({ status: "failed" });
  expect([refused.status, refused.body.code]).toEqual([409, "transition_refused"]);
});

test("reports of one step at the same moment are one first report", async () => {
  const api = await open();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      api.call("PUT", `${api.steps}/fetch`, { body: { status: "started" } }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([
    200, 200, 200, 200, 200, 200, 200, 201,
  ]);
});

test("documents keep every byte, and only keys with the scope payload see them", async () => {
  const api = await open();
  const output = '{"n":1.0,"big":12345678901234567890}';
  const body = `{"status":"failed","output":${output},"error":"private"}`;
  const answer = await api.call("PUT", `${api.steps}/fetch`, { body });
  expect(answer.text).toContain(`"output":${output},"error":"private"`);
  const { key } = await api.newKey({ scopes: ["read", "publish"] });
  for (const seen of [
    await api.call("PUT", `${api.steps}/fetch`, { body, key }),
    await api.call("GET", `${api.steps}/fetch`, { key }),
    await api.call("GET", api.steps, { key }),
  ]) {
    expect(seen.status).toBe(200);
    expect(seen.text).not.toMatch(/1234567890|private/);
  }
  const listed = await api.call("GET", api.steps);
  expect(listed.text).toContain(`"output":${output},"error":"private"`);
});

test("a run's steps are listed by index, those without one last, page by page", async () => {
  const api = await open();
  for (const [id, index] of [
    ["c", undefined],
    ["b", 2],
    ["a", 1],
    ["d", undefined],
  ] as const) {
    await api.call("PUT", `${api.steps}/${id}`, { body: { status: "started", index } });
  }
  const list = async (query = "") => {
    const { body } = await api.call("GET", `${api.steps}${query}`);
    return [body.steps.map(({ id }: { id: string }) => id), body.total];
  };
  expect(await list()).toEqual([["a", "b", "c", "d"], 4]);
  expect(await list("?size=3&page=2")).toEqual([["d"], 4]);
});

test("a step id is 1 to 128 letters, digits and . _ ~ -; anything else is 404 like an unknown one", async () => {
  const api = await open();
  const put = async (id: string) =>
    (await api.call("PUT", `${api.steps}/${id}`, { body: { status: "started" } })).status;
  for (const id of ["a", "A.b_c~d-9", "x".repeat(128), "..."])
    expect([id, await put(id)]).toEqual([id, 201]);
  for (const id of ["", "x".repeat(129), "a%20b", "a:b", "%C3%A9", "a%2Fb", "a%00", "..", "."]) {
    const status = await put(id);
    expect([id, [404, 405].includes(status)]).toEqual([id, true]);
  }
  expect((await api.call("GET", `${api.steps}/unknown`)).body.code).toBe("not_found");
});

test("an unknown run and another team's are the same 404", async () => {
  const api = await open();
  const other = await api.newTeam();
  const theirs = await startRun(api, other.key);
  for (const runId of [theirs, newId(), "x"]) {
    const steps = `/workflows/v1/workflow-runs/${runId}/steps`;
    for (const answer of [
      await api.call("PUT", `${steps}/fetch`, { body: { status: "started" } }),
      await api.call("GET", `${steps}/fetch`),
      await api.call("GET", steps),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
    }
  }
});

test("a run that has ended takes no further steps", async () => {
  const api = await open();
  await api.call("PATCH", `/workflows/v1/workflow-runs/${api.runId}`, {
    body: { status: "completed" },
  });
  const answer = await api.call("PUT", `${api.steps}/late`, { body: { status: "started" } });
  expect([answer.status, answer.body.code]).toEqual([409, "transition_refused"]);
});

test.each([
  [{}, "status"],
  [{ status: "running" }, "status"],
  [{ status: "started", name: "" }, "name"],
  [{ status: "started", name: null }, "name"],
  [{ status: "started", index: -1 }, "index"],
  [{ status: "started", index: 1.5 }, "index"],
  [{ status: "started", index: 2_147_483_648 }, "index"],
  [{ status: "started", occurred_at: "yesterday" }, "occurred_at"],
  [{ status: "started", more: 1 }, "more"],
])("%j is refused and says where", async (body, field) => {
  const api = await open();
  const answer = await api.call("PUT", `${api.steps}/fetch`, { body });
  expect(answer.status).toBe(422);
  expect(answer.body.errors[0].loc).toEqual(["body", field]);
});

test("a key needs the scope publish to report and read to look", async () => {
  const api = await open();
  const publish = (await api.newKey({ scopes: ["publish"] })).key;
  const read = (await api.newKey({ scopes: ["read"] })).key;
  const body = { status: "started" };
  expect((await api.call("PUT", `${api.steps}/a`, { body, key: read })).status).toBe(403);
  expect((await api.call("PUT", `${api.steps}/a`, { body, key: publish })).status).toBe(201);
  expect((await api.call("GET", `${api.steps}/a`, { key: publish })).status).toBe(403);
  expect((await api.call("GET", api.steps, { key: read })).status).toBe(200);
});
