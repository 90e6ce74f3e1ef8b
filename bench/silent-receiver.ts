import { once } from "node:events";
import { createServer } from "node:net";
import type { World } from "./world.ts";

/** Opens a receiver that takes connections and requests, and never answers. */
export async function openSilentReceiver(world: World): Promise<{ url: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    // What still hangs at the end keeps nobody waiting.
    socket.unref();
  }).listen(0, "127.0.0.1");
  world.own(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `http://127.0.0.1:${address.port}/hook` };
}
