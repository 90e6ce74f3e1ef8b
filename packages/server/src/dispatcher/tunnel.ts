import net from "node:net";
import type { EgressProxy } from "../config.ts";
import {
  ConnectError,
  errorCode,
  type Failure,
  isGatewayError,
  proxyFailure,
  proxyRefusal,
} from "./failures.ts";
import type { Open, OpenCallback, Opening } from "./race.ts";

const headBytesMax = 16_384;

/**
 * Opens tunnels to a port through a proxy (RFC 9110 9.3.6), each over a connection that `reachProxy` opens.
 *
 * Only a 2xx makes the connection the receiver's. Every other answer is the proxy's own and never counts as the
 * receiver's; none of its text is kept.
 */
export function openTunnels(
  proxy: EgressProxy,
  port: number,
  reachProxy: (callback: OpenCallback) => Opening,
): Open {
  return (host, callback) => {
    let socket: net.Socket | undefined;
    const reaching = reachProxy((error, reached) => {
      if (!reached) return callback(unreachable(error), null);
      socket = reached;
      requestTunnel(reached, proxy, authorityOf(host, port), (refusal) => {
        if (refusal) reached.destroy();
        callback(refusal, refusal ? null : reached);
      });
    });
    return {
      cancel() {
        reaching.cancel();
        socket?.destroy();
      },
    };
  };
}

/** Asks for one tunnel; `callback` is called once. */
function requestTunnel(
  socket: net.Socket,
  { authorization }: EgressProxy,
  authority: string,
  callback: (refusal: ConnectError | null) => void,
) {
  let received = Buffer.alloc(0);
  const settle = (refusal: ConnectError | null) => {
    socket.off("readable", read).off("end", closed).off("close", closed);
    callback(refusal);
  };
  const closed = () => settle(ofProxy(proxyFailure("closed the connection without an answer")));

  function read() {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      received = Buffer.concat([received, chunk]);
    }
    const answer = parseAnswer(received);
    if (answer === undefined) {
      if (received.length > headBytesMax) settle(notHttp());
      return;
    }
    // Bytes after the head come from the receiver.
    if (answer.length < received.length) socket.unshift(received.subarray(answer.length));
    settle(judge(answer.status));
  }

  socket.on("readable", read).on("end", closed).on("close", closed);
  const credentials = authorization ? `Proxy-Authorization: ${authorization}\r\n` : "";
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`);
}

/** The final status and where the tunnel's own bytes begin; undefined until the head is complete. */
function parseAnswer(bytes: Buffer): { status: number; length: number } | undefined {
  let start = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", start);
    if (end < 0) return undefined;
    const head = bytes.toString("latin1", start, end);
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?![^ \r])/.exec(head)?.[1] ?? 0);
    start = end + 4;
    if (status < 100 || status > 199) return { status, length: start };
  }
}

function judge(status: number): ConnectError | null {
  if (status === 0) return notHttp();
  if (status >= 200 && status <= 299) return null;
  return new ConnectError(proxyRefusal(status), { everywhere: !isGatewayError(status) });
}

const authorityOf = (host: string, port: number) =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

const ofProxy = (failure: Failure) => new ConnectError(failure, { everywhere: true });

const notHttp = () => ofProxy(proxyFailure("answered something that is not HTTP"));

function unreachable(error: ConnectError | null) {
  const code = errorCode(error?.cause);
  return ofProxy(proxyFailure(`could not be reached${/^E[A-Z]+$/.test(code) ? ` (${code})` : ""}`));
}
