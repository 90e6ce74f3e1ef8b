import { once } from "node:events";
import { readFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";
import { gzipSync } from "node:zlib";
import { holdRefusedPort } from "./ports.ts";

/** One step of what a receiver does with each connection; the steps of `receiver.script`. */
export type Operation =
  | { op: "refuse" | "close_on_accept" | "reset_on_accept" | "pause_reading" | "read_request" }
  | { op: "send"; data: string }
  | { op: "send_b64"; data: string }
  | { op: "send_repeat"; data: string; times: number }
  | { op: "send_gzip_bomb"; inflated_bytes: number }
  | { op: "sleep"; ms: number }
  | { op: "drip"; data: string; every_ms: number }
  | { op: "flood"; data: string }
  | { op: "fin" | "reset" | "hold" };

/** A certificate scenario of `receiver.tls`, `valid`, or `h2_only`. */
export type TlsScenario =
  | "valid"
  | "self_signed"
  | "expired"
  | "wrong_host"
  | "tls1.0_only"
  | "tls1.1_only"
  | "plaintext"
  | "h2_only"
  | "require_client_cert";

/** A server on 127.0.0.1 that plays its script on every connection it accepts. */
export type ScriptedReceiver = {
  port: number;
  /** `http(s)://127.0.0.1:port` */
  origin: string;
  /** Requests that were read whole, as text. */
  requests: string[];
  /** The SNI name of each TLS connection. */
  serverNames: (string | false)[];
  /** Bytes that arrived above TLS. */
  receivedBytes(): number;
  /** Connections accepted so far, and open now. */
  connectionCount(): number;
  openCount(): number;
  /** The connections that are open now, to do something to between requests. */
  sockets: ReadonlySet<net.Socket>;
  close(): Promise<void>;
};

/** The authority that signed the `valid`, `expired` and `wrong_host` certificates. */
export const testAuthority = certificateFile("authority.pem");

/** Starts a receiver; each connection plays `script` from its start. Without a port it takes a free one. */
export async function startReceiver(
  script: readonly Operation[],
  tlsScenario?: TlsScenario,
  wantedPort = 0,
): Promise<ScriptedReceiver> {
  const sockets = new Set<net.Socket>();
  const requests: string[] = [];
  const serverNames: (string | false)[] = [];
  let connectionCount = 0;
  let receivedBytes = 0;

  const accept = (socket: net.Socket) => {
    if (socket instanceof tls.TLSSocket) serverNames.push(socket.servername ?? false);
    const connection = openScripted(socket, requests);
    socket.on("data", (bytes) => {
      receivedBytes += bytes.length;
    });
    void play(script, connection);
  };
  const server = tlsScenario
    ? tls.createServer(tlsOptions(tlsScenario), accept)
    : net.createServer(accept);
  const transport = tlsScenario === "plaintext" ? net.createServer(accept) : server;
  transport.on("connection", (socket: net.Socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  transport.on("tlsClientError", () => {});
  const refused = script.some(({ op }) => op === "refuse") ? await holdRefusedPort() : undefined;
  if (!refused) {
    transport.listen(wantedPort, "127.0.0.1");
    await once(transport, "listening");
  }
  const port = refused?.port ?? (transport.address() as AddressInfo).port;
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await refused?.release();
    if (!transport.listening) return;
    transport.close();
    await once(transport, "close");
  };

  return {
    port,
    origin: `${tlsScenario ? "https" : "http"}://127.0.0.1:${port}`,
    requests,
    serverNames,
    receivedBytes: () => receivedBytes,
    connectionCount: () => connectionCount,
    openCount: () => sockets.size,
    sockets,
    close: stop,
  };
}

type Scripted = { socket: net.Socket; closed: Promise<void>; readRequest(): Promise<void> };

function openScripted(socket: net.Socket, requests: string[]): Scripted {
  let unread = Buffer.alloc(0);
  let arrived = () => {};
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    arrived();
  });
  return {
    socket,
    closed,
    async readRequest() {
      for (;;) {
        const length = wholeRequestLength(unread);
        if (length !== undefined) {
          requests.push(unread.subarray(0, length).toString("latin1"));
          unread = unread.subarray(length);
          return;
        }
        const more = new Promise<void>((resolve) => {
          arrived = resolve;
        });
        await Promise.race([more, closed]);
        if (socket.destroyed) return;
      }
    },
  };
}

function wholeRequestLength(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.subarray(0, headEnd).toString("latin1");
  const length = headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return bytes.length >= length ? length : undefined;
}

async function play(script: readonly Operation[], connection: Scripted) {
  for (const operation of script) {
    if (connection.socket.destroyed) return;
    await perform(operation, connection);
  }
}

async function perform(operation: Operation, { socket, closed, readRequest }: Scripted) {
  const pause = (ms: number) =>
    Promise.race([closed, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
  switch (operation.op) {
    case "refuse":
      return;
    case "close_on_accept":
      socket.destroy();
      return;
    case "reset_on_accept":
    case "reset":
      socket.resetAndDestroy();
      return;
    case "pause_reading":
      socket.pause();
      return;
    case "read_request":
      return await readRequest();
    case "send":
      socket.write(operation.data, "latin1");
      return;
    case "send_b64":
      socket.write(Buffer.from(operation.data, "base64"));
      return;
    case "send_repeat":
      socket.write(operation.data.repeat(operation.times), "latin1");
      return;
    case "send_gzip_bomb": {
      const bomb = gzipBomb(operation.inflated_bytes);
      const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), bomb]));
      return;
    }
    case "sleep":
      await pause(operation.ms);
      return;
    case "drip":
      while (!socket.destroyed) {
        socket.write(operation.data, "latin1");
        await pause(operation.every_ms);
      }
      return;
    case "flood": {
      const data = operation.data.repeat(Math.ceil(65_536 / operation.data.length));
      while (!socket.destroyed) {
        if (!socket.write(data, "latin1"))
          await Promise.race([closed, once(socket, "drain").catch(() => {})]);
      }
      return;
    }
    case "fin":
      socket.end();
      return;
    case "hold":
      await closed;
  }
}

/** Zeros, deflated: a mebibyte at a time (RFC 1952 2.2), since all of it at once would block the process for seconds. */
function gzipBomb(inflatedBytes: number): Buffer {
  const mebibyte = 1_048_576;
  const member = gzipSync(Buffer.alloc(mebibyte));
  return Buffer.concat(Array<Buffer>(Math.ceil(inflatedBytes / mebibyte)).fill(member));
}

function tlsOptions(scenario: TlsScenario): tls.TlsOptions {
  const name =
    scenario === "self_signed"
      ? "self-signed"
      : scenario === "wrong_host"
        ? "wrong-host"
        : scenario === "expired"
          ? "expired"
          : "valid";
  const identity = {
    cert: certificateFile(`${name}.pem`),
    key: certificateFile(`${name}-key.pem`),
  };
  if (scenario === "tls1.0_only" || scenario === "tls1.1_only") {
    const version = scenario === "tls1.0_only" ? "TLSv1" : "TLSv1.1";
    // OpenSSL speaks these only below its default security level.
    return {
      ...identity,
      minVersion: version,
      maxVersion: version,
      ciphers: "ALL:@SECLEVEL=0",
    };
  }
  if (scenario === "h2_only") return { ...identity, ALPNProtocols: ["h2"] };
  if (scenario === "require_client_cert") {
    return { ...identity, requestCert: true, rejectUnauthorized: true };
  }
  return identity;
}

export function certificateFile(name: string) {
  return readFileSync(new URL(`./certificates/${name}`, import.meta.url));
}
