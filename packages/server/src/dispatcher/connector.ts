import { Resolver } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import { type Cidr, isAllowedAddress } from "../domain/address.ts";
import { type Deadlines, Expiring } from "./deadlines.ts";
import { ConnectError, describeFailure, errorCode, tlsFailure } from "./failures.ts";

/** All addresses of a host name; rejects or answers empty when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** One address to open a socket to. `servername` is undefined when the URL names an address. */
export type SocketTarget = {
  address: string;
  port: number;
  secure: boolean;
  servername: string | undefined;
  secureContext: tls.SecureContext | undefined;
};

/** Starts to open one socket to one address. */
export type ConnectSocket = (target: SocketTarget) => net.Socket;

export type ConnectorOptions = {
  egressAllow: readonly Cidr[];
  deadlines: Deadlines;
  resolve?: Resolve | undefined;
  connectSocket?: ConnectSocket | undefined;
  tlsCa?: string | Buffer | undefined;
};

/** Where a URL points: `hostname` without brackets, as WHATWG URL canonicalised it. */
export type ConnectTarget = { hostname: string; port: number; secure: boolean };

/** A connection that is being opened. After `cancel` its callback is never called. */
export type Connecting = { resolving: boolean; cancel(): void };

export type ConnectCallback = (error: ConnectError | null, socket: net.Socket | null) => void;

/** Opens connections to addresses that were vetted in the same breath. */
export type Connector = {
  connect(target: ConnectTarget, callback: ConnectCallback): Connecting;
};

const connectTimeoutMs = 10_000;
const addressesTriedMax = 4;
const tcpKeepAliveMs = 60_000;
const loopback = ["127.0.0.1", "::1"] as const;

/**
 * Opens the connector: the only place that decides which address a request goes to.
 *
 * One lookup a connection, every answer is vetted, and the socket is opened to an address of
 * that very answer, so DNS cannot change its mind between check and use. Host names and address
 * literals take the same road. Proxy variables of the environment are never read.
 */
export function openConnector(options: ConnectorOptions): Connector {
  const resolve = options.resolve ?? openResolver();
  const connectSocket = options.connectSocket ?? openSocket;
  // One context for all connections: building one costs more than the handshake.
  let secureContext: tls.SecureContext | undefined;
  const contextFor = (target: ConnectTarget) => {
    if (!target.secure) return undefined;
    secureContext ??= tls.createSecureContext({ minVersion: "TLSv1.2", ca: options.tlsCa });
    return secureContext;
  };

  return {
    connect(target, callback) {
      let ended = false;
      let socket: net.Socket | undefined;
      const end = (error: ConnectError | null) => {
        if (ended) return;
        ended = true;
        options.deadlines.disarm(limit);
        if (error) socket?.destroy();
        callback(error, error ? null : (socket ?? null));
      };
      const limit = new ConnectLimit(() =>
        end(new ConnectError("timeout", "No connection within 10 seconds.")),
      );
      const connecting: Connecting = {
        resolving: true,
        cancel() {
          ended = true;
          options.deadlines.disarm(limit);
          socket?.destroy();
        },
      };

      const tryNext = (addresses: readonly string[]) => {
        const [address, ...others] = addresses;
        if (ended || address === undefined) return;
        options.deadlines.arm(limit, connectTimeoutMs);
        try {
          socket = connectSocket({
            address,
            port: target.port,
            secure: target.secure,
            servername: net.isIP(target.hostname) ? undefined : target.hostname,
            secureContext: contextFor(target),
          });
        } catch (error) {
          end(connectError(error, false));
          return;
        }
        watchOpening(socket, target.secure, (error) => {
          if (error && isElsewhereWorthTrying(error) && others.length > 0) tryNext(others);
          else end(error);
        });
      };

      vet(target.hostname, options.egressAllow, resolve).then((addresses) => {
        connecting.resolving = false;
        tryNext(addresses);
      }, end);
      return connecting;
    },
  };
}

class ConnectLimit extends Expiring {
  readonly expire: () => void;

  constructor(expire: () => void) {
    super();
    this.expire = expire;
  }
}

/** Opens a TCP or TLS socket to exactly this address; certificates are always verified. */
export function openSocket(target: SocketTarget): net.Socket {
  const { address: host, port } = target;
  if (!target.secure) return net.connect({ host, port });
  return tls.connect({
    host,
    port,
    ...(target.servername === undefined ? {} : { servername: target.servername }),
    ...(target.secureContext === undefined ? {} : { secureContext: target.secureContext }),
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
  });
}

/** The addresses that may be tried, IPv4 first; rejects with a ConnectError if any is forbidden. */
async function vet(hostname: string, egressAllow: readonly Cidr[], resolve: Resolve) {
  const isAllowed = (address: string) => isAllowedAddress(address, egressAllow);
  const addresses = net.isIP(hostname)
    ? [hostname]
    : isLocalhost(hostname)
      ? loopback.filter(isAllowed) // Our own answer (RFC 6761), so each half stands for itself.
      : await lookUp(hostname, resolve);
  if (addresses.length === 0 || !addresses.every(isAllowed)) {
    throw new ConnectError("blocked_address", "The host name leads to a forbidden address.");
  }
  return addresses
    .toSorted((one, other) => net.isIP(one) - net.isIP(other))
    .slice(0, addressesTriedMax);
}

async function lookUp(hostname: string, resolve: Resolve) {
  try {
    const addresses = await resolve(hostname);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    throw new ConnectError("dns_error", "The host name could not be resolved.", { cause: error });
  }
  throw new ConnectError("dns_error", "The host name has no address.");
}

/**
 * The default lookup: c-ares, A and AAAA side by side.
 *
 * getaddrinfo would occupy one of node's four pool threads for as long as a slow DNS server
 * likes; four such names and nobody resolves anything.
 */
function openResolver(): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return async (hostname) => {
    const answers = await Promise.allSettled([
      resolver.resolve4(hostname),
      resolver.resolve6(hostname),
    ]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}

function isLocalhost(hostname: string) {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/** Calls back once: when the socket can carry a request, or will never. */
function watchOpening(
  socket: net.Socket,
  secure: boolean,
  callback: (error: ConnectError | null) => void,
) {
  let settled = false;
  let reached = false;
  const settle = (error: ConnectError | null) => {
    if (settled) return;
    settled = true;
    callback(error);
  };
  socket.setNoDelay(true).setKeepAlive(true, tcpKeepAliveMs);
  socket.once("connect", () => {
    reached = true;
  });
  socket.once(secure ? "secureConnect" : "connect", () => settle(null));
  // This listener stays for good: a socket's error is never without one.
  socket.on("error", (error) => settle(connectError(error, secure && reached)));
  socket.once("close", () => settle(new ConnectError("connection_closed", closedWhileOpening)));
}

const closedWhileOpening = "The connection was closed while it was being opened.";

function connectError(error: unknown, duringHandshake: boolean): ConnectError {
  const code = errorCode(error);
  const isNetworkError = code === "ECONNRESET" || code === "EPIPE" || code === "ETIMEDOUT";
  const { reason, detail } =
    duringHandshake && !isNetworkError ? tlsFailure(code) : describeFailure(error);
  return new ConnectError(reason, detail, { cause: error });
}

/** Refused or unreachable: another address of the same answer may work. */
function isElsewhereWorthTrying(error: ConnectError) {
  return ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"].includes(
    errorCode(error.cause),
  );
}
