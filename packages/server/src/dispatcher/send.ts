import type { EgressProxy } from "../config.ts";
import { type Cidr, opensPrivateNetwork } from "../domain/address.ts";
import { openConnections } from "./connections.ts";
import { openConnector } from "./connector.ts";
import { openDeadlines } from "./deadlines.ts";
import { Exchange, nothingSeen, type SendReport, type SendRequest } from "./exchange.ts";
import { openResolver, type Resolve, type ResolverFiles } from "./resolver.ts";
import type { ConnectSocket } from "./sockets.ts";

export type { SendReport, SendRequest } from "./exchange.ts";

export type SenderOptions = {
  /** Ranges that are otherwise forbidden, and where receivers are allowed. */
  egressAllow: readonly Cidr[];
  /** Origins whose idle connections are kept. */
  originsMax?: number;
  /** The egress proxy; undefined: connections are direct. */
  egressProxy?: EgressProxy | undefined;
  /** Replaces all look-ups of receivers. */
  resolve?: Resolve;
  /** Files and servers for look-ups that replace the system's. */
  resolverFiles?: ResolverFiles;
  /** Replaces the opening of sockets. */
  connectSocket?: ConnectSocket;
  /** The certificate authorities to trust instead of Node's. */
  tlsCa?: string | Buffer;
};

/** Sends webhooks. */
export type Sender = {
  /** Makes one request. It never rejects: every result is a value. */
  send(request: SendRequest): Promise<SendReport>;
  /** Refuses further requests, waits for those under way and closes every connection. */
  close(): Promise<void>;
};

const originsMaxDefault = 5_000;

/**
 * Opens the sender: it makes POST requests with limits, over connections that are kept alive for each origin.
 *
 * The result is known when the final response head is complete; until then `timeoutMs` limits everything, DNS included.
 * Redirects are never followed, nothing is decompressed, and of
 * the body at most 64 KiB are read within a second. How many requests run at once is for the
 * caller to limit.
 */
export function openSender(options: SenderOptions): Sender {
  const deadlines = openDeadlines();
  const { egressAllow, egressProxy, resolverFiles, connectSocket, tlsCa } = options;
  const connector = openConnector({
    egressAllow,
    resolve:
      options.resolve ??
      openResolver({ ...resolverFiles, localNames: opensPrivateNetwork(egressAllow) }),
    proxy: egressProxy && {
      proxy: egressProxy,
      resolve: openResolver({ ...resolverFiles, localNames: true }),
    },
    connectSocket,
    tlsCa,
    deadlines,
  });
  const connections = openConnections(
    connector,
    deadlines,
    options.originsMax ?? originsMaxDefault,
  );
  let inFlightCount = 0;
  let closing = false;
  let onIdle = () => {};
  const onEnd = () => {
    inFlightCount -= 1;
    if (inFlightCount === 0) onIdle();
  };
  const deps = { connections, deadlines, onEnd };

  return {
    send(request) {
      if (closing) return Promise.resolve(refusal);
      inFlightCount += 1;
      return new Promise((resolve) => new Exchange(deps, request, resolve).start());
    },
    async close() {
      closing = true;
      if (inFlightCount > 0) {
        await new Promise<void>((resolve) => {
          const others = onIdle; // A second close() waits too.
          onIdle = () => {
            others();
            resolve();
          };
        });
      }
      connections.close();
      deadlines.close();
    },
  };
}

const refusal: SendReport = {
  result: { kind: "unanswered", reason: "connection_failed", detail: "The sender is closed." },
  latencyMs: 0,
  wire: nothingSeen,
};
