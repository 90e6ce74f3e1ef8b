import { expect, onTestFinished, test } from "vitest";
import { tidy } from "../../src/janitor/janitor.ts";
import type { TestApi } from "../support/api.ts";
import { dumpDatabase, tablesWith } from "../support/dump.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";

async function setup(): Promise<TestApi> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return api;
}

type Planted = { run: string; call: string };

/** Tells of a run and a call in which everything that can hold a word holds this one. */
async function plant(api: TestApi, word: string): Promise<Planted> {
  const ask = async (method: string, path: string, body: object, key?: string) => {
    const headers = key === undefined ? {} : { "idempotency-key": `${key} ${word}` };
    const answer = await api.call(method, path, { body, headers });
    expect(answer.status, `${method} ${path}: ${answer.text}`).toBeLessThan(300);
    return answer.body;
  };
  const url = "https://example.com/";
  const ended = ["workflow_run_started", "workflow_run_completed"];
  const types = ["workflow.started", "workflow.failed", "workflow.step.completed"];
  await ask("POST", "/workflows/v1/workflow-webhooks", { name: "a", url, actions: ended });
  await ask("POST", "/webhooks", { name: "b", url, events: types });
  const messages = ["status-update", "conversation-update", "end-of-call-report", "error"];
  const assistantServer = { enabled: true, url, messages };
  const assistant = await ask("POST", "/assistants/v1/assistants", { name: "c", assistantServer });
  const { workflow } = await ask("POST", "/workflows/v1/workflows", { name: "d" });

  const hidden = { [word]: word };
  const start = { workflow_id: workflow.id, trigger: "manual", input: hidden };
  const { run } = await ask("POST", "/workflows/v1/workflow-runs", start, "start");
  const runPath = `/workflows/v1/workflow-runs/${run.id}`;
  const step = { name: word, status: "completed", output: hidden };
  await ask("PUT", `${runPath}/steps/step-${word}`, step);
  const data = { run_id: run.id, step_id: `other-${word}`, status: "failed", name: word };
  const fact = { type: "step.completed", id: `urn:person:${word}`, data: { ...data } };
  const { status: _, ...stepData } = fact.data;
  await ask("POST", "/v1/facts", { facts: [{ ...fact, data: stepData }] });
  const end = { status: "failed", output: hidden, collected_information: hidden, error: hidden };
  await ask("PATCH", runPath, end);

  const conversations = "/calls/v1/conversations";
  const numbers = { userNumber: `+49 ${word}`, assistantNumber: word, phoneProvider: word };
  const began = { assistantId: assistant.id, callType: "phone", direction: "inbound", ...numbers };
  const call = await ask("POST", conversations, { ...began, metadata: hidden }, "begin");
  const callPath = `${conversations}/${call.id}`;
  const reason = { status: "ongoing", phoneCallStatus: word, phoneCallStatusReason: word };
  await ask("POST", `${callPath}/status`, reason, "status");
  const line = { role: "user", text: word, messageId: `message-${word}`, metrics: hidden };
  await ask("POST", `${callPath}/messages`, line, "say");
  await ask("POST", `${callPath}/errors`, { type: "llm_error", message: word, code: word }, "err");
  const report = { recording: hidden, analysis: hidden, cost: hidden, metrics: hidden };
  await ask("POST", `${callPath}/end`, { callEndTriggerBy: word, ...report }, "end");

  await api.database.sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
      error_code, error_message, response_body, will_retry)
    select id, 1, created_at, left(md5(id), 24), team_id, ${url}, false, 'http_status', ${word},
           ${word}, false
    from deliveries where attempt_count = 0`;
  await api.database.sql`
    update deliveries set attempt_count = 1, last_attempt_at = now(), last_error = ${word}
    where attempt_count = 0`;
  return { run: run.id, call: call.id };
}

/** The rows in which a word stands, by table. */
async function rowsWith(api: TestApi, word: string): Promise<Record<string, string[]>> {
  const hex = Buffer.from(word).toString("hex");
  const found = [...(await dumpDatabase(api.database))].map(([name, text]) => {
    const rows = text.split("\n").filter((row) => row.includes(word) || row.includes(hex));
    return [name, rows.sort()] as const;
  });
  return Object.fromEntries(found.filter(([, rows]) => rows.length > 0));
}

const eraseRun = (api: TestApi, { run }: Planted) =>
  api.call("DELETE", `/workflows/v1/workflow-runs/${run}`);
const eraseCall = (api: TestApi, { call }: Planted) =>
  api.call("DELETE", `/calls/v1/conversations/${call}`);

test("of an erased run and an erased call nothing is left in the whole database but their ids, and others stay as they are", async () => {
  const api = await setup();
  const neighbours = await plant(api, "nachtigall");
  const before = await rowsWith(api, "nachtigall");
  const planted = await plant(api, "kanarienvogel");
  const found = await tablesWith(api.database, "kanarienvogel");
  for (const table of ["runs", "steps", "calls", "call_messages"]) expect(found).toContain(table);
  expect(found.some((name) => name.startsWith("events_"))).toBe(true);
  expect(found.some((name) => name.startsWith("attempts_"))).toBe(true);
  // Answers are sealed, so that no search finds what is in them: they are asked for by what they tell of.
  const answers = () => api.database.sql`
    select key from idempotency_keys where subject_id = any(${[planted.run, planted.call]})`;
  expect(await answers()).toHaveLength(6);

  expect((await eraseRun(api, planted)).status).toBe(204);
  expect((await eraseCall(api, planted)).status).toBe(204);
  expect(await tablesWith(api.database, "kanarienvogel")).toEqual([]);
  expect(await answers()).toEqual([]);
  for (const id of [planted.run, planted.call]) {
    expect(await tablesWith(api.database, id)).toEqual(["audit_log", "erasures"]);
  }
  expect(await rowsWith(api, "nachtigall")).toEqual(before);
  expect((await eraseRun(api, planted)).status).toBe(404);
  expect((await eraseCall(api, planted)).status).toBe(404);
  const path = `/workflows/v1/workflow-runs/${neighbours.run}`;
  expect((await api.call("GET", path)).body.run.status).toBe("failed");
});

test("an identity that was recorded is kept as a hash: a repeat does not bring an erased run back", async () => {
  const api = await setup();
  const { workflow } = (await api.call("POST", "/workflows/v1/workflows", { body: { name: "a" } }))
    .body;
  const _id = "0123456789abcdef01234567";
  const data = { workflow_id: workflow.id, trigger: "manual", _id };
  const body = { facts: [{ type: "run.started", id: "urn:person:ada", data }] };
  const report = async () => (await api.call("POST", "/v1/facts", { body })).body.results[0].status;
  expect(await report()).toBe("recorded");
  await eraseRun(api, { run: _id, call: "" });
  expect(await report()).toBe("repeated");
  const path = `/workflows/v1/workflow-runs/${_id}`;
  expect((await api.call("GET", path)).status).toBe(404);
  expect(await tablesWith(api.database, "urn:person:ada")).toEqual([]);
});

test("an answer that was being written when its run was erased goes with the janitor's next round", async () => {
  const api = await setup();
  const planted = await plant(api, "kanarienvogel");
  await eraseRun(api, planted);
  const { sql } = api.database;
  await sql`
    insert into idempotency_keys (team_id, key, fingerprint, status_code, sealed_response, subject_id)
    values (${api.teamId}, 'late', '', 200, 'sealed', ${planted.run})`;
  await tidy(api.database);
  expect(await sql`select from idempotency_keys where key = 'late'`).toEqual([]);
  expect(await sql`select from erasures`).toHaveLength(1);
  await sql`update erasures set requested_at = now() - interval '10 minutes'`;
  await tidy(api.database);
  expect(await sql`select from erasures`).toEqual([]);
});

test("erasing needs the scope admin", async () => {
  const api = await setup();
  const planted = await plant(api, "kanarienvogel");
  const { key } = await api.newKey({ scopes: ["read", "write", "publish", "payload"] });
  for (const path of [
    `/workflows/v1/workflow-runs/${planted.run}`,
    `/calls/v1/conversations/${planted.call}`,
    `/v1/teams/${api.teamId}`,
  ]) {
    expect((await api.call("DELETE", path, { key })).status).toBe(403);
  }
});

test("a deleted team is closed at once, and nothing is left of it; its neighbours stay as they are", async () => {
  const api = await setup();
  const word = "kanarienvogel";
  await furnish(api, { teamId: api.teamId, key: api.key, secret: "nachtigall" });
  const { teamId, key } = await api.newTeam();
  await api.database.sql`update teams set name = ${word} where id = ${teamId}`;
  await furnish(api, { teamId, key, secret: word });
  const shared = await api.newKey({ teamIds: [teamId, api.teamId] });
  const others = async () => {
    const rows = await rowsWith(api, "nachtigall");
    return JSON.stringify(rows).replaceAll(/\d{4}-\d\d-\d\d [\d:.+]+/g, "");
  };
  const before = await others();
  expect((await tablesWith(api.database, word)).length).toBeGreaterThan(10);

  const deleted = await api.call("DELETE", `/v1/teams/${teamId}`, { key: shared.key });
  expect([deleted.status, deleted.body.message]).toEqual([202, "Everything is erased."]);
  expect(await tablesWith(api.database, word)).toEqual([]);
  expect(await tablesWith(api.database, teamId)).toEqual(["erasures", "teams"]);
  expect(await others()).toBe(before);
  const me = await api.call("GET", "/accounts/v1/users/me", { key: shared.key });
  expect(me.body.teams.map(({ id }: { id: string }) => id)).toEqual([api.teamId]);

  await api.database.sql`update erasures set requested_at = now() - interval '10 minutes'`;
  await tidy(api.database);
  expect(await tablesWith(api.database, teamId)).toEqual([]);
});

test("the default team cannot be deleted, and a team that the key does not reach is not there", async () => {
  const api = await setup();
  const { defaultTeamId, ensureDefaultTeam } = await import("../../src/db/teams.ts");
  await ensureDefaultTeam(api.database.sql);
  const { key } = await api.newKey({ teamIds: [defaultTeamId] });
  const refused = await api.call("DELETE", `/v1/teams/${defaultTeamId}`, { key });
  expect([refused.status, refused.body.code]).toEqual([409, "default_team"]);
  expect((await api.call("DELETE", `/v1/teams/${api.teamId}`, { key })).status).toBe(404);
});

test("a key cannot delete its only team, which would delete the key too", async () => {
  const api = await setup();
  const { teamId, key } = await api.newTeam();
  const remove = (id: string, by: string) => api.call("DELETE", `/v1/teams/${id}`, { key: by });
  const refused = await remove(teamId, key);
  expect([refused.status, refused.body.code]).toEqual([409, "key_in_use"]);
  expect(refused.body.detail).toContain("reaches only this team");
  expect((await api.call("GET", `/v1/teams/${teamId}`, { key })).status).toBe(200);
  expect(await tablesWith(api.database, teamId)).not.toContain("erasures");

  const { body: next } = await api.call("POST", "/v1/teams", { key, body: { name: "next" } });
  expect((await remove(teamId, key)).status).toBe(202);
  const me = await api.call("GET", "/accounts/v1/users/me", { key });
  expect(me.body.teams.map(({ id }: { id: string }) => id)).toEqual([next.id]);
  expect((await remove(next.id, key)).body.code).toBe("key_in_use");
});

test("of two teams that their keys delete at once, one stays, and so do the keys", async () => {
  const api = await setup();
  for (let round = 0; round < 5; round++) {
    const [{ teamId: one }, { teamId: other }] = [await api.newTeam(), await api.newTeam()];
    const keys = [
      await api.newKey({ teamIds: [one, other] }),
      await api.newKey({ teamIds: [one, other] }),
    ] as const;
    const answers = await Promise.all([
      api.call("DELETE", `/v1/teams/${one}`, { key: keys[0].key }),
      api.call("DELETE", `/v1/teams/${other}`, { key: keys[1].key }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    const left = answers[0].status === 409 ? one : other;
    for (const { key } of keys) {
      const me = await api.call("GET", "/accounts/v1/users/me", { key });
      expect(me.body.teams.map(({ id }: { id: string }) => id)).toEqual([left]);
    }
  }
});
