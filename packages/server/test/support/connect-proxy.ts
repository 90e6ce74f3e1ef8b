import { once } from "node:events";
import net, { type AddressInfo } from "node:net";

/** A proxy on 127.0.0.1 that opens tunnels (HTTP CONNECT) and does nothing else. */
export type ConnectProxy = {
  port: number;
  /** Heads of the requests so far. */
  requests: string[];
  /** Tunnels that are open now. */
  openCount(): number;
  close(): Promise<void>;
};

/** What a proxy does with a request: tunnels to a place, or says these bytes and closes. */
export type ProxyRule = (
  authority: string,
  head: string,
) => { host: string; port: number } | string;

/** Starts a proxy; without a rule it connects to where it is asked to. */
export async function startConnectProxy(rule: ProxyRule = whereAsked): Promise<ConnectProxy> {
  const requests: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    sockets.add(client);
    client.on("error", () => {}).once("close", () => sockets.delete(client));
    let head = "";
    client.on("data", function read(bytes) {
      head += bytes.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", read).pause();
      requests.push(head.slice(0, end));
      const [, authority = ""] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      const decided = rule(authority, head);
      if (typeof decided === "string") client.resume().end(decided);
      else tunnel(client, decided);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    openCount: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function whereAsked(authority: string) {
  const { hostname, port } = new URL(`http://${authority}`);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 80) };
}

function tunnel(client: net.Socket, { host, port }: { host: string; port: number }) {
  const upstream = net.connect(port, host);
  client.once("close", () => upstream.destroy());
  upstream.once("close", () => client.destroy());
  upstream.once("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"));
  upstream.once("connect", () => {
    client.write("HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
    client.pipe(upstream).pipe(client);
  });
}
