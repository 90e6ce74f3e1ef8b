import { once } from "node:events";
import net from "node:net";

/**
 * Makes a function that finds a port on 127.0.0.1 that nobody listens on, another one each time.
 *
 * The range is below the ports that systems hand out by themselves, so that nobody takes one that is closed for a while.
 */
function portFinder(from: number, to: number): () => Promise<number> {
  let nextPort = from + ((process.pid * 37) % (to - from));
  return async () => {
    for (let tries = 0; tries < 500; tries++) {
      nextPort = nextPort >= to ? from : nextPort + 1;
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
    throw new Error(`no free port between ${from} and ${to}`);
  };
}

/** For tests and measurements. */
export const findFreePort = portFinder(28_100, 31_900);

/** For the chaos campaign, whose receivers are closed for a while: tests that run beside it must not take their ports. */
export const findChaosPort = portFinder(24_100, 27_900);

/** A port of 127.0.0.1 that refuses connections until it is released: it is the near end of a connection, so nobody else gets it. */
export async function holdRefusedPort(): Promise<{ port: number; release(): Promise<void> }> {
  const server = net.createServer((far) => far.on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  await once(near, "connect");
  return {
    port: near.localPort as number,
    async release() {
      near.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
