import { expect, onTestFinished, test } from "vitest";
import { type Scope, scopes } from "../../src/api-keys.ts";
import { newCallId, newId } from "../../src/ids.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names } from "../support/furnish.ts";
import {
  judge,
  type Operation,
  readingFirst,
  readOperations,
  send,
  servedOperations,
} from "../support/requests.ts";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return { api, operations: await readOperations(api) };
}

/** A session is shown to its own key alone, whatever another one may do. */
const ofOneKey = ({ path }: Operation): boolean => path === "/v1/sessions/{session_id}";

const withoutKey = [
  "GET /livez",
  "GET /readyz",
  "GET /metrics",
  "GET /v1/sign-in",
  "POST /v1/sessions",
];

/** What is shown or promised there are payloads: without their scope it is refused altogether. */
const takesPayload = ["POST /v1/listeners", "GET /v1/listeners/{listener_id}/requests"];

/** Facts are published; what decides where they go is written. */
const writing: readonly [prefix: string, scope: Scope][] = [
  ["/workflows/v1/workflow-webhooks", "write"],
  ["/webhooks", "write"],
  ["/assistants/v1/assistants", "write"],
  ["/calls/v1/conversations", "publish"],
  ["/v1/deliveries", "write"],
  ["/v1/endpoints", "write"],
  ["/v1/event-types", "write"],
  ["/v1/listeners", "write"],
  ["/v1/replays", "write"],
  ["/v1/facts", "publish"],
  ["/workflows/v1/workflows", "publish"],
  ["/workflows/v1/workflow-runs", "publish"],
];

/** The scope an operation must ask for, by the rules of the house and not by its own word. */
function neededScope({ name, method, path }: Operation): Scope | "any" | "none" {
  if (withoutKey.includes(name)) return "none";
  if (name === "GET /accounts/v1/users/me") return "any";
  // They are the caller's own.
  if (/^\/v1\/sessions(\/|$)/.test(path)) return "any";
  // Who reaches what is for administrators alone, be it only to look.
  if (/^\/v1\/(teams|api-keys|audit|operational-webhooks|portal-links)(\/|$)/.test(path))
    return "admin";
  if (path === "/v1/stats") return "read";
  // What is erased is gone for good.
  const erasing = [
    "/workflows/v1/workflow-runs/{run_id}",
    "/calls/v1/conversations/{conversation_id}",
  ];
  if (method === "DELETE" && erasing.includes(path)) return "admin";
  // With the secret one could forge deliveries: reading it takes more than `read`.
  const reads =
    method === "GET" && !path.endsWith("/signing-secret") && !path.startsWith("/v1/listeners");
  const [, scope] =
    writing.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`)) ?? [];
  if (scope === undefined) throw new Error(`say in this test which scope ${name} needs`);
  return reads ? "read" : scope;
}

/** An operation without parameters in its path, so that only its scope can be in the way. */
const onNothing = {
  webhook_id: [newId()],
  operational_webhook_id: [newId()],
  workflow_id: [newId()],
  run_id: [newId()],
  operational_event_id: [newId()],
  event_id: [newId(), `event_${crypto.randomUUID()}`],
  delivery_id: [newId()],
  endpoint_id: [newId()],
  replay_id: [newId()],
  listener_id: [newId()],
  number: ["1"],
  step_id: ["a-step"],
  subscription_id: [newId()],
  assistant_id: [newId()],
  conversation_id: [newCallId("web")],
  api_key_id: [newId()],
  session_id: [newId()],
  portal_link_id: [newId()],
  team_id: [newId()],
} as const;

test("reading takes `read`, configuring `write`, reporting `publish`, keys `admin`, and nothing is open but health", async () => {
  const { operations } = await open();
  expect(operations.length).toBeGreaterThan(70);
  const declared = operations.map(({ name, scope }) => [name, scope]);
  expect(declared).toEqual(operations.map((one) => [one.name, neededScope(one)]));
});

test("every operation refuses a caller without a key with one and the same 401", async () => {
  const { api, operations } = await open();
  const closed = operations.filter(({ scope }) => scope !== "none");
  const answers = await Promise.all(
    closed.map(async (operation) => {
      const answer = await send(api, operation, onNothing, { key: null });
      judge(operation, answer);
      expect(answer.status, operation.name).toBe(401);
      return JSON.stringify({ ...answer.body, request_id: "" });
    }),
  );
  expect(new Set(answers).size).toBe(1);
});

test("every operation refuses a key that has every scope but its own, and takes one that has no other", async () => {
  const { api, operations } = await open();
  const keyWith = async (own: readonly Scope[]) => (await api.newKey({ scopes: own })).key;
  for (const scope of scopes) {
    const without = await keyWith(scopes.filter((one) => one !== scope));
    const only = await keyWith([scope]);
    const both = await keyWith([...new Set<Scope>([scope, "payload"])]);
    for (const operation of operations.filter((one) => neededScope(one) === scope)) {
      const refused = await send(api, operation, onNothing, { key: without });
      judge(operation, refused);
      expect([operation.name, refused.status]).toEqual([operation.name, 403]);
      expect(refused.body.detail).toContain(`\`${scope}\``);
      const taken = await send(api, operation, onNothing, {
        key: takesPayload.includes(operation.name) ? both : only,
      });
      judge(operation, taken);
      expect([401, 403], `${operation.name} ${taken.text}`).not.toContain(taken.status);
    }
  }
});

test("an operation for any key takes a key of whichever scope", async () => {
  const { api, operations } = await open();
  for (const operation of operations.filter((one) => neededScope(one) === "any")) {
    for (const scope of scopes) {
      const { key } = await api.newKey({ scopes: [scope] });
      const answer = await send(api, operation, onNothing, { key });
      judge(operation, answer);
      const done = operation.method === "DELETE" ? 204 : 200;
      const status = operation.path.includes("{") ? 404 : done;
      expect([operation.name, scope, answer.status]).toEqual([operation.name, scope, status]);
    }
  }
});

test("no answer shows payloads, documents or receivers' answers to a key without the scope `payload`", async () => {
  const { api, operations } = await open();
  const secret = "only-for-eyes-with-payload";
  const shown: string[] = [];
  const make = async () => {
    const team = await api.newTeam();
    const names = await furnish(api, { ...team, secret: "in-sight", payload: secret });
    const closed = await api.newKey({
      scopes: scopes.filter((scope) => scope !== "payload"),
      teamIds: [team.teamId],
    });
    return { names, all: team.key, key: closed.key };
  };
  const untouched = await make();
  for (const operation of [...operations].sort(readingFirst)) {
    // What writes gets a team of its own, so that it finds things as they were made, and no more of them than it needs.
    const { names, all, key } = operation.method === "GET" ? untouched : await make();
    for (const own of [names, secondNames(names)]) {
      const answer = await send(api, operation, own, { key });
      judge(operation, answer);
      if (operation.method === "GET" && !ofOneKey(operation))
        expect(answer.status, operation.name).toBe(
          takesPayload.includes(operation.name) ? 403 : 200,
        );
      expect([operation.name, answer.text]).not.toEqual([
        operation.name,
        expect.stringContaining(secret),
      ]);
      // With the scope it is there: the mark does reach what this test is about.
      const open =
        operation.method === "GET" ? await send(api, operation, own, { key: all }) : answer;
      if (open.text.includes(secret)) shown.push(operation.name);
    }
  }
  expect([...new Set(shown)]).toEqual(showPayloads);
});

/** Where a resource has a second name, or there is a second resource: that one. */
const secondNames = (names: Names): Names =>
  Object.fromEntries(
    Object.entries(names).map(([parameter, [first, second]]) => [parameter, [second ?? first]]),
  );

const showPayloads = [
  "GET /assistants/v1/assistants/{assistant_id}/deliveries",
  "GET /calls/v1/conversations/{conversation_id}",
  "GET /v1/deliveries/{delivery_id}",
  "GET /v1/operational-webhooks/events",
  "GET /v1/operational-webhooks/events/{operational_event_id}/attempts",
  "GET /webhooks/logs/all",
  "GET /webhooks/{subscription_id}/logs",
  "GET /workflows/v1/workflow-runs",
  "GET /workflows/v1/workflow-runs/{run_id}",
  "GET /workflows/v1/workflow-runs/{run_id}/steps",
  "GET /workflows/v1/workflow-runs/{run_id}/steps/{step_id}",
  "GET /workflows/v1/workflow-webhooks/events",
  "GET /workflows/v1/workflow-webhooks/events/{event_id}/attempts",
];

test("without the scope `payload` every object names what it hides, on every route, and with it none does", async () => {
  const { api, operations } = await open();
  const closed = (await api.newKey({ scopes: scopes.filter((scope) => scope !== "payload") })).key;
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "in-sight" });
  const hiding: string[] = [];
  const read = operations.filter(
    (one) => one.method === "GET" && !ofOneKey(one) && !takesPayload.includes(one.name),
  );
  for (const operation of read) {
    for (const own of [names, secondNames(names)]) {
      const shown = await send(api, operation, own);
      const answer = await send(api, operation, own, { key: closed });
      judge(operation, answer);
      expect([operation.name, ...hiddenIn(shown.body)]).toEqual([operation.name]);
      expect([operation.name, ...differences(shown.body, answer.body)]).toEqual([
        operation.name,
        ...hiddenIn(answer.body),
      ]);
      if (hiddenIn(answer.body).length > 0) hiding.push(operation.name);
    }
  }
  expect([...new Set(hiding)].sort()).toEqual(showPayloads);
});

test("the answer to a report names what it hides, and nothing that is not there", async () => {
  const { api } = await open();
  const { key } = await api.newKey({ scopes: ["read", "publish", "write"] });
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "in-sight" });
  const call = async (method: string, path: string, body?: object) =>
    (await api.call(method, path, { key, body })).body;
  const run = `/workflows/v1/workflow-runs/${names.run_id?.[0]}`;
  const conversation = `/calls/v1/conversations/${names.conversation_id?.[0]}`;

  expect((await call("PATCH", run, { status: "running" })).run.hidden).toEqual(["input"]);
  expect((await call("PATCH", run, { output: [] })).run.hidden).toEqual(["input", "output"]);
  const more = { error: "none", collected_information: {} };
  const all = ["input", "output", "collected_information", "error"];
  expect((await call("PATCH", run, more)).run.hidden).toEqual(all);
  const listed = await call("GET", "/workflows/v1/workflow-runs");
  expect(listed.runs[0].hidden).toEqual(all);
  const step = { name: "a", status: "started" };
  expect((await call("PUT", `${run}/steps/new`, step)).step).not.toHaveProperty("hidden");
  const failed = { ...step, status: "failed", error: "no" };
  expect((await call("PUT", `${run}/steps/new`, failed)).step.hidden).toEqual(["error"]);
  const line = { role: "user", text: "hello" };
  expect((await call("POST", `${conversation}/messages`, line)).hidden).toEqual(["text"]);
  const ended = await call("POST", `${conversation}/end`, { cost: { usd: 1 } });
  expect(ended.hidden).toEqual(["metadata", "cost"]);
});

/** Every name in a `hidden` of an answer, in the order of a walk. */
const hiddenIn = (answer: unknown): string[] =>
  objectsIn(answer).flatMap(([, one]) => (one.hidden as string[] | undefined) ?? []);

/** Every member that one answer holds and the other shows as null or not at all. */
function differences(open: unknown, closed: unknown): string[] {
  const others = new Map(objectsIn(closed));
  return objectsIn(open).flatMap(([place, one]) => {
    const other = others.get(place);
    return Object.keys(one).filter(
      (name) => other && one[name] !== null && (other[name] ?? null) === null,
    );
  });
}

type Place = [place: string, object: Record<string, unknown>];

/** Every object of an answer with its place in it, private documents aside. */
function objectsIn(value: unknown, place = ""): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([name, one]) => objectsIn(one, `${place}/${name}`));
  return Array.isArray(value) ? inner : [[place, value as Record<string, unknown>], ...inner];
}

test("no answer shows a receiver's secret or a header's value, to no key", async () => {
  const { api, operations } = await open();
  const credential = "never-shown-again";
  const make = async () => {
    const team = await api.newTeam();
    const names = await furnish(api, { ...team, secret: "in-sight", credential });
    return { names, key: team.key };
  };
  const untouched = await make();
  for (const operation of [...operations].sort(readingFirst)) {
    const { names, key } = operation.method === "GET" ? untouched : await make();
    const answer = await send(api, operation, names, { key });
    judge(operation, answer);
    expect([operation.name, answer.text]).not.toEqual([
      operation.name,
      expect.stringContaining(credential),
    ]);
  }
  expect(JSON.stringify(api.logged)).not.toContain(credential);
});

test("no route stays out of the description but the description itself, the pages and MCP", async () => {
  const { api, operations } = await open();
  const described = operations.map(({ name }) => name);
  const undescribed = servedOperations(api).filter((one) => !described.includes(one));
  expect(undescribed).toEqual([
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/api",
    "GET /docs/api/plain",
    "GET /docs*",
    "GET /dashboard",
    "GET /dashboard*",
    "GET /portal",
    "GET /portal*",
    "GET /llms.txt",
    "POST /mcp",
  ]);
});
