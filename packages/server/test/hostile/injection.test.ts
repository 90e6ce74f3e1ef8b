import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { fill, readOperations } from "../support/requests.ts";
import { openService } from "../support/running-server.ts";
import { type Row, rowsOf } from "./rows.ts";

const siblings = (area: string, values: readonly string[]): Row[] =>
  values.map((value) => ({
    id: `sibling ${JSON.stringify(value).slice(0, 40)}`,
    area,
    why: "",
    input: { value },
    expect: { status_any: [200, 400, 422, 404], max_ms: 2_000 },
  }));

const statements = siblings("sqli", [
  "'; drop table teams; --",
  "\\'; select pg_sleep(5); --",
  "%' or team_id <> '",
  "asc, (select secret_sha256 from api_keys limit 1)",
  "a'||pg_sleep(5)||'",
]);

test.each([...rowsOf("sqli"), ...statements])(
  "$id: $input.value is a value wherever it stands, never a statement",
  async ({ input, expect: wanted }) => {
    const api = await openFactsApi();
    onTestFinished(() => api.close());
    const other = await api.newTeam();
    await furnish(api, { ...other, secret: "of-the-other-team" });
    const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "ours" });
    const tables = () => api.database.sql`
      select relname, n_live_tup is not null from pg_stat_user_tables order by relname`;
    const before = await tables();
    const ask = async (method: string, path: string, headers = {}, body?: unknown) => {
      const startedMs = performance.now();
      const answer = await api.call(method, path, { headers, ...(body ? { body } : {}) });
      expect(performance.now() - startedMs, path).toBeLessThan(wanted.max_ms);
      expect([...wanted.status_any, 201], `${method} ${path}`).toContain(answer.status);
      expect(answer.text, path).not.toContain("of-the-other-team");
    };
    const value = encodeURIComponent(input.value);
    const extras = ["search", "status", "sort", "order_by", "cursor", "event_type", "action"];
    const lists = (await readOperations(api)).filter(
      ({ method, query }) => method === "GET" && Object.keys(query).length > 0,
    );
    for (const operation of lists) {
      const path = fill(operation.path, names);
      for (const parameter of new Set([...extras, ...Object.keys(operation.query)])) {
        await ask("GET", `${path}?${parameter}=${value}`);
      }
      await ask("GET", `${path}?${value}=1`);
    }
    const line = Buffer.from(input.value).toString("latin1");
    await ask("GET", "/webhooks", { "x-org-id": line });
    const made = { name: input.value, url: "https://example.com/", events: ["workflow.started"] };
    await ask("POST", "/webhooks", { "idempotency-key": line }, made);
    await ask("POST", "/webhooks", {}, { ...made, events: [input.value] });
    await ask("POST", "/v1/facts", {}, { facts: [{ type: input.value, data: {} }] });
    await ask("GET", `/webhooks/${value}`);
    expect(await tables()).toEqual(before);
  },
);

const scripts = siblings("xss", [
  "\u001b]0;owned\u0007\u001b[2Jline",
  "a\r\nlevel=50 forged",
  "=cmd|' /C calc'!A0",
  "\u202egnp.exe",
]);

test.each([...rowsOf("xss: text"), ...scripts])(
  "$id: $input.value stays text in answers, on the page and in the log",
  async ({ input: { value } }) => {
    const service = await openService();
    const receiver = await openReceiver();
    onTestFinished(() => receiver.close());
    const printable = /^[\x20-\x7e]+$/.test(value);
    receiver.answerBy(() => ({
      status: 400,
      headers: printable ? { "x-mark": value } : {},
      body: value,
    }));
    const make = (path: string, body: unknown) => service.call("POST", path, body);
    const webhook = {
      name: value,
      url: `${receiver.origin}/${encodeURIComponent(value)}`,
      actions: ["workflow_run_started"],
      max_retries: 0,
    };
    const made = await make("/workflows/v1/workflow-webhooks", webhook);
    if (made.status !== 201) {
      // What would break out of its line is not taken as a name.
      expect(made.body.errors.map(({ loc }: { loc: string[] }) => loc[1])).toEqual(["name"]);
      await make("/workflows/v1/workflow-webhooks", { ...webhook, name: "a name" });
    }
    await make("/webhooks", {
      name: "a name",
      url: `${receiver.origin}/`,
      events: ["workflow.started"],
      headers: { "x-mark": value },
    });
    const { body } = await make("/workflows/v1/workflows", { name: "w", settings: { value } });
    await make("/workflows/v1/workflow-runs", {
      workflow_id: body.workflow.id,
      trigger: "manual",
      input: { [value]: value },
    });
    const history = "/workflows/v1/workflow-webhooks/events";
    await until("it was answered", async () => {
      const { body: list } = await service.call("GET", history);
      return list.events[0]?.last_status_code === 400;
    });
    const { body: list } = await service.call("GET", history);
    const refused = `/webhooks?${encodeURIComponent(value)}=${encodeURIComponent(value)}`;
    for (const path of [
      "/workflows/v1/workflow-webhooks",
      history,
      `${history}/${list.events[0]._id}/attempts`,
      "/webhooks",
      "/webhooks/logs/all",
      refused,
      `/webhooks/${encodeURIComponent(value)}`,
      `/${encodeURIComponent(value)}`,
    ]) {
      const answer = await fetch(`${service.server.url}${path}`, {
        headers: { authorization: `Bearer ${service.key}` },
      });
      const text = await answer.text();
      expect(answer.headers.get("content-type"), path).toMatch(/^application\/(problem\+)?json/);
      expect(answer.headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(answer.headers.get("content-disposition"), path).toBeNull();
      expect(() => JSON.parse(text), path).not.toThrow();
      // Whatever the value is made of, the JSON that carries it has no line breaks or control characters.
      expect(text, path).not.toMatch(/\p{Cc}/u);
    }
    const attempts = await service.call("GET", `${history}/${list.events[0]._id}/attempts`);
    expect(attempts.body.attempts[0].response_body).toBe(value);
    const page = await (await fetch(`${service.server.url}/docs`)).text();
    expect(page).not.toContain(value);
    for (const line of service.logged().trimEnd().split("\n")) {
      expect(line).not.toMatch(/[^\P{Cc}]/u);
      expect(Object.keys(JSON.parse(line))).toContain("level");
      expect(line).not.toContain(JSON.stringify(value).slice(1, -1));
    }
  },
);

test("xss-014, xss-015: what a receiver answered, and what a caller sent, come back as JSON that nothing renders", async () => {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  receiver.answerBy(() => ({
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<script>alert(1)</script>",
  }));
  await service.call("POST", "/workflows/v1/workflow-webhooks", {
    name: "n",
    url: receiver.origin,
    actions: ["workflow_created"],
  });
  await service.call("POST", "/workflows/v1/workflows", { name: "w" });
  const history = `${service.server.url}/workflows/v1/workflow-webhooks/events`;
  const headers = { authorization: `Bearer ${service.key}`, accept: "text/html" };
  const eventsNow = async () => {
    const { body } = await service.call("GET", "/workflows/v1/workflow-webhooks/events");
    return body.events;
  };
  await until("it was delivered", async () => (await eventsNow())[0]?.status === "delivered");
  const events = await eventsNow();
  for (const url of [
    `${history}/${events[0]._id}/attempts`,
    `${history}?<script>=1`,
    `${service.server.url}/<script>`,
  ]) {
    const answer = await fetch(url, { headers });
    expect(answer.headers.get("content-type")).toMatch(/^application\/(problem\+)?json/);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    await answer.body?.cancel();
  }
});
