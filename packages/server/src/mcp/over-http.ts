import { createMcpHandler } from "@modelcontextprotocol/server";
import { Postrider } from "@postrider/sdk";
import { openMcpServer } from "./mcp-server.ts";
import type { Scope } from "./tool.ts";

/** One MCP request of an authenticated caller. */
export type McpExchange = {
  request: Request;
  /** Its body, parsed as JSON. */
  body: unknown;
  apiKey: string;
  /** The team that the tools act for. */
  teamId: string;
  scopes: ReadonlySet<Scope>;
  /** A fetch to the API of this process. */
  ask: typeof fetch;
  onBug: (error: unknown) => void;
};

/** A placeholder URL of the API: `ask` calls it without a socket. */
const url = "http://postrider.internal";

/**
 * Answers one request of MCP over streamable HTTP, without sessions: nothing is kept between two requests.
 *
 * Tools call the API with the caller's own key, so that the API's scopes, limits, teams and audit apply.
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
    // The list of tools depends only on the key, so there is nothing to subscribe to.
    maxSubscriptions: 0,
  });
  return await handler.fetch(request, { parsedBody: body });
}
