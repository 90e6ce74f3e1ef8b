import { Postrider } from "@postrider/sdk";
import { expect, test } from "vitest";
import type { Scope } from "../../src/api-keys.ts";
import { type Era, openAgent } from "../support/agent.ts";
import { openService } from "../support/running-server.ts";

async function openWorld(env: Record<string, string> = {}) {
  const service = await openService({}, env);
  const { url } = service.server;
  const operator = new Postrider({ url, apiKey: service.key });
  const keyWith = async (...scopes: Scope[]) =>
    (await operator.apiKeys.create({ name: "agent", scopes })).key;
  /** Posts to /mcp as it is. */
  const post = async (
    headers: Record<string, string>,
    body: unknown = { jsonrpc: "2.0", id: 1, method: "tools/list" },
  ) => {
    const answer = await fetch(`${url}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  return { service, url, operator, keyWith, post };
}

test.each<[Era, string]>([
  ["legacy", "2025-11-25"],
  ["auto", "2026-07-28"],
])(
  "an agent of the era %s is served, and told which version of the protocol is spoken",
  async (era, version) => {
    const { url, keyWith } = await openWorld();
    const agent = await openAgent(url, await keyWith("read"), { era });
    expect(agent.client.getNegotiatedProtocolVersion()).toBe(version);
    expect(agent.client.getServerVersion()).toMatchObject({ name: "postrider" });
    expect(agent.client.getInstructions()).toContain("explain_failure");
    const { json } = await agent.use("list_deliveries");
    expect(json).toEqual({ deliveries: [], next_cursor: null });
  },
);

test("without a good key, or without `read`, nothing is told", async () => {
  const { keyWith, post } = await openWorld();
  expect((await post({})).status).toBe(401);
  expect((await post({ authorization: "Bearer prk_dev_none" })).status).toBe(401);
  const publisher = await keyWith("publish");
  expect((await post({ authorization: `Bearer ${publisher}` })).status).toBe(403);
});

test("a browser's session opens nothing: its cookie would go along whoever makes the browser send", async () => {
  const { url, keyWith, post } = await openWorld();
  const signedIn = await fetch(`${url}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ api_key: await keyWith("read", "write") }),
  });
  const [cookie = ""] = (signedIn.headers.get("set-cookie") ?? "").split(";");
  expect(signedIn.status).toBe(201);
  const answer = await post({ cookie, origin: url, "x-postrider-request": "1" });
  expect(answer.status).toBe(401);
});

test("a page of another site is refused by its Origin, a page of this service and a program are not", async () => {
  const { url, keyWith, post } = await openWorld();
  const authorization = `Bearer ${await keyWith("read")}`;
  for (const origin of ["https://evil.example", "null", `${url}.evil.example`]) {
    const answer = await post({ authorization, origin });
    expect([origin, answer.status]).toEqual([origin, 403]);
    expect(answer.text).toContain("foreign_origin");
  }
  expect((await post({ authorization, origin: url })).status).toBe(200);
  expect((await post({ authorization })).status).toBe(200);
});

test("there is no stream from the server: GET and DELETE are 405, and a subscription is refused", async () => {
  const { url, keyWith, post } = await openWorld();
  const authorization = `Bearer ${await keyWith("read")}`;
  for (const method of ["GET", "DELETE"]) {
    const answer = await fetch(`${url}/mcp`, { method, headers: { authorization } });
    expect(answer.status).toBe(405);
  }
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const answer = await post(
    {
      authorization,
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "subscriptions/listen",
    },
    {
      jsonrpc: "2.0",
      id: 1,
      method: "subscriptions/listen",
      params: { _meta: meta, notifications: { toolsListChanged: true } },
    },
  );
  expect(answer.text).toContain("limit reached");
});

test("what is no message is refused, and never a 5xx", async () => {
  const { keyWith, post } = await openWorld();
  const authorization = `Bearer ${await keyWith("read")}`;
  for (const body of [
    "",
    "{",
    "[]",
    "{}",
    '{"jsonrpc":"2.0"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
  ]) {
    const { status } = await post({ authorization }, body);
    expect([body, status >= 400 && status < 500]).toEqual([body, true]);
  }
  const large = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "x".repeat(300_000) });
  expect((await post({ authorization }, large)).status).toBe(413);
});

test("what an agent does is done by its key: in its team alone, within its rate, and written into the audit log", async () => {
  const { service, url, operator, keyWith } = await openWorld();
  const own = await operator.workflowWebhooks.create({
    name: "Own",
    url: "http://127.0.0.1:49151/hook",
    actions: ["workflow_created"],
  });
  const team = await operator.teams.create({ name: "another" });
  const { team_id } = await operator.me.get();
  const keyOf = async (...team_ids: [string, ...string[]]) =>
    (await operator.apiKeys.create({ name: "agent", scopes: ["read", "write"], team_ids })).key;
  const stranger = await openAgent(url, await keyOf(team.id));
  const unseen = await stranger.use("get_endpoint", { endpoint: own.id });
  const unknown = await stranger.use("get_endpoint", { endpoint: "0".repeat(24) });
  expect(unseen).toMatchObject({ refused: true, text: expect.stringContaining("No endpoint has") });
  expect(unseen.text.replaceAll(own.id, "0".repeat(24))).toBe(unknown.text);

  // The team's header selects for the tools as it does for the API.
  const both = await keyOf(team.id, team_id);
  const seenBy = async (headers: Record<string, string>) => {
    const { json } = await (await openAgent(url, both, { headers })).use("get_endpoint");
    return json.endpoints.map(({ name }: { name: string }) => name);
  };
  expect(await seenBy({ "x-org-id": team_id })).toEqual(["Own"]);
  expect(await seenBy({ "x-org-id": team.id })).toEqual([]);
  await expect(seenBy({ "x-org-id": own.id })).rejects.toThrow(/404|team_not_found/);

  const agent = await openAgent(url, await keyWith("read", "write"));
  await agent.use("send_test_event", { endpoint: "Own" });
  const { entries } = await operator.audit.list({ action: "workflow_webhook.tested" });
  expect(entries).toMatchObject([{ actor: { name: "agent" }, subject: { id: own.id } }]);
  expect(service.logged()).not.toContain("a tool of MCP failed unexpectedly");
});

test("an agent that asks too often is told to wait, by the limit of its key", async () => {
  const { url, keyWith } = await openWorld({
    POSTRIDER_RATE_LIMIT: "1",
    POSTRIDER_RATE_BURST: "12",
  });
  const agent = await openAgent(url, await keyWith("read"), { era: "legacy" });
  const answers = await Promise.allSettled(
    Array.from({ length: 12 }, () => agent.use("list_deliveries")),
  );
  const told = answers.map((one) =>
    JSON.stringify(one.status === "fulfilled" ? one.value : String(one.reason)),
  );
  expect(told.some((text) => /rate_limited|429/.test(text))).toBe(true);
});

test("wrong input is refused with the name of what is wrong", async () => {
  const { url, keyWith } = await openWorld();
  const agent = await openAgent(url, await keyWith("read"));
  for (const [name, input, word] of [
    ["list_deliveries", { limit: 51 }, "limit"],
    ["list_deliveries", { endpoints: "x" }, "endpoints"],
    ["explain_failure", {}, "delivery_id"],
    ["explain_failure", { delivery_id: "x" }, "delivery_id"],
    ["list_deliveries", { event_type: ["nothing"] }, "event_type"],
    ["list_deliveries", { from: "yesterday" }, "from"],
  ] as const) {
    const answer = await agent.use(name, input);
    expect(answer).toMatchObject({ refused: true, text: expect.stringContaining(word) });
  }
});
