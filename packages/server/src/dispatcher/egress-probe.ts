import net from "node:net";
import type { EgressProxy } from "../config.ts";
import { type Cidr, opensPrivateNetwork } from "../domain/address.ts";
import { errorCode, lookUpFailure } from "./failures.ts";
import { openResolver } from "./resolver.ts";
import { openSender, type SendReport } from "./send.ts";

/** The settings by which the service reaches receivers. */
export type WayOut = {
  egressAllow: readonly Cidr[];
  egressProxy: EgressProxy | undefined;
  userAgent: string;
};

const probeMsMax = 10_000;

/** Sends a HEAD to a vetted URL with the sender that webhooks use. Never rejects: every result is a value. */
export async function sendHead(vettedUrl: string, way: WayOut): Promise<SendReport> {
  const { origin, pathname, search } = new URL(vettedUrl);
  const sender = openSender(way);
  try {
    return await sender.send({
      method: "HEAD",
      origin,
      path: `${pathname}${search}`,
      headers: ["user-agent", way.userAgent],
      body: Buffer.alloc(0),
      timeoutMs: probeMsMax,
    });
  } finally {
    await sender.close();
  }
}

/** Looks up receivers' names as the sender does; returns those that were not found, with one sentence each. */
export async function lookUpAll(
  hostnames: readonly string[],
  { egressAllow }: Pick<WayOut, "egressAllow">,
): Promise<{ host: string; detail: string }[]> {
  const resolve = openResolver({ localNames: opensPrivateNetwork(egressAllow) });
  const lookUp = async (host: string) => {
    try {
      await resolve(host);
      return [];
    } catch (error) {
      return [{ host, detail: lookUpFailure(errorCode(error)).detail }];
    }
  };
  return (await Promise.all(hostnames.map(lookUp))).flat();
}

/** Connects to the proxy without a request; returns the system's error code when that fails. */
export async function reachProxy({ host, port }: EgressProxy): Promise<string | undefined> {
  const socket = net.connect({ host, port });
  try {
    return await new Promise<string | undefined>((resolve) => {
      socket.setTimeout(probeMsMax, () => resolve("ETIMEDOUT"));
      socket.once("connect", () => resolve(undefined));
      socket.once("error", (error) => resolve(errorCode(error) || "no answer"));
    });
  } finally {
    socket.destroy();
  }
}
