import net from "node:net";
import { Agent, fetch as undiciFetch } from "undici";
import type { EgressProxy } from "../config.ts";
import { isAllowedAddress } from "../domain/address.ts";
import { openConnector } from "./connector.ts";
import { openDeadlines } from "./deadlines.ts";
import type { ConnectError } from "./failures.ts";
import { openResolver } from "./resolver.ts";
import type { SenderOptions } from "./send.ts";

/** A `fetch` for URLs that the operator configured. */
export type OperatorFetch = {
  fetch: typeof globalThis.fetch;
  close(): Promise<void>;
};

/**
 * Opens a `fetch` for the operator's own URLs, such as the sign-in provider's, in a network with an egress proxy.
 *
 * A host on the internet is asked through the proxy, with the vetted address or with the name, as for receivers. A host
 * of the private network or of this machine is asked directly: the proxy must refuse those for receivers.
 */
export function openOperatorFetch(
  proxy: EgressProxy,
  seams: Pick<Partial<SenderOptions>, "resolve" | "connectSocket" | "tlsCa"> = {},
): OperatorFetch {
  const deadlines = openDeadlines();
  const resolve = seams.resolve ?? openResolver({ localNames: true });
  const connector = openConnector({
    egressAllow: [],
    resolve,
    proxy: { proxy, resolve: openResolver({ localNames: true }) },
    connectSocket: seams.connectSocket,
    tlsCa: seams.tlsCa,
    deadlines,
  });
  const proxied = new Agent({
    connect({ hostname, port, protocol }, callback) {
      const secure = protocol === "https:";
      const target = {
        hostname: withoutBrackets(hostname),
        port: Number(port || (secure ? 443 : 80)),
        secure,
      };
      connector.connect(target, (error, socket) =>
        error ? callback(withCode(error), null) : callback(null, socket as net.Socket),
      );
    },
  });
  const direct = new Agent({ connect: { ca: seams.tlsCa, lookup: lookUpBy(addressesOf) } });

  async function addressesOf(hostname: string): Promise<readonly string[]> {
    if (net.isIP(hostname)) return [hostname];
    return hostname === "localhost" ? ["127.0.0.1", "::1"] : await resolve(hostname);
  }

  const isOnInternet = async (hostname: string): Promise<boolean> => {
    try {
      return (await addressesOf(hostname)).every((address) => isAllowedAddress(address, []));
    } catch {
      // Perhaps only the proxy knows it.
      return true;
    }
  };

  return {
    fetch: (async (url: string | URL, init: object) => {
      const hostname = withoutBrackets(new URL(url).hostname);
      const dispatcher = (await isOnInternet(hostname)) ? proxied : direct;
      return await undiciFetch(url, { ...init, dispatcher });
    }) as unknown as typeof globalThis.fetch,
    async close() {
      await Promise.all([proxied.destroy(), direct.destroy()]);
      deadlines.close();
    },
  };
}

/** An IPv6 address in a URL is in brackets. */
const withoutBrackets = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");

/** A look-up in the form that sockets take. */
const lookUpBy =
  (addressesOf: (hostname: string) => Promise<readonly string[]>): net.LookupFunction =>
  (hostname, _options, callback) => {
    addressesOf(hostname).then(
      (all) =>
        callback(
          null,
          all.map((address) => ({ address, family: net.isIP(address) })),
        ),
      (error) => callback(error, []),
    );
  };

/** With the code that logs show; its message names no address and no secret. */
const withCode = (error: ConnectError): Error =>
  Object.assign(error, { code: error.failure.reason });
