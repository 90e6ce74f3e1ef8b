import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../config.ts";
import { AppError } from "../errors.ts";

type Head = Pick<FastifyRequest, "method" | "headers">;

/**
 * Refuses requests that a page of another origin may have made a browser send with its cookie (CSRF).
 *
 * A change needs the header `x-postrider-request: 1`, which no form and no image can send, and an origin of this service
 * according to the browser (`Sec-Fetch-Site` or `Origin`; at least one is required). A read must only not come from
 * another site.
 */
export function openOwnPages(app: FastifyInstance, config: Config): (head: Head) => void {
  const origins = () => ownOriginsOf(app, config);
  return ({ method, headers }) => {
    const { origin, "sec-fetch-site": site, "x-postrider-request": mark } = headers;
    const reads = method === "GET" || method === "HEAD";
    // `none` is an address that a person typed: it may read, but not change anything.
    const sites = reads ? ["same-origin", "none"] : ["same-origin"];
    if (
      (site !== undefined && !sites.includes(String(site))) ||
      (origin !== undefined && !origins().has(origin))
    ) {
      const [place] = origins();
      throw new AppError(
        "foreign_origin",
        `With a session cookie, this request must come from a page of this service (${place}). If that address is wrong, the operator corrects POSTRIDER_PUBLIC_URL.`,
      );
    }
    if (reads) return;
    if (site === undefined && origin === undefined) {
      throw new AppError(
        "foreign_origin",
        "With a session cookie, a change needs the header `Origin` or `Sec-Fetch-Site`. Browsers send it.",
      );
    }
    if (mark !== "1") {
      throw new AppError(
        "foreign_origin",
        "With a session cookie, a change needs the header `x-postrider-request: 1`.",
      );
    }
  };
}

/** The base URL of links into this service. */
export const publicUrlOf = (app: FastifyInstance, config: Config): string =>
  [...ownOriginsOf(app, config)][0] ?? "";

/** The origins of this service's pages while it listens. */
export const ownOriginsOf = (app: FastifyInstance, config: Config): ReadonlySet<string> =>
  ownOrigins(config, portOf(app) ?? config.port);

/** The origins of this service's pages; a request's `Host` is not used. */
export function ownOrigins(
  { publicUrl, host }: Pick<Config, "publicUrl" | "host">,
  port: number,
): ReadonlySet<string> {
  if (publicUrl !== undefined) return new Set([publicUrl]);
  const everywhere = ["0.0.0.0", "::"].includes(host);
  const loopback = everywhere || /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);
  const own = everywhere ? [] : [host.includes(":") ? `[${host}]` : host];
  const names = new Set([...own, ...(loopback ? ["127.0.0.1", "localhost", "[::1]"] : [])]);
  return new Set([...names].map((name) => new URL(`http://${name}:${port}`).origin));
}

function portOf({ server }: FastifyInstance): number | undefined {
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}
