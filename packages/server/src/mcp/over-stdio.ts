import { serveStdio } from "@modelcontextprotocol/server/stdio";
import type { Postrider } from "@postrider/sdk";
import { openMcpServer } from "./mcp-server.ts";

export type StdioOptions = {
  client: Postrider;
  /** Called with bugs and invalid messages: standard output belongs to the protocol. */
  onError: (error: unknown) => void;
};

/**
 * Speaks MCP on standard input and output until its input ends.
 *
 * It reads the key's scopes once. Rejects when the service does not answer or refuses the key.
 */
export async function speakMcp({
  client,
  onError,
}: StdioOptions): Promise<{ close(): Promise<void> }> {
  const { scopes } = await client.me.get();
  return serveStdio(() => openMcpServer({ client, scopes: new Set(scopes), onBug: onError }), {
    maxSubscriptions: 0,
    onerror: onError,
  });
}
