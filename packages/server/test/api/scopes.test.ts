import { expect, onTestFinished, test } from "vitest";
import { type Scope, scopes } from "../../src/api-keys.ts";
import { newId } from "../../src/ids.ts";
import type { TestApi } from "../support/api.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish, judge, type Operation, readOperations, send } from "../support/requests.ts";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  return { api, operations: await readOperations(api) };
}

const withoutKey = ["GET /livez", "GET /readyz", "GET /metrics"];

/** Facts are published; what decides where they go is written. */
const writing: readonly [prefix: string, scope: Scope][] = [
  ["/workflows/v1/workflow-webhooks", "write"],
  ["/workflows/v1/workflows", "publish"],
  ["/workflows/v1/workflow-runs", "publish"],
];

/** The scope an operation must ask for, by the rules of the house and not by its own word. */
function neededScope({ name, method, path }: Operation): Scope | "none" {
  if (withoutKey.includes(name)) return "none";
  // With the secret one could forge deliveries: reading it takes more than `read`.
  const reads = method === "GET" && !path.endsWith("/signing-secret");
  const [, scope] =
    writing.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`)) ?? [];
  if (scope === undefined) throw new Error(`say in this test which scope ${name} needs`);
  return reads ? "read" : scope;
}

/** An operation without parameters in its path, so that only its scope can be in the way. */
const onNothing = {
  webhook_id: [newId()],
  workflow_id: [newId()],
  run_id: [newId()],
  event_id: [newId()],
  number: ["1"],
} as const;

test("reading takes `read`, configuring `write`, reporting `publish`, and nothing is open but health", async () => {
  const { operations } = await open();
  expect(operations.length).toBeGreaterThan(20);
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
    for (const operation of operations.filter((one) => neededScope(one) === scope)) {
      const refused = await send(api, operation, onNothing, { key: without });
      judge(operation, refused);
      expect([operation.name, refused.status]).toEqual([operation.name, 403]);
      expect(refused.body.detail).toContain(`\`${scope}\``);
      const taken = await send(api, operation, onNothing, { key: only });
      judge(operation, taken);
      expect([401, 403], `${operation.name} ${taken.text}`).not.toContain(taken.status);
    }
  }
});

test("no answer shows what was carried, received or returned to a key without the scope `payload`", async () => {
  const { api, operations } = await open();
  const secret = "only-for-eyes-with-payload";
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "in-sight" });
  const run = { workflow_id: names.workflow_id?.[0], trigger: "manual", input: { secret } };
  const started = await api.call("POST", "/workflows/v1/workflow-runs", { body: run });
  expect(started.text).toContain(secret);
  await api.database.sql`update attempts set response_body = ${secret}`;
  const { key } = await api.newKey({ scopes: scopes.filter((scope) => scope !== "payload") });
  const own = { ...names, run_id: [started.body.run.id] as const };
  for (const operation of inOrder(operations)) {
    const answer = await send(api, operation, own, { key });
    judge(operation, answer);
    expect([operation.name, answer.text]).not.toEqual([
      operation.name,
      expect.stringContaining(secret),
    ]);
  }
});

/** What deletes comes last. */
const inOrder = (operations: readonly Operation[]) =>
  [...operations].sort((a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE"));

test("no route stays out of the description but the description itself", async () => {
  const { api, operations } = await open();
  const described = operations.map(({ name }) => name.replaceAll(/\{(\w+)\}/g, ":$1"));
  const undescribed = routesOf(api).filter((route) => !described.includes(route));
  expect(undescribed).toEqual(["GET /openapi.json", "GET /docs"]);
});

/** The routes of the framework's own tree, as in `GET /workflows/:id`. */
function routesOf({ app }: TestApi): string[] {
  const trail: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods] =
        /^(.*?)(?:├──|└──) (\S+)(?: \((.+)\))?$/.exec(line) ?? [];
      trail.splice(indent.length / 4, trail.length, part);
      const path = trail.join("");
      return (methods?.split(", ") ?? [])
        .filter((one) => one !== "HEAD")
        .map((one) => `${one} ${path}`);
    });
}
