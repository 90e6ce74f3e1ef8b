import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { defaultTeamId } from "../../src/db/teams.ts";
import { newId } from "../../src/ids.ts";
import { until } from "../support/house.ts";
import { openReceiver, type ReceivedRequest } from "../support/http-receiver.ts";
import { openService, type Service } from "../support/running-server.ts";

type Kind = "text" | "integer" | "boolean" | "list" | "object";
type Model = Record<string, Kind | `${Kind}?`>;
type Call = {
  call: string;
  method: string;
  path: string;
  query?: Record<string, string | number | boolean>;
  body?: object;
  status: number;
  reads?: string;
  list?: string;
  at?: string;
  pages?: boolean;
  finds?: string;
  keep?: Record<string, string>;
};
type Facts = { headers: Record<string, string>; models: Record<string, Model>; calls: Call[] };

const file = new URL("../cases/platform-sdk.json", import.meta.url);
const facts: Facts = JSON.parse(readFileSync(file, "utf8"));

// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
type Json = any;
type Names = Record<string, string>;

const fill = <Value>(value: Value, names: Names): Value =>
  JSON.parse(
    JSON.stringify(value).replaceAll(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole),
  );

const member = (value: Json, path: string): Json =>
  path.split(".").reduce((inner, name) => inner?.[name], value);

const kindOf = (value: unknown): Kind | undefined => {
  if (Array.isArray(value)) return "list";
  if (Number.isInteger(value)) return "integer";
  const kinds = { string: "text", boolean: "boolean", object: "object" } as const;
  return kinds[typeof value as keyof typeof kinds];
};

/** Holds an object to what the SDK's model of it takes: a member that may be null may be left out as well. */
function expectModel(object: Json, name: string, about: string): void {
  for (const [field, kind] of Object.entries(facts.models[name] ?? {})) {
    const value = object?.[field] ?? null;
    if (value === null)
      expect([about, field, kind]).toEqual([about, field, expect.stringMatching(/\?$/)]);
    else expect([about, field, kindOf(value)]).toEqual([about, field, kind.replace("?", "")]);
  }
}

/** Sends one request as the SDK does: the same headers on all, `Content-Type` also where there is no body. */
async function ask({ server }: Service, call: Call, names: Names, page?: number) {
  const { method, path, query, body } = fill(call, names);
  const url = new URL(`${server.url}/workflows${path}`);
  for (const [name, value] of Object.entries({ ...query, ...(page && { page }) })) {
    url.searchParams.set(name, String(value));
  }
  const answer = await fetch(url, {
    method,
    headers: fill(facts.headers, names),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : (JSON.parse(text) as Json) };
}

/** Collects all rows as the SDK does: on to the next page while the answer's `page` is below total ÷ size. */
async function everyRow(service: Service, call: Call, names: Names): Promise<Json[]> {
  const rows: Json[] = [];
  for (let page = 1; ; page++) {
    const { body } = await ask(service, call, names, page);
    rows.push(...body[call.list ?? ""]);
    if (body.page >= Math.ceil(body.total / body.size)) {
      expect([call.call, rows.length]).toEqual([call.call, body.total]);
      return rows;
    }
    expect([call.call, body.page]).toEqual([call.call, page]);
  }
}

/** The SDK can ask for runs but not report them. */
async function startRuns(service: Service, names: Names): Promise<void> {
  const path = "/workflows/v1/workflow-runs";
  for (let count = 0; count < 3; count++) {
    const run = { workflow_id: names.workflow_id, trigger: "manual" };
    const started = await service.call("POST", path, run);
    expect(started.status).toBe(201);
    names.run_id = started.body.run.id;
    const ended = { status: "completed", output: { done: true } };
    expect((await service.call("PATCH", `${path}/${names.run_id}`, ended)).status).toBe(200);
  }
}

async function replay(service: Service, call: Call, names: Names): Promise<void> {
  const { status, body } = await ask(service, call, names);
  expect([call.call, status, body?.detail]).toEqual([call.call, call.status, body?.detail]);
  for (const [name, path] of Object.entries(call.keep ?? {})) names[name] = member(body, path);
  if (status >= 400) {
    // It shows `detail` to its user.
    expect([call.call, typeof body.detail]).toEqual([call.call, "string"]);
    return;
  }
  if (call.reads === undefined) return;
  const rows = call.list === undefined ? [call.at ? body[call.at] : body] : body[call.list];
  expect([call.call, rows.length > 0]).toEqual([call.call, true]);
  for (const row of rows) expectModel(row, call.reads, call.call);
  if (!call.pages) return;
  const all = await everyRow(service, call, names);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  if (call.finds) expect(all.map(({ id }) => id)).toContain(fill(call.finds, names));
}

/** What the SDK's receivers hold each request to. */
function expectGenuine(secret: string, { headers, body }: ReceivedRequest): void {
  const expected = createHmac("sha256", secret).update(body).digest("hex");
  expect(headers["x-interactly-signature"]).toBe(expected);
  const timestamp = Number(headers["x-interactly-timestamp"]);
  expect(Math.abs(Date.now() / 1_000 - timestamp)).toBeLessThan(300);
}

test("every request of the platform's own SDK is answered with the fields that the SDK reads", async () => {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService();
  const names: Names = {
    key: service.key,
    team: defaultTeamId,
    receiver: receiver.origin,
    unknown: newId(),
  };
  // More than one of its pages of 20.
  for (let count = 0; count < 22; count++) {
    const hook = { name: "other", url: `${receiver.origin}/other`, actions: ["workflow_deleted"] };
    expect((await service.call("POST", "/workflows/v1/workflow-webhooks", hook)).status).toBe(201);
  }

  for (const call of facts.calls) {
    if (call.call === "runs.list") {
      await startRuns(service, names);
      await delivered(service);
    }
    await replay(service, call, names);
  }
  await delivered(service);
  expect(facts.calls.length).toBeGreaterThan(43);
});

async function delivered(service: Service): Promise<void> {
  const path = "/workflows/v1/workflow-webhooks/events?status=pending";
  await until("all is delivered", async () => (await service.call("GET", path)).body.total === 0);
}

test("the platform's own receivers verify requests with the secret as the API returns it", async () => {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService();
  const hooks = "/workflows/v1/workflow-webhooks";
  const hook = { name: "hook", url: receiver.origin, actions: ["workflow_created"] };
  const { id } = (await service.call("POST", hooks, hook)).body;
  const secretPath = `${hooks}/${id}/signing-secret`;
  const { secret } = (await service.call("GET", secretPath)).body;
  await service.call("POST", "/workflows/v1/workflows", { name: "Größe 漢字" });
  await receiver.received(1);
  expectGenuine(secret, receiver.requests[0] as ReceivedRequest);

  const rotated = (await service.call("POST", `${secretPath}/rotate`)).body.secret;
  await until("the new secret signs", async () => {
    const { length } = receiver.requests;
    await service.call("POST", "/workflows/v1/workflows", { name: "again" });
    await receiver.received(length + 1);
    return receiver.requests[length]?.headers["webhook-signature"]?.includes(" ") ?? false;
  });
  expectGenuine(rotated, receiver.requests.at(-1) as ReceivedRequest);
});

test.each([
  ["another team", { team: newId() }, 404],
  ["no team", { team: "" }, 404],
  ["another key", { key: "prk_unknown" }, 401],
] as const)("the SDK with %s is told so on every call", async (_what, wrong, status) => {
  const service = await openService();
  const names: Names = { key: service.key, team: defaultTeamId, unknown: newId(), ...wrong };
  for (const call of facts.calls) {
    const answer = await ask(service, call, names);
    expect([call.call, answer.status]).toEqual([call.call, status]);
    if (status === 404) expect(answer.body.detail).toContain("`teamid`");
  }
});
