import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { type Canary, newCanary, type Sighting, searchFor } from "../support/canaries.ts";
import { until } from "../support/house.ts";
import { openPostgres } from "../support/postgres-server.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";
import { type Operation, startReceiver, type TlsScenario } from "../support/scripted-receiver.ts";

/**
 * Columns that hold what teams report and what receivers answer, as the schema says. A canary of a payload may be in these,
 * sealed or not, and in no other.
 */
const payloadColumns = [
  "assistants.document",
  "attempts.response_body",
  "attempts.response_headers",
  "call_messages.metrics",
  "call_messages.text",
  "calls.analysis",
  "calls.assistant_number",
  "calls.cost",
  "calls.metadata",
  "calls.metrics",
  "calls.recording",
  "calls.user_number",
  "events.payload",
  "runs.collected_information",
  "runs.error",
  "runs.input",
  "runs.output",
  "steps.error",
  "steps.output",
  "workflows.configuration",
  "workflows.settings",
];

test("invariant 13, everywhere: of all secrets nothing is found anywhere, and payloads only where payloads belong", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld();
  await world.useEverything();
  await world.provokeEverything();
  const code = await world.service.terminate();
  expect(code).toBe(0);

  const { secrets, payloads } = world.planted();
  expect([secrets.length, payloads.length]).toEqual([19, 24]);
  const everything = searchFor([...secrets, ...payloads]);
  const forSecrets = searchFor(secrets);

  // What went in on purpose is found, so the search can find.
  for (const canary of [...secrets, ...payloads]) {
    const text = `<${canary.value}> ${Buffer.from(`xy${canary.value}`).toString("base64")}`;
    expect(
      everything(text)
        .map(({ form }) => form)
        .sort(),
    ).toEqual(["base64", "plain"]);
    expect(everything(canary.value.slice(5, 17))).toHaveLength(1);
    expect(everything(canary.value.slice(5, 16))).toEqual([]);
  }

  // Everything that was printed, at the loudest level but one, and everything that was refused.
  expect(world.service.output()).toContain('"level":"debug"');
  expect(world.service.output()).toContain("a request failed unexpectedly");
  for (const [what, text] of [...world.texts(), ["output", world.service.output()] as const]) {
    expect(everything(text), what).toEqual([]);
  }
  const refusals = world.answers.filter(({ status }) => status >= 400);
  expect(new Set(refusals.map(({ status }) => status)).size).toBeGreaterThanOrEqual(7);
  for (const { what, text } of refusals) expect(everything(text), what).toEqual([]);
  for (const { what, text, tells } of world.answers.filter(({ status }) => status < 400)) {
    const told = forSecrets(text).filter(({ name }) => name !== tells);
    expect(told, what).toEqual([]);
  }

  // A plain dump of the database, and the files it lies in.
  const dump = await world.dump();
  const seen = new Map<string, Sighting[]>();
  for (const [column, text] of dump) {
    const sightings = everything(text);
    if (sightings.length > 0) seen.set(column, sightings);
  }
  expect(dump.size).toBeGreaterThan(100);
  expect([...seen.keys()].filter((column) => !payloadColumns.includes(column))).toEqual([]);
  const names = new Set(secrets.map(({ name }) => name));
  expect([...seen.values()].flat().filter(({ name }) => names.has(name))).toEqual([]);
  for (const file of world.files()) {
    const bytes = readFileSync(file);
    const held = secrets.filter(({ value }) => bytes.includes(value));
    expect(
      held.map(({ name }) => name),
      file,
    ).toEqual([]);
  }

  // And were a secret in the database, this would have found it.
  const plain = secrets[0]?.value ?? "";
  await world.query("update teams set name = $1", [`a ${plain.slice(3, 20)} b`]);
  const anew = (await world.dump()).get("teams.name") ?? "";
  expect(forSecrets(anew)).toEqual([{ name: secrets[0]?.name, form: "plain" }]);
});

type Answered = { what: string; status: number; text: string; tells?: string | undefined };

async function openWorld() {
  const secrets: Canary[] = [];
  const payloads: Canary[] = [];
  const plant = (list: Canary[]) => (name: string) => {
    const canary = newCanary(name);
    list.push(canary);
    return canary.value;
  };
  const secret = plant(secrets);
  const payload = plant(payloads);

  const directory = mkdtempSync(path.join(tmpdir(), "postrider-canaries-"));
  const open = () => openPostgres({ dataDirectory: path.join(directory, "postgres") });
  let postgres = await open();
  onTestFinished(async () => {
    await postgres.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const url = new URL(postgres.url);
  url.password = secret("the database's password");
  const operatorsKey = secret("the operator's API key");
  const encryptionKey = randomBytes(32);
  secrets.push({ name: "the encryption key", value: encryptionKey.toString("hex") });
  const env = {
    ...productionEnvironment(url.href),
    POSTRIDER_API_KEY: operatorsKey,
    POSTRIDER_ENCRYPTION_KEY: encryptionKey.toString("hex"),
    POSTRIDER_LOG_LEVEL: "debug",
  };
  const texts: [string, string][] = [];
  const run = async (args: string[], given: Record<string, string>) => {
    const { stdout, stderr } = await runCommand(args, given);
    texts.push([`postrider ${args.join(" ")}`, stdout + stderr]);
  };
  await run(["migrate"], env);
  const half = { ...env, POSTRIDER_ENCRYPTION_KEY: secret("half a key") };
  const away = { ...env, DATABASE_URL: url.href.replace(/@.*$/, "@127.0.0.1:1/none") };
  const none = { ...env, DATABASE_URL: url.href.replace("/postrider", "/nowhere") };
  await Promise.all([run(["serve"], half), run(["migrate"], away), run(["serve"], none)]);
  const service = await startService(["serve"], env);

  const query = async (text: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: postgres.url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  };

  const answers: Answered[] = [];
  const request = async (
    method: string,
    route: string,
    { body, key = operatorsKey, headers = {}, tells }: RequestOptions = {},
  ) => {
    const response = await fetch(service.url + route, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const head = JSON.stringify([...response.headers]);
    const [what = ""] = `${method} ${route}`.split("?");
    answers.push({ what, status: response.status, text: head + text, tells });
    // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
    return (text.startsWith("{") ? JSON.parse(text) : {}) as any;
  };

  const receive = async (script: readonly Operation[], scenario?: TlsScenario) => {
    const receiver = await startReceiver(script, scenario);
    onTestFinished(() => receiver.close());
    return receiver;
  };
  const answer = (head: string, body = ""): Operation[] =>
    Array.from({ length: 50 }, () => [
      { op: "read_request" } as const,
      {
        op: "send",
        data: `HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      } as const,
    ]).flat();

  /** Uses every place where a secret or a payload can be put, with receivers that fail in every way. */
  const useEverything = async () => {
    const shown = `X-Shown: ${payload("a header of an answer")}`;
    const answering = await receive(answer(`200 OK\r\n${shown}`, payload("a receiver's answer")));
    const failing = await receive(
      answer(
        `500 ${secret("a reason phrase")}\r\nRetry-After: 9\r\nSet-Cookie: ${secret("a cookie")}`,
        payload("an answer of 500"),
      ),
    );
    const elsewhere = payload("where a redirect leads to");
    const redirecting = await receive(answer(`302 Found\r\nLocation: http://${elsewhere}.test/`));
    const garbling = await receive([
      { op: "read_request" },
      { op: "send", data: `${secret("no HTTP at all")}\r\n\r\n` },
      { op: "fin" },
    ]);
    const others = await Promise.all([
      receive([{ op: "refuse" }]),
      receive([{ op: "reset_on_accept" }]),
      receive([{ op: "read_request" }, { op: "hold" }]),
      receive([], "self_signed"),
      receive([], "wrong_host"),
      receive([], "plaintext"),
    ]);
    const origins = [answering, failing, redirecting, garbling, ...others].map((one) => one.origin);
    const bearer = secret("a bearer token");
    const ownHeader = secret("a header of contract A");
    for (const origin of [...origins, "https://no-such-host-at-all.example.com"]) {
      const webhook = await request("POST", "/workflows/v1/workflow-webhooks", {
        body: {
          ...{ name: "a webhook", url: `${origin}/hook`, actions: allActions },
          ...{ bearer_token: bearer, timeout_seconds: 1, max_retries: 0 },
          headers: { "x-own": ownHeader },
        },
      });
      expect(webhook.id, JSON.stringify(webhook)).toBeDefined();
      if (origin !== answering.origin) continue;
      const signing = `/workflows/v1/workflow-webhooks/${webhook.id}/signing-secret`;
      for (const [method, suffix] of [
        ["GET", ""],
        ["POST", "/rotate"],
      ] as const) {
        const tells = `the signing secret of ${method}`;
        const { secret: text } = await request(method, signing + suffix, { tells });
        secrets.push({ name: tells, value: String(text).slice("whsec_".length, -1) });
      }
    }
    await request("POST", "/webhooks", {
      body: {
        ...{
          name: "another",
          url: `${answering.origin}/b`,
          events: ["workflow.started", "workflow.step.failed"],
        },
        secret: secret("a shared secret of contract B"),
        headers: { "x-own": secret("a header of contract B") },
      },
    });
    // 40 letters and digits are base64 of 30 bytes.
    const brought = secret("a signing secret that the caller brings");
    const moved = await request("POST", "/webhooks", {
      body: {
        ...{ name: "moved", url: `${answering.origin}/m`, events: ["workflow.completed"] },
        signing_secret: `whsec_${brought}`,
      },
    });
    expect(moved.id, JSON.stringify(moved)).toBeDefined();
    const assistant = await request("POST", "/assistants/v1/assistants", {
      body: {
        name: "an assistant",
        prompt: payload("an assistant's prompt"),
        assistantServer: {
          ...{ enabled: true, url: `${answering.origin}/c`, messages: allMessages },
          secret: secret("a secret of contract C"),
          headers: { "x-own": secret("a header of contract C") },
        },
      },
    });
    const once = secret("an Idempotency-Key");
    for (const name of ["a key", "a key", "another body"]) {
      const tells = "a team's API key";
      const made = await request("POST", "/v1/api-keys", {
        ...{ body: { name, scopes: ["read"] }, tells },
        headers: { "idempotency-key": once },
      });
      const text = String(made.key ?? "").split("_")[3];
      if (text && !secrets.some(({ name }) => name === tells))
        secrets.push({ name: tells, value: text });
    }
    const { workflow } = await request("POST", "/workflows/v1/workflows", {
      body: {
        name: "a workflow",
        configuration: { a: payload("a configuration") },
        settings: { a: payload("a setting") },
      },
    });
    const { run } = await request("POST", "/workflows/v1/workflow-runs", {
      body: { workflow_id: workflow.id, trigger: "manual", input: { a: payload("an input") } },
    });
    const runPath = `/workflows/v1/workflow-runs/${run.id}`;
    await request("PUT", `${runPath}/steps/one`, {
      body: {
        ...{ name: "a step", status: "failed", output: { a: payload("a step's output") } },
        error: { a: payload("a step's error") },
      },
    });
    await request("PATCH", runPath, {
      body: {
        ...{ status: "failed", output: { a: payload("an output") } },
        collected_information: { a: payload("what was collected") },
        error: { a: payload("an error of a run") },
      },
    });
    const call = await request("POST", "/calls/v1/conversations", {
      body: {
        ...{
          assistantId: assistant.id,
          callType: "phone",
          direction: "inbound",
          status: "ongoing",
        },
        userNumber: payload("a caller's number"),
        assistantNumber: payload("an assistant's number"),
        metadata: { a: payload("a call's metadata") },
      },
    });
    const callPath = `/calls/v1/conversations/${call.id}`;
    const message = {
      role: "user",
      text: payload("what was said"),
      metrics: { a: payload("metrics of it") },
    };
    await request("POST", `${callPath}/messages`, { body: message });
    await request("POST", `${callPath}/errors`, {
      body: { type: "llm_error", message: payload("an error of a call") },
    });
    await request("POST", `${callPath}/end`, {
      body: {
        ...{ recording: { a: payload("a recording") }, analysis: { a: payload("an analysis") } },
        ...{ cost: { a: payload("a cost") }, metrics: { a: payload("metrics of a call") } },
      },
    });
    await until("every delivery has come to its end", async () => {
      const [row] = await query(
        "select count(*)::int as n from deliveries where finished_at is null",
      );
      return row.n === 0;
    });
    const kinds = await query("select distinct error_code from attempts order by 1");
    expect(kinds.length).toBeGreaterThanOrEqual(8);
    for (const route of [
      "/workflows/v1/workflow-webhooks",
      "/workflows/v1/workflow-webhooks/events",
      ...["/webhooks", "/webhooks/logs/all", "/v1/api-keys", "/v1/teams", "/v1/me"],
      ...["/assistants/v1/assistants", callPath, runPath],
      `/assistants/v1/assistants/${assistant.id}/deliveries`,
    ]) {
      await request("GET", route);
    }
    return { workflow };
  };

  /** Makes everything go wrong that can, each time with a canary within reach. */
  const provokeEverything = async () => {
    const inside = payload("what was on its way when something broke");
    const stray = secret("a secret in the wrong place");
    const workflows = "/workflows/v1/workflows";
    const body = { name: "a", settings: { a: inside } };
    const webhooks = "/workflows/v1/workflow-webhooks";
    const hook = { name: "a", actions: ["workflow_created"] };

    for (const text of [
      `https://u:${stray}@example.com/`,
      `ftp://${stray}`,
      `https://${stray}.example.com:22/`,
      stray,
    ]) {
      await request("POST", webhooks, { body: { ...hook, url: text } });
    }
    for (const bad of [stray, `{"a":"${stray}`, `{"name":"${stray}","name":1}`, `["${stray}"]`]) {
      await request("POST", workflows, { body: bad });
    }
    await request("POST", workflows, { body: { name: { a: inside } } });
    await request("POST", workflows, { body: { name: "a", _id: inside } });
    await request("POST", workflows, { body: { ...body, description: `\u0000${inside}` } });
    await request("POST", workflows, { body: `{"a":"${inside.repeat(7_000)}"}` });
    await request("POST", workflows, { body: stray, headers: { "content-type": `text/${stray}` } });
    await request("GET", `/${stray}/${stray}?token=${stray}`);
    await request("GET", `${workflows}/${stray}?token=${stray}`);
    await request("DELETE", `${webhooks}/${stray}`);
    await request("GET", `${webhooks}?enabled=${stray}`);
    await request("GET", `/v1/${"%"}${stray}`);
    await request("PUT", workflows, { body: stray });
    await request("GET", workflows, { key: stray });
    await request("GET", workflows, { headers: { "x-org-id": stray } });
    await request("POST", workflows, { body, headers: { "idempotency-key": `${stray}\u00e9` } });
    await request("GET", workflows, { headers: { "x-long": stray.repeat(500) } });
    await say(`GET /${stray} HTTP/1.1\r\n${stray}\r\n\r\n`);
    await say(`${stray}\r\n\r\n`);
    await say(`POST ${workflows} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"${stray}`);

    // A constraint that no row of a run keeps: PostgreSQL's refusal quotes the whole row.
    await query("alter table workflows add constraint nothing_more check (name <> 'a') not valid");
    await request("POST", workflows, { body });
    await request("POST", "/v1/facts", {
      body: { facts: [{ type: "workflow.created", data: body }] },
    });
    await query("alter table workflows drop constraint nothing_more");
    // A statement that is cancelled, and a connection that is lost, in the middle of it.
    for (const end of ["pg_cancel_backend", "pg_terminate_backend"]) {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      await client.query("begin; lock table workflows in access exclusive mode");
      const waiting = request("POST", workflows, { body });
      await until("somebody waits for the lock", async () => {
        const waits = await query(
          `select ${end}(pid) from pg_stat_activity where wait_event_type = 'Lock'`,
        );
        return waits.length > 0;
      });
      await client.query("rollback");
      await client.end();
      await waiting;
    }
    await postgres.close();
    await request("POST", workflows, { body });
    await request("GET", "/readyz");
    postgres = await open();
    await until("the service is back", async () => (await fetch(`${service.url}/readyz`)).ok);
    await request("POST", workflows, { body: { name: "back" } });
    texts.push(["/metrics", await (await fetch(`${service.url}/metrics`)).text()]);
  };

  /** Sends what no client would, and waits for the end of the connection. */
  const say = (text: string) =>
    new Promise<void>((resolve) => {
      const { port, hostname } = new URL(service.url);
      const socket = net.connect(Number(port), hostname, () => socket.end(text));
      let answered = "";
      socket.on("data", (bytes) => {
        answered += bytes;
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        answers.push({ what: "what is no HTTP", status: 400, text: answered });
        resolve();
      });
    });

  return {
    service,
    answers,
    texts: () => texts,
    planted: () => ({ secrets, payloads }),
    useEverything,
    provokeEverything,
    query,
    /** Every column of every table as text, bytes as they are. */
    async dump(): Promise<Map<string, string>> {
      const columns = await query(`
        select c.relname as table, a.attname as column from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`);
      const dumped = new Map<string, string>();
      for (const { table, column } of columns) {
        const rows = await query(`select "${column}" as value from "${table}"`);
        dumped.set(`${table}.${column}`, rows.map(({ value }) => textOf(value)).join("\n"));
      }
      return dumped;
    },
    /** The files of the database, its log and its write-ahead log among them. */
    files: () =>
      readdirSync(directory, { recursive: true, encoding: "utf8" })
        .map((name) => path.join(directory, name))
        .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile()),
  };
}

type RequestOptions = {
  body?: unknown;
  key?: string;
  headers?: Record<string, string>;
  /** The one secret that this answer is there to tell. */
  tells?: string;
};

const textOf = (value: unknown): string =>
  Buffer.isBuffer(value)
    ? `${value.toString("latin1")} ${value.toString("hex")}`
    : (JSON.stringify(value) ?? "");

const allActions = ["workflow_created", "workflow_run_started", "workflow_run_completed"];
const allMessages = ["status-update", "conversation-update", "end-of-call-report", "error"];
