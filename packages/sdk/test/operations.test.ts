import { readFileSync } from "node:fs";
import { expect, expectTypeOf, test } from "vitest";
import {
  type ListWorkflowWebhookEventsQuery,
  type OperationalWebhookAttempt,
  type OperationalWebhookEvent,
  Postrider,
  type WorkflowWebhookAttempt,
  type WorkflowWebhookEvent,
} from "../src/index.ts";
import { json, scripted } from "./answers.ts";

// Bodies are passed on as they are: these tests ask where they go, and hand in what TypeScript would refuse.
// biome-ignore lint/suspicious/noExplicitAny: see above.
type Anything = any;

type Parameter = { name: string; in: string; schema: { maximum?: number } };
type Operation = { operationId: string; requestBody?: object; parameters?: Parameter[] };

const document: { paths: Record<string, Record<string, Operation>> } = JSON.parse(
  readFileSync(new URL("../../server/openapi.json", import.meta.url), "utf8"),
);

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    method: method.toUpperCase(),
    path,
  })),
);

function operationOf(operationId: string) {
  const found = operations.find((one) => one.operationId === operationId);
  if (!found) throw new Error(`openapi.json has no ${operationId}`);
  return found;
}

/** The path of an operation whose first parameter is "1", and whose second one is "2". */
function pathOf(operationId: string): string {
  let count = 0;
  return operationOf(operationId).path.replace(/\{\w+\}/g, () => String(++count));
}

const body: Anything = { told: "as it is" };
const query: Anything = { asked: "as it is" };

/** What the probes and the scraper of the operator ask is none of a client's business. */
const operatorsOwn = ["getLiveness", "getReadiness", "getMetrics"];

/** They answer with a stream: delivery-stream.test.ts and listeners.test.ts ask for them. */
const streams = ["streamDeliveries", "streamListenerRequests"];

const methods: [operationId: string, call: (client: Postrider) => Promise<unknown>][] = [
  ["getMe", ({ me }) => me.get()],
  ["reportFacts", ({ facts }) => facts.report(body)],
  ["listAuditEntries", ({ audit }) => audit.list(query)],
  ["getStats", ({ stats }) => stats.get(query)],

  ["listDeliveries", ({ deliveries }) => deliveries.list(query)],
  ["getDelivery", ({ deliveries }) => deliveries.get("1")],
  ["retryDelivery", ({ deliveries }) => deliveries.retry("1")],

  ["listEndpoints", ({ endpoints }) => endpoints.list(query)],
  ["getEndpoint", ({ endpoints }) => endpoints.get("1")],
  ["enableEndpoint", ({ endpoints }) => endpoints.enable("1")],
  ["disableEndpoint", ({ endpoints }) => endpoints.disable("1")],
  ["createListener", ({ listeners }) => listeners.create(body)],
  ["answerListenerRequest", ({ listeners }) => listeners.answer("1", body)],
  ["deleteListener", ({ listeners }) => listeners.delete("1")],
  ["startReplay", ({ replays }) => replays.start(body)],
  ["listReplays", ({ replays }) => replays.list(query)],
  ["getReplay", ({ replays }) => replays.get("1")],
  ["cancelReplay", ({ replays }) => replays.cancel("1")],

  ["listEventTypes", ({ eventTypes }) => eventTypes.list(query)],

  ["createApiKey", ({ apiKeys }) => apiKeys.create(body)],
  ["listApiKeys", ({ apiKeys }) => apiKeys.list(query)],
  ["revokeApiKey", ({ apiKeys }) => apiKeys.revoke("1")],

  ["createPortalLink", ({ portalLinks }) => portalLinks.create(body)],
  ["listPortalLinks", ({ portalLinks }) => portalLinks.list(query)],
  ["revokePortalLink", ({ portalLinks }) => portalLinks.revoke("1")],

  ["getSignIn", ({ sessions }) => sessions.ways()],
  ["createSession", ({ sessions }) => sessions.create(body)],
  ["listSessions", ({ sessions }) => sessions.list(query)],
  ["endSessions", ({ sessions }) => sessions.endAll()],
  ["getSession", ({ sessions }) => sessions.get("1")],
  ["updateSession", ({ sessions }) => sessions.update("1", body)],
  ["endSession", ({ sessions }) => sessions.end("1")],

  ["createTeam", ({ teams }) => teams.create(body)],
  ["listTeams", ({ teams }) => teams.list(query)],
  ["getTeam", ({ teams }) => teams.get("1")],
  ["updateTeam", ({ teams }) => teams.update("1", body)],
  ["eraseTeam", ({ teams }) => teams.erase("1")],

  ["createAssistant", ({ assistants }) => assistants.create(body)],
  ["listAssistants", ({ assistants }) => assistants.list(query)],
  ["getAssistant", ({ assistants }) => assistants.get("1")],
  ["updateAssistant", ({ assistants }) => assistants.update("1", body)],
  ["deleteAssistant", ({ assistants }) => assistants.delete("1")],
  ["listAssistantDeliveries", ({ assistants }) => assistants.listDeliveries("1", query)],
  ["getAssistantSigningSecret", ({ assistants }) => assistants.getSecret("1")],
  ["rotateAssistantSigningSecret", ({ assistants }) => assistants.rotateSecret("1")],

  ["createConversation", ({ calls }) => calls.create(body)],
  ["listConversations", ({ calls }) => calls.list(query)],
  ["getConversation", ({ calls }) => calls.get("1")],
  ["eraseConversation", ({ calls }) => calls.erase("1")],
  ["changeConversationStatus", ({ calls }) => calls.changeStatus("1", body)],
  ["addConversationMessage", ({ calls }) => calls.addMessage("1", body)],
  ["reportConversationError", ({ calls }) => calls.reportError("1", body)],
  ["endConversation", ({ calls }) => calls.end("1", body)],

  ["createWebhook", ({ webhooks }) => webhooks.create(body)],
  ["listWebhooks", ({ webhooks }) => webhooks.list(query)],
  ["getWebhook", ({ webhooks }) => webhooks.get("1")],
  ["updateWebhook", ({ webhooks }) => webhooks.update("1", body)],
  ["deleteWebhook", ({ webhooks }) => webhooks.delete("1")],
  ["testWebhook", ({ webhooks }) => webhooks.test("1")],
  ["listWebhookLogs", ({ webhooks }) => webhooks.listLogs("1", query)],
  ["listAllWebhookLogs", ({ webhooks }) => webhooks.listAllLogs(query)],
  ["getWebhookSigningSecret", ({ webhooks }) => webhooks.getSecret("1")],
  ["rotateWebhookSigningSecret", ({ webhooks }) => webhooks.rotateSecret("1")],

  ["startRun", ({ runs }) => runs.create(body)],
  ["listRuns", ({ runs }) => runs.list(query)],
  ["getRun", ({ runs }) => runs.get("1")],
  ["updateRun", ({ runs }) => runs.update("1", body)],
  ["eraseRun", ({ runs }) => runs.erase("1")],
  ["listSteps", ({ runs }) => runs.listSteps("1", query)],
  ["getStep", ({ runs }) => runs.getStep("1", "2")],
  ["reportStep", ({ runs }) => runs.reportStep("1", "2", body)],

  ["createWorkflow", ({ workflows }) => workflows.create(body)],
  ["listWorkflows", ({ workflows }) => workflows.list(query)],
  ["getWorkflow", ({ workflows }) => workflows.get("1")],
  ["updateWorkflow", ({ workflows }) => workflows.update("1", body)],
  ["deleteWorkflow", ({ workflows }) => workflows.delete("1")],
  ["createWorkflowVersion", ({ workflows }) => workflows.createVersion("1", body)],
  ["activateWorkflowVersion", ({ workflows }) => workflows.activateVersion("1", 2)],

  ["createOperationalWebhook", (client) => client.operationalWebhooks.create(body)],
  ["listOperationalWebhooks", (client) => client.operationalWebhooks.list(query)],
  ["getOperationalWebhook", (client) => client.operationalWebhooks.get("1")],
  ["updateOperationalWebhook", (client) => client.operationalWebhooks.update("1", body)],
  ["deleteOperationalWebhook", (client) => client.operationalWebhooks.delete("1")],
  ["testOperationalWebhook", (client) => client.operationalWebhooks.test("1", body)],
  ["listOperationalWebhookEvents", (client) => client.operationalWebhooks.events.list(query)],
  [
    "listOperationalWebhookAttempts",
    (client) => client.operationalWebhooks.events.listAttempts("1", query),
  ],
  ["retryOperationalWebhookEvent", (client) => client.operationalWebhooks.events.retry("1")],
  ["getOperationalWebhookSigningSecret", (client) => client.operationalWebhooks.getSecret("1")],
  [
    "rotateOperationalWebhookSigningSecret",
    (client) => client.operationalWebhooks.rotateSecret("1"),
  ],
  ["createWorkflowWebhook", (client) => client.workflowWebhooks.create(body)],
  ["listWorkflowWebhooks", (client) => client.workflowWebhooks.list(query)],
  ["getWorkflowWebhook", (client) => client.workflowWebhooks.get("1")],
  ["updateWorkflowWebhook", (client) => client.workflowWebhooks.update("1", body)],
  ["deleteWorkflowWebhook", (client) => client.workflowWebhooks.delete("1")],
  ["testWorkflowWebhook", (client) => client.workflowWebhooks.test("1", body)],
  ["getWorkflowWebhookSigningSecret", (client) => client.workflowWebhooks.getSecret("1")],
  ["rotateWorkflowWebhookSigningSecret", (client) => client.workflowWebhooks.rotateSecret("1")],
  ["listWorkflowWebhookEvents", (client) => client.workflowWebhooks.events.list(query)],
  [
    "listWorkflowWebhookAttempts",
    (client) => client.workflowWebhooks.events.listAttempts("1", query),
  ],
  ["retryWorkflowWebhookEvent", (client) => client.workflowWebhooks.events.retry("1")],
  ["replayWorkflowWebhookEvents", (client) => client.workflowWebhooks.events.replay(body)],
];

test("every operation of the API has a method", () => {
  const called = [...methods.map(([operationId]) => operationId), ...streams, ...operatorsOwn];
  expect(called.sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
});

test.each(methods)("%s is asked for by the method and path of openapi.json", async (id, call) => {
  const { options, seen } = scripted(() => json({}));
  await call(new Postrider(options));
  const { method, requestBody } = operationOf(id);
  const isList = /^list|^getStats$/.test(id);
  expect(seen).toMatchObject([{ method, path: `${pathOf(id)}${isList ? "?asked=as+it+is" : ""}` }]);
  const told = {
    reportFacts: { facts: body },
    activateWorkflowVersion: {},
  }[id];
  expect(seen[0]?.body).toEqual(requestBody && (told ?? body));
  expect(seen[0]?.headers.get("content-type")).toBe(requestBody ? "application/json" : null);
  // A POST is the only one that would be done twice; of a listener's answers the first counts.
  const needsKey = method === "POST" && id !== "answerListenerRequest";
  expect(seen[0]?.headers.has("idempotency-key")).toBe(needsKey);
});

const walks: [string, string, (client: Postrider) => AsyncIterable<unknown>][] = [
  ["listTeams", "teams", ({ teams }) => teams.each()],
  ["listApiKeys", "api_keys", ({ apiKeys }) => apiKeys.each()],
  ["listPortalLinks", "portal_links", ({ portalLinks }) => portalLinks.each()],
  ["listSessions", "sessions", ({ sessions }) => sessions.each()],
  ["listAuditEntries", "entries", ({ audit }) => audit.each()],
  ["listDeliveries", "deliveries", ({ deliveries }) => deliveries.each()],
  ["listEndpoints", "endpoints", ({ endpoints }) => endpoints.each()],
  ["listReplays", "replays", ({ replays }) => replays.each()],
  ["listEventTypes", "event_types", ({ eventTypes }) => eventTypes.each()],
  ["listWebhooks", "webhooks", ({ webhooks }) => webhooks.each()],
  ["listWebhookLogs", "logs", ({ webhooks }) => webhooks.eachLog("1")],
  ["listAllWebhookLogs", "logs", ({ webhooks }) => webhooks.eachLogOfAll()],
];

test.each(walks)(
  "going through %s gives its rows, in pages as large as the API allows",
  async (id, member, walk) => {
    const { options, seen } = scripted(() => json({ [member]: [{ id: "row" }] }));
    const rows: unknown[] = [];
    for await (const row of walk(new Postrider(options))) rows.push(row);
    expect(rows).toEqual([{ id: "row" }]);
    const { parameters = [] } = operationOf(id);
    const limit = parameters.find(({ name }) => name === "limit")?.schema.maximum;
    expect(limit).toBeGreaterThan(0);
    const { pathname, searchParams } = new URL(seen[0]?.path ?? "", "https://postrider.test");
    expect(pathname).toBe(pathOf(id));
    expect(searchParams.get("limit")).toBe(String(limit));
  },
);

const filteredWalks: [
  string,
  string,
  (client: Postrider, asked: Anything) => AsyncIterable<unknown>,
][] = [
  ["listAssistants", "assistants", ({ assistants }, asked) => assistants.each(asked)],
  ["listConversations", "conversations", ({ calls }, asked) => calls.each(asked)],
  ["listRuns", "runs", ({ runs }, asked) => runs.each(asked)],
  ["listWorkflows", "workflows", ({ workflows }, asked) => workflows.each(asked)],
  [
    "listOperationalWebhooks",
    "subscriptions",
    (client, asked) => client.operationalWebhooks.each(asked),
  ],
  [
    "listOperationalWebhookEvents",
    "events",
    (client, asked) => client.operationalWebhooks.events.each(asked),
  ],
  ["listWorkflowWebhooks", "subscriptions", (client, asked) => client.workflowWebhooks.each(asked)],
  ["listAuditEntries", "entries", ({ audit }, asked) => audit.each(asked)],
  ["listDeliveries", "deliveries", ({ deliveries }, asked) => deliveries.each(asked)],
  ["listEndpoints", "endpoints", ({ endpoints }, asked) => endpoints.each(asked)],
  ["listReplays", "replays", ({ replays }, asked) => replays.each(asked)],
  ["listEventTypes", "event_types", ({ eventTypes }, asked) => eventTypes.each(asked)],
  ["listWebhookLogs", "logs", ({ webhooks }, asked) => webhooks.eachLog("1", asked)],
  ["listAllWebhookLogs", "logs", ({ webhooks }, asked) => webhooks.eachLogOfAll(asked)],
  [
    "listAssistantDeliveries",
    "deliveries",
    (client, asked) => client.assistants.eachDelivery("1", asked),
  ],
  [
    "listWorkflowWebhookEvents",
    "events",
    (client, asked) => client.workflowWebhooks.events.each(asked),
  ],
];

test.each(filteredWalks)(
  "going through %s gives its rows, of those that were asked for",
  async (id, member, walk) => {
    const { options, seen } = scripted(() => json({ [member]: [{ id: "row" }] }));
    const rows: unknown[] = [];
    for await (const row of walk(new Postrider(options), query)) rows.push(row);
    expect(rows).toEqual([{ id: "row" }]);
    const { pathname, searchParams } = new URL(seen[0]?.path ?? "", "https://postrider.test");
    expect(pathname).toBe(pathOf(id));
    expect(searchParams.get("asked")).toBe(query.asked);
  },
);

/** These calls have no row above. */
const furtherCalls: ((client: Postrider) => unknown)[] = [
  ({ replays }) => replays.dryRun(body),
  ({ workflowWebhooks }) => workflowWebhooks.events.replayDryRun(body),
  ({ workflowWebhooks }) => workflowWebhooks.events.eachAttempt("1"),
  ({ operationalWebhooks }) => operationalWebhooks.events.eachAttempt("1"),
  ({ runs }) => runs.eachStep("1"),
  ({ deliveries }) => deliveries.stream(query),
  ({ listeners }) => listeners.requests("1"),
];

/** They have options of their own: guards.test.ts hands in wrong ones. */
const methodsWithOtherOptions = ["buffer", "calls.start", "runs.start"];

/** Gives every method of a client, by its path such as `teams.list`, one more argument after those of its caller. */
function withLastArgument(client: Postrider, last: unknown, called: Set<string>): Postrider {
  const wrap = (value: Anything, path: string): Anything => {
    if (typeof value === "function") {
      return (...given: unknown[]) => {
        called.add(path);
        return value(...given, last);
      };
    }
    return new Proxy(value, {
      get: (members, name) =>
        wrap(members[name], path === "" ? String(name) : `${path}.${String(name)}`),
    });
  };
  return wrap(client, "");
}

/** The paths of all methods. */
function methodPaths(value: object, path = ""): string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    const own = path === "" ? name : `${path}.${name}`;
    return typeof member === "function" ? [own] : methodPaths(member, own);
  });
}

test("what is not an object of known options is refused by every method, before any request", async () => {
  const { options, seen } = scripted(() => json({}));
  const client = new Postrider(options);
  const called = new Set<string>();
  const filtered = new Set(filteredWalks.map(([operationId]) => operationId));
  const walksWithoutQuery = walks.filter(([operationId]) => !filtered.has(operationId));
  const calls = [
    ...methods.map(([, call]) => call),
    ...walksWithoutQuery.map(([, , walk]) => walk),
    ...filteredWalks.map(
      ([, , walk]) =>
        (client: Postrider) =>
          walk(client, query),
    ),
    ...furtherCalls,
  ];
  for (const wrong of [5, "key-1", null, true, [], () => {}, { key: "1" }, { path: "/v1/teams" }]) {
    for (const call of calls) {
      await expect(
        (async () => {
          const result: Anything = await call(withLastArgument(client, wrong, called));
          if (Symbol.asyncIterator in Object(result)) await result.next();
        })(),
        `${call} with ${JSON.stringify(wrong)}`,
      ).rejects.toThrow(TypeError);
    }
  }
  expect(seen).toEqual([]);
  expect([...called, ...methodsWithOtherOptions].sort()).toEqual(methodPaths(client).sort());
});

test("a bare value as a query is refused, whether one page is read or all", async () => {
  const { options, seen } = scripted(() => json({}));
  const { runs, deliveries, workflowWebhooks }: Anything = new Postrider(options);
  for (const wrong of [5, "failed", null, ["failed"]]) {
    for (const read of [runs.list, deliveries.list, workflowWebhooks.events.list]) {
      await expect(read(wrong)).rejects.toThrow("The query must be an object");
    }
    for (const each of [
      runs.each,
      deliveries.each,
      workflowWebhooks.events.each,
      deliveries.stream,
    ]) {
      await expect(each(wrong).next()).rejects.toThrow("The query must be an object");
    }
  }
  expect(seen).toEqual([]);
});

test("a list in a query is its parameter, repeated", async () => {
  const { options, seen } = scripted(() => json({ deliveries: [] }));
  const asked = { status: ["failed", "retrying"], limit: 5 } as const;
  await new Postrider(options).deliveries.list({ ...asked, status: [...asked.status] });
  expect(seen[0]?.path).toBe("/v1/deliveries?status=failed&status=retrying&limit=5");
});

test("the events of each kind of webhook have that kind's types, and nothing is asked for before the first is read", () => {
  const { options, seen } = scripted(() => json({}));
  const { workflowWebhooks, operationalWebhooks } = new Postrider(options);
  expectTypeOf(workflowWebhooks.events.each({})).toEqualTypeOf<
    AsyncGenerator<WorkflowWebhookEvent>
  >();
  expectTypeOf(workflowWebhooks.events.eachAttempt("1")).toEqualTypeOf<
    AsyncGenerator<WorkflowWebhookAttempt>
  >();
  expectTypeOf(operationalWebhooks.events.each({})).toEqualTypeOf<
    AsyncGenerator<OperationalWebhookEvent>
  >();
  expectTypeOf(operationalWebhooks.events.eachAttempt("1")).toEqualTypeOf<
    AsyncGenerator<OperationalWebhookAttempt>
  >();
  expectTypeOf(workflowWebhooks.events.list)
    .parameter(0)
    .toEqualTypeOf<ListWorkflowWebhookEventsQuery | undefined>();
  expect(seen).toEqual([]);
});

test("a bare value as the body of a dry run is refused", async () => {
  const { options, seen } = scripted(() => json({}));
  const { replays, workflowWebhooks }: Anything = new Postrider(options);
  for (const wrong of [5, "failed", null, ["failed"]]) {
    for (const count of [replays.dryRun, workflowWebhooks.events.replayDryRun]) {
      await expect(count(wrong)).rejects.toThrow("The body must be an object");
    }
  }
  expect(seen).toEqual([]);
});
