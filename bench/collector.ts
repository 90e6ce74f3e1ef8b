import http from "node:http";
import type { AddressInfo } from "node:net";
import type { World } from "./world.ts";

/** Starts what stands for an OpenTelemetry collector: it takes spans and throws them away. It belongs to no contestant. */
export async function openCollector(world: World): Promise<{ origin: string }> {
  const server = http.createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  world.own({
    async close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
