import type { Command } from "commander";
import { printBug } from "../lifetime.ts";
import { httpUrl } from "../options.ts";
import { clientOf, clientProblem, examples } from "./client.ts";
import { type ConnectionOptions, connectionOf } from "./profile.ts";

/** The command that an agent's host starts. */
export function addMcpCommand(program: Command): void {
  program
    .command("mcp")
    .description("run an MCP server on standard input and output, with tools for agents")
    .option("--url <url>", "URL of the service; default: POSTRIDER_URL, then the profile", httpUrl)
    .option("--key <key>", "API key; default: POSTRIDER_API_KEY, then the profile")
    .option("--team <id>", "one of the key's teams; default: the key's own")
    .addHelpText(
      "after",
      examples(["mcp --url https://postrider.example.com", "is started by the agent's host"]),
    )
    .action(runMcp);
}

/** Standard output belongs to the protocol: all other text goes to standard error. */
async function runMcp(given: ConnectionOptions): Promise<void> {
  const connection = connectionOf(given);
  // Loaded here: its packages take a tenth of a second, which no other command should wait for.
  const { speakMcp } = await import("../../src/mcp/over-stdio.ts");
  const client = clientOf(connection, 1);
  await speakMcp({ client, onError: printBug }).catch((error) => {
    throw clientProblem(error, connection);
  });
}
