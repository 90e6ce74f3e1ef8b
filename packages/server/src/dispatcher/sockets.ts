import net from "node:net";
import tls from "node:tls";
import { ConnectError, describeFailure, errorCode, tlsFailure } from "./failures.ts";
import type { Open, OpenCallback, Opening } from "./race.ts";

/** One address to open a socket to. */
export type SocketTarget = { address: string; port: number };

/** Starts to open one TCP socket to one address. */
export type ConnectSocket = (target: SocketTarget) => net.Socket;

const tcpKeepAliveMs = 60_000;

/** Opens a TCP socket to exactly this address. */
export function openSocket({ address, port }: SocketTarget): net.Socket {
  return net.connect({ host: address, port });
}

/** Calls back when a socket to the address is connected, or has failed. */
export function openTcp(port: number, connectSocket: ConnectSocket): Open {
  return (address, callback) => {
    const socket = connectSocket({ address, port });
    socket.setNoDelay(true).setKeepAlive(true, tcpKeepAliveMs);
    settleOnce(socket, "connect", socketError, callback);
    return { cancel: () => socket.destroy() };
  };
}

/** Starts TLS on the connected socket: certificates are always verified, against the name in the URL. */
export function openTls(
  socket: net.Socket,
  hostname: string,
  secureContext: tls.SecureContext,
  callback: OpenCallback,
): Opening {
  const secured = tls.connect({
    socket,
    host: hostname,
    ...(net.isIP(hostname) ? {} : { servername: hostname }),
    secureContext,
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
  });
  settleOnce(secured, "secureConnect", handshakeError, callback);
  return { cancel: () => secured.destroy() };
}

/** Calls back once. The error listener is never removed: an error without a listener would end the process. */
function settleOnce(
  socket: net.Socket,
  success: "connect" | "secureConnect",
  errorOf: (cause: unknown) => ConnectError,
  callback: OpenCallback,
) {
  let settled = false;
  const settle = (error: ConnectError | null) => {
    if (settled) return;
    settled = true;
    callback(error, error ? null : socket);
  };
  socket.once(success, () => settle(null));
  socket.on("error", (cause) => settle(errorOf(cause)));
  socket.once("close", () => settle(new ConnectError(closedWhileOpening)));
}

const closedWhileOpening = {
  reason: "connection_closed",
  detail: "The connection was closed while it was being opened.",
} as const;

const socketError = (cause: unknown) => new ConnectError(describeFailure(cause), { cause });

/** A certificate or a protocol that is wrong is wrong at every address; a connection that breaks is not. */
function handshakeError(cause: unknown): ConnectError {
  const code = errorCode(cause);
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ETIMEDOUT") return socketError(cause);
  return new ConnectError(tlsFailure(code), { cause, everywhere: true });
}
