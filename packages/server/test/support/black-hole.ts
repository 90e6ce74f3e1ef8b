import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";

/** An address of this machine that swallows every SYN to one port. */
export type BlackHole = { address: string; port: number; close(): Promise<void> };

/** A listener that never accepts: its process sleeps for ever, in the middle of its event loop. */
const sleeper = `
  const server = require("node:net").createServer();
  server.listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: 1 }, () => {
    require("node:fs").writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Makes a loopback address swallow SYNs to a port (0: any): once two connections wait in its backlog, Linux drops all others. */
export async function openBlackHole(address: string, port = 0): Promise<BlackHole> {
  const child = spawn(process.execPath, ["-e", sleeper, address, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const opened = Number(line);
  const fillers = [net.connect(opened, address), net.connect(opened, address)];
  await Promise.all(fillers.map((socket) => once(socket, "connect")));
  return {
    address,
    port: opened,
    async close() {
      for (const socket of fillers) socket.on("error", () => {}).destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
