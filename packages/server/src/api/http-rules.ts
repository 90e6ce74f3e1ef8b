import type { FastifyInstance } from "fastify";
import { AppError } from "../errors.ts";

/** The headers of every answer for browsers: it is data that must not be cached, sniffed, executed or framed. */
export const safeHeaders = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  // Pages extend this policy.
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
};

/**
 * Refuses requests that HTTP/1.1 forbids: without a Host or with two (RFC 9112 §3.2), or with an unknown expectation (RFC
 * 9110 §10.1.1).
 *
 * Node would refuse some of them on its own, but without a body that says why.
 */
export function keepHttpRules(app: FastifyInstance): void {
  app.server.on("checkExpectation", (request, response) => {
    app.server.emit("request", request, response);
  });
  app.addHook("onRequest", async ({ raw }) => {
    if (raw.httpVersionMajor !== 1) {
      throw new AppError("malformed_request", "This service supports HTTP/1.1 and HTTP/1.0 only.");
    }
    const hosts = countHosts(raw.rawHeaders);
    if (hosts > 1 || (hosts === 0 && raw.httpVersion !== "1.0")) {
      throw new AppError("malformed_request", "A request must have exactly one Host header.");
    }
    const { expect } = raw.headers;
    if (expect !== undefined && !/^100-continue$/i.test(expect)) {
      throw new AppError("malformed_request", "The header Expect may only be 100-continue.");
    }
  });
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
