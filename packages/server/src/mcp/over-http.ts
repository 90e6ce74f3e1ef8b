import { createMcpHandler } from "@modelcontextprotocol/server";
import { Postrider } from "@postrider/sdk";
import { openMcpServer } from "./mcp-server.ts";
import type { Scope } from "./tool.ts";

/** One request of MCP, whose caller is known already. */
export type McpExchange = {
  request: Request;
  /** The body of it, read as JSON. */
  body: unknown;
  apiKey: string;
  /** The team that the tools act for. */
  teamId: string;
  scopes: ReadonlySet<Scope>;
  /** Asks the API of this process. */
  ask: typeof fetch;
  onBug: (error: unknown) => void;
};

/** Where the API is said to be: `ask` goes there without a socket. */
const url = "http://postrider.internal";

/**
 * Answers one request of MCP over streamable HTTP, without sessions: nothing is kept between two requests.
 *
 * What tools ask for goes through the API with the caller's own key, so that scopes, limits, teams and the audit are the
 * API's.
 */
export async function answerMcp(exchange: McpExchange): Promise<Response> {
  const { request, body, apiKey, teamId, scopes, ask, onBug } = exchange;
  const client = new Postrider({
    url,
    apiKey,
    teamId,
    fetch: ask,
    timeoutMs: 10_000,
    retriesMax: 1,
  });
  const handler = createMcpHandler(() => openMcpServer({ client, scopes, onBug }), {
    // The list of tools changes with the key alone, so there is nothing to listen to.
    maxSubscriptions: 0,
  });
  return await handler.fetch(request, { parsedBody: body });
}
