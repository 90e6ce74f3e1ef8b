import path from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, onTestFinished, test } from "vitest";
import { createDatabase } from "../../packages/server/test/support/postgres.ts";
import { productionEnvironment, startService } from "../../packages/server/test/support/process.ts";
import { tarballs } from "../pack.ts";
import { installed } from "./folder.ts";

test("an agent's host starts `postrider mcp` from the package, and reads the documents that came with it", async () => {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const environment = productionEnvironment(database.url);
  const folder = await installed("--omit=optional", tarballs.server);
  const program = path.join(folder, "node_modules/postrider/bin/postrider.js");
  const service = await startService(["serve"], environment, folder, program);
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [program, "mcp"],
      env: {
        PATH: process.env.PATH ?? "",
        POSTRIDER_URL: service.url,
        POSTRIDER_API_KEY: environment.POSTRIDER_API_KEY ?? "",
      },
    }),
  );
  onTestFinished(() => client.close());
  const { tools } = await client.listTools();
  expect(tools.length).toBeGreaterThan(5);
  const answer = await client.callTool({ name: "read_docs", arguments: { page: "mcp" } });
  expect(JSON.stringify(answer.content)).toContain("# Agents");

  // The service that came from the package speaks it over HTTP too.
  const overHttp = await fetch(`${service.url}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${environment.POSTRIDER_API_KEY}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  expect(await overHttp.text()).toContain('"explain_failure"');
});
