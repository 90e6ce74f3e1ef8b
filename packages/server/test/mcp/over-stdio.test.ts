import { fileURLToPath } from "node:url";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Postrider } from "@postrider/sdk";
import { expect, onTestFinished, test } from "vitest";
import { agentOf, type Era, newClient } from "../support/agent.ts";
import { runCommand } from "../support/process.ts";
import { openService } from "../support/running-server.ts";

const command = fileURLToPath(new URL("../../bin/postrider.js", import.meta.url));

/** Starts `postrider mcp` as an agent's host does, and connects to it. */
async function openHost(url: string, apiKey: string, era: Era) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [command, "mcp"],
    env: { PATH: process.env.PATH ?? "", POSTRIDER_URL: url, POSTRIDER_API_KEY: apiKey },
    stderr: "pipe",
  });
  const seen: unknown[] = [];
  const client = newClient(era);
  // What is no message of the protocol is told here.
  client.onerror = (error) => seen.push(error);
  let stderr = "";
  transport.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return { agent: agentOf(client), seen, stderr: () => stderr };
}

test.each<Era>(["legacy", "auto"])(
  "postrider mcp serves the same tools over stdio to a client of the era %s, and nothing but the protocol is printed",
  async (era) => {
    const service = await openService();
    const { url } = service.server;
    const operator = new Postrider({ url, apiKey: service.key });
    const reader = await operator.apiKeys.create({ name: "reader", scopes: ["read"] });
    const { agent, seen, stderr } = await openHost(url, reader.key, era);
    expect(await agent.tools()).toEqual([
      "list_deliveries",
      "explain_failure",
      "get_endpoint",
      "list_event_types",
      "read_docs",
    ]);
    const { json } = await agent.use("list_event_types");
    expect(json.event_types.length).toBeGreaterThan(15);
    const one = await agent.use("list_event_types", { type: "hang" });
    expect(one.json).toMatchObject({ contract: "assistant", sample: { text: expect.any(String) } });
    const none = await agent.use("list_event_types", { type: "hangs" });
    expect(none).toMatchObject({ refused: true, text: expect.stringContaining("There are") });
    const { json: docs } = await agent.use("read_docs", { page: "mcp" });
    expect(docs.text).toContain("# Agents");
    expect({ seen, stderr: stderr() }).toEqual({ seen: [], stderr: "" });
  },
);

test("the service that goes away is told as the answer of a tool, and the command goes on", async () => {
  const service = await openService();
  const { agent } = await openHost(service.server.url, service.key, "auto");
  expect((await agent.use("list_deliveries")).refused).toBe(false);
  await service.server.close();
  const answer = await agent.use("list_deliveries");
  expect(answer).toMatchObject({ refused: true, text: expect.stringContaining("did not answer") });
  expect((await agent.use("read_docs")).refused).toBe(false);
});

test("a key that is refused and a service that is not there end the command with one sentence on standard error", async () => {
  const service = await openService();
  const { url } = service.server;
  for (const [env, sentence] of [
    [{ POSTRIDER_URL: url, POSTRIDER_API_KEY: "prk_dev_x" }, "does not accept the API key"],
    [{ POSTRIDER_URL: "http://127.0.0.1:1", POSTRIDER_API_KEY: "x" }, "No Postrider answers"],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(["mcp"], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
});
