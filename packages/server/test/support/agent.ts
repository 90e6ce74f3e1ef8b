import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";

/** What a tool answered: parsed JSON, or the sentence of a refusal. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
export type ToolAnswer = { refused: boolean; text: string; json: any };

/** An agent that speaks MCP by the official client. */
export type Agent = {
  client: Client;
  /** The names of the tools that it is shown. */
  tools(): Promise<string[]>;
  use(name: string, input?: Record<string, unknown>): Promise<ToolAnswer>;
};

/** How an agent begins: as those of 2025 do, or as the newest protocol has it. */
export type Era = "legacy" | "auto";

/** A client of the official SDK that is not connected yet. */
export const newClient = (era: Era = "auto"): Client =>
  new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode: era } });

/** Connects an agent to /mcp of a service; it ends with the test. */
export async function openAgent(
  url: string,
  key: string,
  { era = "auto", headers = {} }: { era?: Era; headers?: Record<string, string> } = {},
): Promise<Agent> {
  const client = newClient(era);
  await client.connect(
    new StreamableHTTPClientTransport(new URL("/mcp", url), {
      requestInit: { headers: { authorization: `Bearer ${key}`, ...headers } },
    }),
  );
  onTestFinished(() => client.close());
  return agentOf(client);
}

/** An agent on a client that is connected. */
export const agentOf = (client: Client): Agent => ({
  client,
  async tools() {
    const { tools } = await client.listTools();
    return tools.map(({ name }) => name);
  },
  async use(name, input = {}) {
    const { content, isError } = await client.callTool({ name, arguments: input });
    const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
    const refused = isError === true;
    return { refused, text, json: refused ? undefined : JSON.parse(text) };
  },
});
