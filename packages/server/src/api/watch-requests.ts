import type { FastifyInstance } from "fastify";
import type { ApiDeps } from "./deps.ts";
import { safeHeaders } from "./http-rules.ts";

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/**
 * Gives each request an id, counts it, measures it and logs it. A line has the route's pattern, never the path, a header
 * or the body.
 */
export function watchRequests(app: FastifyInstance, { log, metrics }: ApiDeps): void {
  const total = metrics.counter({
    name: "postrider_api_requests_total",
    help: "Requests answered, by route and status.",
    labels: ["method", "route", "status"],
  });
  const duration = metrics.histogram({
    name: "postrider_api_request_seconds",
    help: "Time from a request's head to the end of its answer, by route.",
    labels: ["method", "route"],
    buckets: seconds,
  });

  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-request-id": request.id, ...safeHeaders });
  });

  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    const method = request.is404 ? "any" : request.method;
    total.add(1, [method, route, reply.statusCode]);
    duration.observe(reply.elapsedTime / 1000, [method, route]);
    const level = reply.statusCode >= 500 ? "warn" : reply.statusCode >= 400 ? "info" : "debug";
    log[level](
      {
        request_id: request.id,
        method,
        route,
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
        team_id: request.caller?.teamId,
        api_key_id: request.caller?.apiKeyId,
      },
      "request",
    );
  });
}
