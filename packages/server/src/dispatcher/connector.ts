import net from "node:net";
import tls from "node:tls";
import type { EgressProxy } from "../config.ts";
import { type Cidr, isAllowedAddress } from "../domain/address.ts";
import type { Timing } from "../domain/timing.ts";
import type { Deadlines } from "./deadlines.ts";
import { ConnectError, errorCode, lookUpFailure, type Stage, slowFailure } from "./failures.ts";
import {
  type Open,
  type OpenCallback,
  type OpenInSteps,
  type Opening,
  race,
  Turn,
} from "./race.ts";
import type { Resolve } from "./resolver.ts";
import { type ConnectSocket, openSocket, openTcp, openTls } from "./sockets.ts";
import { openTunnels } from "./tunnel.ts";

export type ConnectorOptions = {
  egressAllow: readonly Cidr[];
  deadlines: Deadlines;
  resolve: Resolve;
  /** The proxy of every connection, and how its own name is resolved. */
  proxy?: { proxy: EgressProxy; resolve: Resolve } | undefined;
  connectSocket?: ConnectSocket | undefined;
  tlsCa?: string | Buffer | undefined;
};

/** The host and port of a URL: `hostname` without brackets, as WHATWG URL canonicalised it. */
export type ConnectTarget = { hostname: string; port: number; secure: boolean };

/** How a connection was opened so far: the address that was tried last, and how long each part took. */
export type WayThere = { address: string | null } & Pick<Timing, "dns" | "connect" | "tls">;

/** A connection that is being opened. After `cancel` its callback is never called. */
export type Connecting = { readonly stage: Stage; readonly way: WayThere; cancel(): void };

/** Opens connections to addresses that were vetted in the same lookup. */
export type Connector = {
  connect(target: ConnectTarget, callback: OpenCallback): Connecting;
};

const connectTimeoutMs = 10_000;
const addressesTriedMax = 4;
const loopback = ["127.0.0.1", "::1"] as const;

/**
 * Opens the connector: the only place that decides which address a request goes to.
 *
 * Each connection makes one lookup, every answer is vetted, and the sockets are opened to addresses of the same answer: a
 * DNS change between check and use has no effect (no DNS rebinding). Host names and address literals take the same path.
 * Proxy variables of the environment are never read.
 */
export function openConnector(options: ConnectorOptions): Connector {
  const { deadlines } = options;
  // One context for all connections: building one costs more than the handshake.
  let secureContext: tls.SecureContext | undefined;
  const contextOfAll = () => {
    secureContext ??= tls.createSecureContext({ minVersion: "TLSv1.2", ca: options.tlsCa });
    return secureContext;
  };

  return {
    connect({ hostname, port, secure }, callback) {
      let ended = false;
      let opening: Opening | undefined;
      const way: WayThere = { address: null, dns: null, connect: null, tls: null };
      let sinceMs = performance.now();
      /** Ends the present part and begins the next. */
      const enter = (stage: OpeningStage | undefined) => {
        const nowMs = performance.now();
        way[partOf[connecting.stage]] = nowMs - sinceMs;
        sinceMs = nowMs;
        if (stage !== undefined) connecting.stage = stage;
      };
      const connecting = {
        stage: "resolving" as OpeningStage,
        way,
        cancel() {
          if (!ended) enter(undefined);
          ended = true;
          deadlines.disarm(limit);
          opening?.cancel();
        },
      };
      const end: OpenCallback = (error, socket) => {
        if (ended) return;
        connecting.cancel();
        callback(error, socket);
      };
      const limit = new Turn(() =>
        end(new ConnectError(slowFailure(connecting.stage, connectTimeoutMs)), null),
      );
      const securing =
        (open: Open): OpenInSteps =>
        (address, callback, accepted) => {
          let current = open(address, (error, socket) => {
            if (!socket) return callback(error, null);
            accepted();
            // Only the first handshake begins a part: others may run beside it.
            if (connecting.stage !== "securing") enter("securing");
            current = openTls(socket, hostname, contextOfAll(), callback);
          });
          return { cancel: () => current.cancel() };
        };
      findAddresses(hostname, options).then(
        (addresses) => {
          if (ended) return;
          enter(options.proxy ? "tunnelling" : "connecting");
          deadlines.arm(limit, connectTimeoutMs);
          const open = openTo(port, options);
          opening = race(addresses, telling(way, secure ? securing(open) : open), deadlines, end);
        },
        (error) => end(error, null),
      );
      return connecting;
    },
  };
}

type OpeningStage = Exclude<Stage, "answering">;

const partOf = {
  resolving: "dns",
  connecting: "connect",
  tunnelling: "connect",
  securing: "tls",
} as const;

/** Notes the address that was tried last, and then the one that was opened; not a name that the proxy resolves. */
const telling =
  (way: WayThere, open: OpenInSteps): OpenInSteps =>
  (address, callback, accepted) => {
    const note = () => {
      way.address = net.isIP(address) === 0 ? null : address;
    };
    note();
    return open(
      address,
      (error, socket) => {
        if (socket) note();
        callback(error, socket);
      },
      accepted,
    );
  };

/** The addresses to try, in order: vetted ones, or the name itself if only the proxy can resolve it. */
async function findAddresses(
  hostname: string,
  { egressAllow, resolve, proxy }: ConnectorOptions,
): Promise<readonly string[]> {
  const byName = proxy?.proxy.resolvesNames && !net.isIP(hostname) && !isLocalhost(hostname);
  return byName ? [hostname] : await vet(hostname, egressAllow, resolve);
}

/** The addresses to try, families alternating, IPv4 first; rejects with a ConnectError if any is forbidden. */
async function vet(hostname: string, egressAllow: readonly Cidr[], resolve: Resolve) {
  const isAllowed = (address: string) => isAllowedAddress(address, egressAllow);
  const addresses = net.isIP(hostname)
    ? [hostname]
    : isLocalhost(hostname)
      ? loopback.filter(isAllowed) // The service's own answer (RFC 6761), so each address is checked separately.
      : await lookUp(hostname, resolve);
  if (addresses.length === 0 || !addresses.every(isAllowed)) throw new ConnectError(forbidden);
  return takeTurns(addresses).slice(0, addressesTriedMax);
}

const forbidden = {
  reason: "blocked_address",
  detail: "The host name leads to a forbidden address.",
} as const;

async function lookUp(hostname: string, resolve: Resolve) {
  let code = "NODATA";
  try {
    const addresses = await resolve(hostname);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    code = errorCode(error);
  }
  throw new ConnectError(lookUpFailure(code));
}

function isLocalhost(hostname: string) {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/** RFC 8305 section 4: if the network has only one family, the other must not use up all tries. */
function takeTurns(addresses: readonly string[]) {
  const once = [...new Set(addresses)];
  const ipv4 = once.filter((address) => net.isIPv4(address));
  const ipv6 = once.filter((address) => net.isIPv6(address));
  const turns = Math.max(ipv4.length, ipv6.length);
  return Array.from({ length: turns }, (_, turn) => [ipv4[turn], ipv6[turn]])
    .flat()
    .filter((address) => address !== undefined);
}

/** How to reach one address at this port: directly, or through the proxy. */
function openTo(port: number, options: ConnectorOptions): Open {
  const { connectSocket = openSocket, deadlines } = options;
  if (!options.proxy) return openTcp(port, connectSocket);
  const { proxy, resolve } = options.proxy;
  return openTunnels(proxy, port, (callback) => {
    let opening: Opening | undefined;
    let cancelled = false;
    findProxy(proxy.host, resolve).then(
      (addresses) => {
        if (cancelled) return;
        opening = race(addresses, openTcp(proxy.port, connectSocket), deadlines, callback);
      },
      (error) => callback(error, null),
    );
    return {
      cancel() {
        cancelled = true;
        opening?.cancel();
      },
    };
  });
}

/** The operator chose the proxy: its addresses are not vetted. */
async function findProxy(host: string, resolve: Resolve) {
  if (net.isIP(host)) return [host];
  return takeTurns(isLocalhost(host) ? loopback : await lookUp(host, resolve));
}
