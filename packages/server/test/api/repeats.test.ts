import { expect, onTestFinished, test } from "vitest";
import { newId } from "../../src/ids.ts";
import { openFactsApi } from "../support/facts.ts";

const workflows = "/workflows/v1/workflows";
const runs = "/workflows/v1/workflow-runs";

async function setup() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const told = async (method: string, path: string, body: object): Promise<string> => {
    const answer = await api.call(method, path, { body });
    if (answer.status < 300) return String(answer.status);
    const members = (answer.body.errors ?? []).map(({ loc }: { loc: string[] }) => {
      expect(loc[0]).toBe("body");
      return loc.slice(1).join(".");
    });
    return [answer.status, answer.body.code, ...members].join(" ");
  };
  /** Everything that a repeat must leave as it is. */
  const rows = () => api.database.sql`
    select (select jsonb_agg(to_jsonb(w) order by id) from workflows w) as workflows,
           (select jsonb_agg(to_jsonb(v) order by number) from workflow_versions v) as versions,
           (select jsonb_agg(to_jsonb(r) order by id) from runs r) as runs,
           (select jsonb_agg(to_jsonb(s) order by id) from steps s) as steps`;
  return { ...api, told, rows };
}

const differently = (...members: string[]) => ["409 reported_differently", ...members].join(" ");

test("a workflow under a known id: equal content is 200, other content 409 with the members' names and no values", async () => {
  const api = await setup();
  const _id = newId();
  const body = { _id, name: "A", configuration: { a: 1, b: 2 }, version_name: "v1" };
  const create = (more: object) => api.told("POST", workflows, { ...body, ...more });
  expect(await create({})).toBe("201");
  expect(await api.told("PATCH", `${workflows}/${_id}`, { name: "B" })).toBe("200");
  expect(await api.told("POST", `${workflows}/${_id}/versions`, { mark_as_active: true })).toBe(
    "201",
  );
  const before = await api.rows();
  expect(await create({})).toBe("200");
  expect(await create({ configuration: { b: 2, a: 1 }, occurred_at: "2026-01-01T00:00:00Z" })).toBe(
    "200",
  );
  expect(await api.told("POST", workflows, { _id, name: "A" })).toBe("200");
  expect(await create({ name: "C" })).toBe(differently("name"));
  expect(await create({ name: "B", version_name: null })).toBe(differently("name", "version_name"));
  expect(await create({ description: "d", settings: {}, configuration: { a: 1 } })).toBe(
    differently("description", "configuration", "settings"),
  );
  const refused = await api.call("POST", workflows, { body: { ...body, name: "a secret word" } });
  expect(refused.body.detail).toBe(
    "This id was reported before with different content. These members differ: name.",
  );
  expect(refused.text).not.toContain("secret word");
  expect(await api.rows()).toEqual(before);
  expect((await api.call("DELETE", `${workflows}/${_id}`)).status).toBe(204);
  expect(await create({})).toBe("409 id_taken");
});

test("a version with a known id and the same content is a repeat", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const path = `${workflows}/${body.workflow.id}/versions`;
  const version = { _id: newId(), version_name: "v2", mark_as_active: true };
  const make = (more: object) => api.told("POST", path, { ...version, ...more });
  expect(await make({})).toBe("201");
  const before = await api.rows();
  expect(await make({})).toBe("200");
  expect(await api.told("POST", path, { _id: version._id })).toBe("200");
  expect(await make({ version_name: "v3" })).toBe(differently("version_name"));
  expect(await make({ mark_as_active: false })).toBe(differently("mark_as_active"));
  expect(await api.rows()).toEqual(before);
});

test("a run under a known id with another input, trigger, time limit or workflow is refused", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const run = { _id: newId(), workflow_id: body.workflow.id, trigger: "manual", input: { a: 1 } };
  const start = (more: object) => api.told("POST", runs, { ...run, ...more });
  expect(await start({ timeout_seconds: 60 })).toBe("201");
  expect(await api.told("PATCH", `${runs}/${run._id}`, { status: "completed" })).toBe("200");
  const before = await api.rows();
  expect(await start({})).toBe("200");
  expect(await start({ timeout_seconds: 60, occurred_at: "2026-01-01T00:00:00Z" })).toBe("200");
  expect(await start({ input: { a: 2 } })).toBe(differently("input"));
  expect(await start({ input: null, timeout_seconds: 5 })).toBe(
    differently("input", "timeout_seconds"),
  );
  expect(await start({ trigger: "triggered", workflow_id: newId() })).toBe(
    differently("workflow_id", "trigger"),
  );
  expect(await api.rows()).toEqual(before);
});

test("a job that runs again after a crash: its earlier reports are 200, and it continues from there", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const run = { _id: newId(), workflow_id: body.workflow.id, trigger: "triggered" };
  const step = (id: string, more: object) =>
    api.told("PUT", `${runs}/${run._id}/steps/${id}`, more);
  const live = async (pay: "dies" | "works") => {
    const told = [
      await api.told("POST", runs, run),
      await api.told("PATCH", `${runs}/${run._id}`, { status: "running" }),
      await step("fetch", { status: "started", name: "Fetch", index: 0 }),
      await step("fetch", { status: "completed", output: { rows: 3 } }),
      await step("pay", { status: "started", name: "Pay", index: 1 }),
    ];
    if (pay === "dies") return told;
    return [
      ...told,
      await step("pay", { status: "completed" }),
      await api.told("PATCH", `${runs}/${run._id}`, { status: "completed", output: "ok" }),
    ];
  };
  expect(await live("dies")).toEqual(["201", "200", "201", "200", "201"]);
  expect(await live("works")).toEqual(Array(7).fill("200"));
  const before = await api.rows();
  expect(await live("works")).toEqual(Array(7).fill("200"));
  expect(await api.rows()).toEqual(before);
});

test("a failed step starts again as its next attempt, and a late report of an earlier attempt changes nothing", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const run = { _id: newId(), workflow_id: body.workflow.id, trigger: "manual" };
  await api.told("POST", runs, run);
  const path = `${runs}/${run._id}/steps/pay`;
  const say = (more: object) => api.told("PUT", path, more);
  const attempt = async () => (await api.call("GET", path)).body.step.attempt;
  const startedAt = async () => {
    const [row] = await api.database.sql<{ started_at: Date }>`select started_at from steps`;
    return row?.started_at.toISOString();
  };
  const [first, second] = ["2026-01-01T10:00:00.000Z", "2026-01-01T10:05:00.000Z"];
  expect(await say({ status: "started", occurred_at: first })).toBe("201");
  expect(await say({ status: "failed", error: { code: "E1" } })).toBe("200");
  expect([await attempt(), await startedAt()]).toEqual([1, first]);
  expect(await say({ status: "completed" })).toBe("409 transition_refused");
  expect(await say({ status: "started", occurred_at: second })).toBe("200");
  expect((await api.call("GET", path)).body.step).toMatchObject({
    ...{ attempt: 2, status: "started", error: null, completed_at: null },
  });
  expect(await startedAt()).toBe(second);
  const before = await api.rows();
  expect(await say({ status: "failed", attempt: 1, error: { code: "E1" } })).toBe("200");
  expect(await say({ status: "started", attempt: 1 })).toBe("200");
  expect(await say({ status: "failed", attempt: 1, error: { code: "E2" } })).toBe(
    differently("error"),
  );
  expect(await api.rows()).toEqual(before);
  // A worker that died without a word: its successor names its own attempt.
  expect(await say({ status: "started", attempt: 3 })).toBe("200");
  expect(await say({ status: "completed", output: 1 })).toBe("200");
  expect(await attempt()).toBe(3);
  expect(await say({ status: "started" })).toBe("200");
  expect(await say({ status: "started", attempt: 4 })).toBe("409 transition_refused");
  expect(await say({ status: "completed", output: 2 })).toBe(differently("output"));
  for (const wrong of [0, 1_001, 1.5, "2", null]) {
    expect(await say({ status: "started", attempt: wrong })).toBe("422 invalid_request attempt");
  }
});

test("an attempt can be named in every form of a step's report", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const run = { _id: newId(), workflow_id: body.workflow.id, trigger: "manual" };
  await api.told("POST", runs, run);
  const data = { run_id: run._id, step_id: "s" };
  const fact = (attempt: number) => ({ type: "step.failed", data: { ...data, attempt } });
  const event = { specversion: "1.0", id: "1", source: "s", ...fact(3) };
  const post = (sent: object, headers: Record<string, string> = {}) =>
    api.call("POST", "/v1/facts", { body: sent, headers });
  for (const answer of [
    await post({ facts: [fact(2)] }),
    await post(event, { "content-type": "application/cloudevents+json" }),
    await post(fact(4).data, {
      ...{ "ce-specversion": "1.0", "ce-id": "2", "ce-source": "s", "ce-type": "step.failed" },
    }),
  ]) {
    expect(answer.body.results, answer.text).toMatchObject([{ status: "recorded", id: "s" }]);
  }
  const read = await api.call("GET", `${runs}/${run._id}/steps`);
  expect(read.body.steps).toMatchObject([{ id: "s", attempt: 4, status: "failed" }]);
});

test("an end with other content is refused by its members' names, also where the platform's end comes after the service's", async () => {
  const api = await setup();
  const { body } = await api.call("POST", workflows, { body: { name: "A" } });
  const run = { _id: newId(), workflow_id: body.workflow.id, trigger: "manual" };
  await api.told("POST", runs, run);
  const report = (more: object) => api.told("PATCH", `${runs}/${run._id}`, more);
  expect(await report({ status: "running", output: { percent: 10 } })).toBe("200");
  expect(await report({ output: { percent: 90 } })).toBe("200");
  expect(await report({ status: "failed", error: "e", output: { percent: 95 } })).toBe("200");
  const before = await api.rows();
  expect(await report({ status: "failed" })).toBe("200");
  expect(await report({ status: "paused" })).toBe("200");
  expect(await report({ status: "running", output: { percent: 10 } })).toBe("200");
  expect(await report({ status: "running", output: { percent: 11 } })).toBe(differently("output"));
  expect(await report({ status: "failed", error: "f", collected_information: 1 })).toBe(
    differently("collected_information", "error"),
  );
  expect(await report({ status: "completed" })).toBe("409 transition_refused");
  expect(await api.rows()).toEqual(before);
});
