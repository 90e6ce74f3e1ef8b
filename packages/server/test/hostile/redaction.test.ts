import { expect, onTestFinished, test } from "vitest";
import { openLog } from "../../src/log.ts";
import { openTestApi } from "../support/api.ts";
import { until } from "../support/house.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";
import { openService, type Service } from "../support/running-server.ts";
import { type Row, rowsOf } from "./rows.ts";

/** Everything that leaves the process for operators, or for callers who are refused. */
type Said = { errors: string[]; url: string };

const hooks = (origin: string) => ({
  name: "n",
  url: `${origin}/?token=q_SECRET5`,
  actions: ["workflow_run_started"],
  bearer_token: "tok_SECRET2",
  max_retries: 0,
});

/** Puts each canary of the corpus where its row says, and lets what can go wrong with it go wrong. */
async function drive(service: Service, canary: string, said: Said) {
  const refused = async (path: string, body: unknown) => {
    const answer = await service.call("POST", path, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    said.errors.push(JSON.stringify(answer.body));
  };
  const made = async (path: string, body: unknown) => {
    const answer = await service.call("POST", path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    return answer.body;
  };
  const workflows = "/workflows/v1";
  const b = { name: "n", url: said.url, events: ["workflow.started"] };
  await made(`${workflows}/workflow-webhooks`, hooks(said.url));
  await made("/webhooks", { ...b, secret: canary, headers: { "x-key": canary } });
  // The same values, refused for something else, or themselves.
  await refused(`${workflows}/workflow-webhooks`, { ...hooks(said.url), actions: [canary] });
  await refused(`${workflows}/workflow-webhooks`, {
    ...hooks(said.url),
    url: `http://x/#${canary}`,
  });
  await refused(`${workflows}/workflow-webhooks`, {
    ...hooks(said.url),
    bearer_token: `${canary}\n`,
  });
  await refused("/webhooks", { ...b, secret: canary, headers: { "x-key": `${canary}\n` } });
  await refused("/webhooks", { ...b, secret: canary.repeat(300) });
  await refused("/v1/facts", { facts: canary });
  const { workflow } = await made(`${workflows}/workflows`, { name: "w" });
  const run = { workflow_id: workflow.id, trigger: "manual" };
  await refused(`${workflows}/workflow-runs`, { ...run, trigger: canary });
  await made(`${workflows}/workflow-runs`, { ...run, input: { patient_name: canary } });
}

test.each(rowsOf<Row>("redaction: canary"))(
  "$id: $input.scenario: $input.canary stands in no log line, metric or refusal",
  async ({ input: { canary } }) => {
    const masterKey = Buffer.alloc(32, "masterkey_SECRET7");
    const receiver = await openReceiver();
    onTestFinished(() => receiver.close());
    receiver.answerBy(({ body }) => ({ status: 500, body: body.toString() }));
    const service = await openService(
      {},
      { POSTRIDER_ENCRYPTION_KEY: masterKey.toString("base64") },
    );
    const said: Said = { errors: [], url: receiver.origin };
    await drive(service, canary, said);
    await receiver.received(2);
    await until("it is written", async () => {
      const { body } = await service.call("GET", "/webhooks/logs/all");
      return body.total > 0;
    });
    const metrics = await (await fetch(`${service.server.url}/metrics`)).text();
    const everything = [service.logged(), metrics, ...said.errors].join("\n");
    for (const form of [canary, encodeURIComponent(canary), masterKey.toString("base64")]) {
      expect(everything).not.toContain(form);
    }
    expect(everything).not.toContain(masterKey.toString("hex"));
    for (const other of ["q_SECRET5", "tok_SECRET2"]) expect(everything).not.toContain(other);
  },
);

test("redaction-010: an exception while a payload is processed reveals nothing of it", async () => {
  const api = await openTestApi({
    deps: {
      recordFacts: (fact) =>
        Promise.reject(Object.assign(new Error("unforeseen"), { fact, detail: fact })),
    },
  });
  onTestFinished(() => api.close());
  const answer = await api.call("POST", "/workflows/v1/workflow-runs", {
    body: {
      workflow_id: api.teamId,
      trigger: "manual",
      input: { patient_name: "Jane PHI Doe" },
    },
  });
  expect(answer.status).toBe(500);
  const everything = JSON.stringify([answer.body, api.logged]);
  expect(everything).toContain("a request failed unexpectedly");
  expect(everything).not.toMatch(/Jane|PHI|patient/);
  expect(answer.text).not.toContain("unforeseen");
  let line = "";
  const log = openLog({ level: "info", destination: { write: (text) => (line = text) } });
  log.error({ err: new SyntaxError('Unexpected "Jane PHI Doe"') }, "it went wrong");
  expect(line).not.toContain("Jane");
});

test("redaction-012: the keys a process was started with are in nothing it prints, when it starts and when it cannot", {
  timeout: 120_000,
}, async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const key = Buffer.alloc(32, "masterkey_SECRET7").toString("base64");
  const env = productionEnvironment(database.url);
  env.POSTRIDER_ENCRYPTION_KEY = key;
  const service = await startService(["serve"], { ...env, POSTRIDER_LOG_LEVEL: "debug" });
  expect(await service.terminate()).toBe(0);
  let said = "";
  for (const wrong of [`${key}masterkey_SECRET7`, "masterkey_SECRET7", `-${key.slice(1)}`]) {
    const refused = await runCommand(["serve"], { ...env, POSTRIDER_ENCRYPTION_KEY: wrong });
    expect(refused.code).toBe(2);
    said += refused.stdout + refused.stderr;
  }
  const printed = service.output() + said;
  expect(printed).not.toContain(key);
  expect(printed).not.toContain("masterkey_SECRET7");
  expect(printed).not.toContain(env.POSTRIDER_API_KEY ?? "");
});
