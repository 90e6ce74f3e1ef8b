import { once } from "node:events";
import net from "node:net";

/** Below the ports that systems hand out by themselves, so that nobody takes one that is closed for a while. */
const range = { from: 28_100, to: 31_900 };
let nextPort = range.from + ((process.pid * 37) % (range.to - range.from));

/** Finds a port on 127.0.0.1 that nobody listens on, another one each time. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    nextPort = nextPort >= range.to ? range.from : nextPort + 1;
    const server = net.createServer();
    try {
      server.listen(nextPort, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as net.AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return port;
    } catch {
      // Taken: the next one.
    }
  }
  throw new Error(`no free port between ${range.from} and ${range.to}`);
}
